"""A training step hands out work and waits for nothing: counted by `mfn.bench.waits`, which is tested here too."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning import Callback, Trainer
from lightning.pytorch.plugins import MixedPrecision
from torch import nn

from mfn.bench.waits import WaitsOfSteps, host_waits
from mfn.config.build import build
from mfn.data.datamodule import FaceDataModule
from mfn.synthetic.dataset import SyntheticFaces
from mfn.training.callbacks.advance_head import AdvanceHead
from mfn.training.callbacks.ema import AveragedWeights
from mfn.training.callbacks.guards import BrokenImages, NonFiniteGuard
from mfn.training.callbacks.last_checkpoint import LastCheckpoint
from mfn.training.callbacks.progress import Throughput
from mfn.training.looks import ON_DEVICE, between_looks
from tests.composing import composed
from tests.small_run import SIZE, small_recognizer, small_trainer

LOOK = 5
STEPS = 13


def data() -> FaceDataModule:
    """Six people who train, 15 batches of 8."""
    faces = SyntheticFaces(8, 20, image_size=SIZE)
    module = FaceDataModule(faces, image_size=SIZE, batch_size=8, num_workers=0, val_identities=0.25, val_pairs=20)
    module.setup()
    return module


def waits(folder: Path, *more: Callback, trainer: dict[str, Any] | None = None, **options: Any) -> list[list[str]]:
    """The waits of each step of a run with all callbacks that every run has, and a look at every fifth."""
    faces = data()
    if isinstance(name := options.get("head"), str):
        options["head"] = build(composed(f"head={name}").head, embedding_dim=32, num_classes=faces.num_classes)
    recognizer = small_recognizer(faces, **options)
    with host_waits(recognizer) as places:
        counted = WaitsOfSteps(places)
        always: list[Callback] = [
            NonFiniteGuard(LOOK),
            BrokenImages(folder / "broken.csv"),
            LastCheckpoint(folder, every_n_steps=1000),
            Throughput(lines=False),
        ]
        settings = {"max_steps": STEPS, "max_epochs": -1, "log_every_n_steps": LOOK} | (trainer or {})
        small_trainer([*always, *more, counted], folder, **settings).fit(recognizer, datamodule=faces)
    assert len(counted.of_steps) >= STEPS - 1
    return counted.of_steps


def between(found: list[list[str]], every: int = LOOK) -> list[str]:
    """Those of steps at which nobody looks."""
    return [place for number, places in enumerate(found, 1) if number % every for place in places]


def adam(groups: Any) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, lr=1e-3, weight_decay=0.01)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimizer": adam},
        {"norm_penalty": 0.01},
        {"dropout": 0.2},
        {"trainer": {"precision": "bf16-mixed"}},
        {"trainer": {"gradient_clip_val": 1.0}},
        *(
            pytest.param({"head": name}, marks=pytest.mark.slow)
            for name in (
                *("cosface", "curricularface", "adaface", "magface", "adacos", "elasticface_arc"),
                *("sphereface2", "uniface", "mv_am", "subcentre_arcface", "softmax", "sphereface"),
            )
        ),
    ],
    ids=lambda options: (
        "-".join(f"{key}={getattr(value, '__name__', value)}" for key, value in options.items()).replace("/", "")
        or "default"
    ),
)
def test_the_host_waits_only_when_it_looks(tmp_path: Path, options: dict[str, Any]) -> None:
    found = waits(tmp_path, **options)
    assert between(found) == []
    assert all(found[number - 1] for number in (5, 10))  # the looks themselves are counted


@pytest.mark.slow
def test_averaging_and_a_look_at_the_mean_loss_wait_for_nothing(tmp_path: Path) -> None:
    found = waits(
        tmp_path,
        AveragedWeights(decay=0.9),
        AdvanceHead(every_n_steps=LOOK),
        head="softmax_then_arcface",
    )
    assert between(found) == []


@pytest.mark.slow
@pytest.mark.parametrize("fused", [True, False])
def test_fp16_waits_in_each_step_unless_the_optimiser_is_fused(tmp_path: Path, fused: bool) -> None:
    fp16 = MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=64.0))
    optimizer = partial(torch.optim.SGD, lr=0.05, momentum=0.9, weight_decay=4e-5, fused=fused)
    found = waits(tmp_path, trainer={"plugins": [fp16]}, optimizer=optimizer)
    assert between(found) == [] if fused else all("scaler" in " ".join(places) for places in found)


def test_accumulation_waits_for_nothing_more(tmp_path: Path) -> None:
    found = waits(tmp_path, trainer={"accumulate_grad_batches": 2, "max_steps": 7})
    told = {10}  # the batches of the fifth step are read
    assert [n for n, places in enumerate(found, 1) if places and n % LOOK and n not in told | {9}] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "waiting",
    [
        lambda trainer, module, outputs: float(outputs["loss"]),
        lambda trainer, module, outputs: outputs["loss"].detach().tolist(),
        lambda trainer, module, outputs: outputs["loss"].detach().cpu(),
        lambda trainer, module, outputs: next(module.parameters()).detach().numpy(),
        lambda trainer, module, outputs: torch.nonzero(module.head.weight > 0),
        lambda trainer, module, outputs: module.head.weight[module.head.weight > 0],
        lambda trainer, module, outputs: module.log("train/mine", 3.0),
        lambda trainer, module, outputs: module.log("train/mine", outputs["loss"], prog_bar=True),
    ],
    ids=["float", "tolist", "cpu", "numpy", "nonzero", "mask", "a number sent", "progress bar"],
)
def test_whatever_waits_is_counted_in_every_step(tmp_path: Path, waiting: Callable[..., Any]) -> None:
    class Waits(Callback):
        def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, *_: Any) -> None:
            waiting(trainer, module, outputs)

    found = waits(tmp_path, Waits())
    assert all(found)


def test_a_place_is_the_line_that_waits() -> None:
    network = nn.Linear(2, 2)
    with host_waits(network) as places:
        network(torch.ones(1, 2)).sum().item()  # here
    assert len(places) == 1 and places[0].endswith("# here") and "test_waits.py" in places[0]
    assert network(torch.ones(1, 2)).sum().item() and len(places) == 1


@pytest.mark.parametrize(("device", "given", "batches"), [("cpu", None, 1), ("cuda", None, ON_DEVICE), ("cuda", 3, 3)])
def test_looks_are_rare_where_they_cost(device: str, given: int | None, batches: int) -> None:
    trainer: Any = SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device(device)))
    assert between_looks(trainer, given) == batches
    assert partial(between_looks, trainer)(given) == batches
