"""Optimisers that take a step in one kernel: the same numbers, and when they are taken."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback, Trainer
from lightning.pytorch.plugins import MixedPrecision
from torch import nn

from mfn.config.build import build
from mfn.errors import ConfigError
from mfn.training.checking import check
from mfn.training.fused import trains_on
from tests.composing import composed
from tests.small_run import small_data, small_recognizer, small_trainer


@pytest.mark.parametrize("words", [["optimizer=sgd"], ["optimizer=sgd", "optimizer.nesterov=true"], ["optimizer=adam"],
                                   ["optimizer=adamw"]])  # fmt: skip
def test_a_fused_step_is_the_step(words: list[str]) -> None:
    weights = []
    for fused in ("true", "false"):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(20, 30, bias=False), nn.BatchNorm1d(30), nn.PReLU(), nn.Linear(30, 5))
        optimizer = build(composed(*words, f"optimizer.fused={fused}").optimizer)(network.parameters())
        for _ in range(20):
            optimizer.zero_grad()
            network(torch.randn(8, 20)).square().mean().backward()
            optimizer.step()
        weights.append(torch.cat([p.detach().flatten() for p in network.parameters()]))
    torch.testing.assert_close(*weights, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("has_gpu", "words", "fused"),
    [
        (True, [], True),
        (False, [], False),
        (True, ["trainer=cpu"], False),
        (True, ["trainer=gpu"], True),
        (True, ["optimizer.fused=false"], False),
        (False, ["optimizer.fused=true"], True),
        (True, ["trainer.precision=16-mixed", "trainer.gradient_clip_val=1.0"], False),
        (True, ["trainer.precision=bf16-mixed", "trainer.gradient_clip_val=1.0"], True),
        (True, ["trainer.precision=16-mixed"], True),
    ],
)
def test_it_is_taken_on_a_cuda_device(
    has_gpu: bool, words: list[str], fused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: int(has_gpu))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=0: (9, 0))
    assert check(composed(*words)).optimizer.fused is fused


def test_what_it_cannot_do_is_told_before_data_is_read() -> None:
    words = ["optimizer.fused=true", "trainer.precision=16-mixed", "trainer.gradient_clip_val=1.0"]
    with pytest.raises(ConfigError, match=r"leaves nothing to clip: set optimizer\.fused=false"):
        check(composed(*words))
    with pytest.raises(ConfigError, match="fused"):
        check(composed("optimizer=rmsprop", "+optimizer.fused=true"))
    assert "fused" not in check(composed("optimizer=rmsprop")).optimizer


def test_the_device_is_the_one_that_lightning_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert [trains_on(composed(f"trainer.accelerator={name}")) for name in ("auto", "gpu", "cpu")] == [
        *("mps", "mps", "cpu")
    ]


@pytest.mark.parametrize("fused", [True, False])
def test_the_gradient_is_logged_without_the_scale_of_fp16(tmp_path: Path, fused: bool) -> None:
    norms: dict[str, list[float]] = {}

    class Watch(Callback):
        def __init__(self, name: str) -> None:
            self.found = norms.setdefault(name, [])

        def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
            self.found.append(float(trainer.callback_metrics["train/gradient_norm"]))

    for name, scale in (("plain", 1.0), ("scaled", 1024.0)):
        data = small_data()
        optimizer = partial(torch.optim.SGD, lr=0.05, weight_decay=4e-5, fused=fused)
        fp16 = MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=scale))
        recognizer = small_recognizer(data, optimizer=optimizer)
        small_trainer([Watch(name)], tmp_path, plugins=[fp16]).fit(recognizer, datamodule=data)
    assert norms["scaled"][0] == pytest.approx(norms["plain"][0], rel=0.02)  # later ones go their own ways


@pytest.mark.parametrize(("words", "timed"), [([], True), (["trainer.deterministic=true"], False),
                                              (["trainer.deterministic=true", "trainer.benchmark=true"], True),
                                              (["trainer.benchmark=false"], False)])  # fmt: skip
def test_cudnn_times_its_algorithms_unless_the_run_is_deterministic(words: list[str], timed: bool) -> None:
    assert check(composed(*words)).trainer.benchmark is timed
