"""The share of training that waits for data: in each line, over the run, and nothing of it for what is not training."""

import logging
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from mfn.data.images import FaceImages
from mfn.data.loader import FaceLoader
from mfn.data.sampler import FaceBatchSampler
from mfn.report.run import waiting_share
from mfn.training.callbacks import progress
from mfn.training.callbacks.progress import Throughput


class Run:
    """A run whose clock is moved by hand: each step takes 3 seconds, each batch is waited for as told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, every: int, tells: bool = True) -> None:
        self.now = 0.0
        monkeypatch.setattr(progress.time, "perf_counter", lambda: self.now)
        self.loader: Any = SimpleNamespace(waited=0.0) if tells else object()
        self.clock = Throughput(lines=True)
        self.trainer: Any = SimpleNamespace(
            train_dataloader=self.loader,
            world_size=1,
            log_every_n_steps=every,
            estimated_stepping_batches=100,
            global_step=0,
            accumulate_grad_batches=1,
            is_global_zero=True,
            callback_metrics={},
            callbacks=[self.clock],
        )
        self.logged: list[tuple[str, float]] = []
        self.module: Any = SimpleNamespace(
            sizes=SimpleNamespace(pace=lambda _: 1.0), log=lambda name, value: self.logged.append((name, float(value)))
        )

    def step(self, wait: float) -> None:
        self.now += wait
        if hasattr(self.loader, "waited"):
            self.loader.waited += wait
        batch = SimpleNamespace(labels=torch.zeros(6))
        self.clock.on_train_batch_start(self.trainer, self.module, batch, 0)
        self.now += 3.0
        self.trainer.global_step += 1
        self.clock.on_train_batch_end(self.trainer, self.module, None, batch, 0)

    def validate(self) -> None:
        self.clock.on_validation_start(self.trainer, self.module)
        self.now += 1000.0

    def of(self, name: str) -> list[float]:
        return [value for key, value in self.logged if key == f"train/{name}"]


def test_each_line_says_how_long_it_waited(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    run = Run(monkeypatch, every=2)
    with caplog.at_level(logging.INFO):
        for wait in (50.0, 1.0, 3.0, 1.0, 0.0, 0.0):  # of the first one nothing is training yet
            run.step(wait)
    assert run.of("waiting") == pytest.approx([1 / 7, 4 / 10, 0])
    assert run.of("images_per_second") == pytest.approx([12 / 7, 12 / 10, 12 / 6])
    assert "40.0 % waiting for data" in caplog.messages[1]
    assert waiting_share(run.trainer) == pytest.approx(5 / 23)


def test_validation_and_what_follows_a_line_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, every=1)
    run.step(9.0)
    run.now += 500.0  # a checkpoint
    run.step(1.0)
    run.validate()
    run.step(9.0)
    assert run.of("waiting") == pytest.approx([0, 1 / 4, 0])
    assert (run.clock.trained, run.clock.waited) == (10.0, 1.0)


def test_a_run_shorter_than_a_line_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, every=50)
    assert waiting_share(run.trainer) is None
    for _ in range(3):
        run.step(3.0)
    run.validate()
    assert (run.clock.trained, run.clock.waited) == (15.0, 6.0)
    run.step(3.0)
    run.step(3.0)
    run.clock.on_train_end(run.trainer, run.module)
    run.clock.on_train_end(run.trainer, run.module)
    assert (run.clock.trained, run.clock.waited) == (24.0, 9.0)
    assert not run.logged


def test_a_loader_that_does_not_tell_is_never_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, every=1, tells=False)
    run.step(1.0)
    run.step(1.0)
    assert run.of("waiting") == [0, 0] and waiting_share(run.trainer) == 0


@pytest.mark.parametrize("workers", [0, 1])
def test_the_loader_counts_the_time_in_which_it_is_asked(workers: int) -> None:
    class Slow:
        name = "slow"

        def __len__(self) -> int:
            return 8

        def image(self, index: int) -> np.ndarray:
            progress.time.sleep(0.02)
            return np.zeros((4, 4, 3), np.uint8)

        def describe(self, index: int) -> str:
            return str(index)

    images = FaceImages(Slow(), np.arange(8), np.zeros(8, np.int64), (4, 4))
    loader = FaceLoader(images, FaceBatchSampler(8, 2), num_workers=workers)
    assert loader.waited == 0
    assert len(list(loader)) == 4
    assert loader.waited >= 8 * 0.02
