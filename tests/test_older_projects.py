"""Every argument of the older projects that README maps to a key here: setting the key has an effect."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from lightning import Trainer
from omegaconf import DictConfig

from mfn.assembly import build_callbacks, build_recognizer, contract_of
from mfn.data.benchmarks.bin_writer import prepare_bin
from mfn.data.benchmarks.lfw_writer import write_lfw
from mfn.data.benchmarks.made_pairs import pairs_from_source
from mfn.data.synthetic import SyntheticFaces
from mfn.recognizer import FaceRecognizer
from mfn.schedules import Clock
from tests.composing import composed
from tests.small_run import small_data

README = Path(__file__).resolve().parents[1] / "README.md"


def data(config: DictConfig) -> Any:
    module = instantiate(config.data.module, _convert_="all")
    module.setup()
    return module


def trainer(config: DictConfig) -> Trainer:
    return instantiate(config.trainer, _convert_="all", logger=False, enable_progress_bar=False, barebones=False)


def recognizer(config: DictConfig) -> FaceRecognizer:
    return build_recognizer(config, small_data())


def callback(config: DictConfig, name: str) -> Any:
    return next(c for c in build_callbacks(config) if type(c).__name__ == name)


def groups(config: DictConfig) -> dict[str, float]:
    return {group["name"]: group["weight_decay"] for group in recognizer(config).optimizer_groups()}


def factor(config: DictConfig, epoch: float) -> float:
    clock = Clock(total_steps=1200, steps_per_epoch=100)
    return instantiate(config.scheduler, _convert_="all").factor(int(epoch * 100), clock)


def optimizer(config: DictConfig) -> torch.optim.Optimizer:
    return instantiate(config.optimizer, _convert_="all")([torch.nn.Parameter(torch.zeros(1))])


def augmented(config: DictConfig) -> int:
    """How many of twenty grey ramps an augmentation changes."""
    augment = instantiate(config.augment, _convert_="all")
    ramp = np.tile(np.arange(112, dtype=np.uint8)[None, :, None], (112, 1, 3))
    return sum(not np.array_equal(augment(ramp.copy(), seed=0, epoch=0, index=i), ramp) for i in range(20))


Look = Callable[[DictConfig], Any]
Effect = tuple[list[str], Look, Any]

SMALL = ["data.source.num_identities=12", "data.source.images_per_identity=10"]
EFFECTS: dict[str, Effect] = {
    "trainer.max_epochs": (["trainer.max_epochs=7"], lambda c: trainer(c).max_epochs, 7),
    "image_size": (
        ["image_size=[112,96]"],
        lambda c: recognizer(c).backbone.output.gdc.conv.kernel_size,
        (7, 6),
    ),
    "model.embedding_dim": (
        ["model.embedding_dim=64"],
        lambda c: recognizer(c).head.state_dict()["weight"].shape[1],
        64,
    ),
    "optimizer.weight_decay": (["optimizer.weight_decay=1e-3"], lambda c: groups(c)["backbone"], 1e-3),
    "scheduler.milestones": (
        ["scheduler=multistep", "scheduler.unit=epochs", "scheduler.milestones=[4,7,9,11]"],
        lambda c: [round(factor(c, e), 6) for e in (3, 5, 8, 10, 11.5)],
        [1, 0.1, 0.01, 0.001, 0.0001],
    ),
    "data.batch_size": (
        [*SMALL, "data.batch_size=5"],
        lambda c: len(next(iter(data(c).train_dataloader())).labels),
        5,
    ),
    "data.eval_batch_size": (
        [*SMALL, "data.eval_batch_size=7", "data.num_workers=0"],
        lambda c: len(next(iter(data(c).val_dataloader()[0])).images),
        7,
    ),
    "hydra.run.dir": (["hydra.run.dir=elsewhere"], lambda c: None, None),
    "callbacks.best_checkpoint.save_top_k": (
        ["callbacks.best_checkpoint.save_top_k=3"],
        lambda c: callback(c, "ModelCheckpoint").save_top_k,
        3,
    ),
    "trainer.log_every_n_steps": (["trainer.log_every_n_steps=3"], lambda c: trainer(c).log_every_n_steps, 3),
    "callbacks.last_checkpoint.every_n_steps": (
        ["callbacks.last_checkpoint.every_n_steps=2000"],
        lambda c: callback(c, "LastCheckpoint").every_n_steps,
        2000,
    ),
    "trainer.val_check_interval": (
        ["trainer.val_check_interval=50"],
        lambda c: trainer(c).val_check_interval,
        50,
    ),
    "init_from": (["init_from=some.ckpt"], lambda c: c.init_from, "some.ckpt"),
    "optimizer": (["optimizer=rmsprop"], lambda c: type(optimizer(c)).__name__, "RMSprop"),
    "callbacks.ema.decay": (
        ["callbacks=[default,ema]", "callbacks.ema.decay=0.9"],
        lambda c: callback(c, "EMAWeightAveraging")._kwargs["avg_fn"](torch.ones(1), torch.zeros(1), 1).item(),
        pytest.approx(0.9),
    ),
    "callbacks.histograms.every_n_steps": (
        ["callbacks=[default,histograms]", "callbacks.histograms.every_n_steps=9"],
        lambda c: callback(c, "Histograms").every_n_steps,
        9,
    ),
    "norm_penalty": (["norm_penalty=2e-5"], lambda c: recognizer(c).norm_penalty, 2e-5),
    "head": (["head=combined"], lambda c: type(recognizer(c).head).__name__, "CombinedHead"),
    "head.scale": (["head.scale=30"], lambda c: recognizer(c).head.scale, 30),
    "head.margin": (["head.margin=0.3"], lambda c: recognizer(c).head.margin, 0.3),
    "head.m1": (["head=combined", "head.m1=1.1"], lambda c: recognizer(c).head.m1, 1.1),
    "head.m3": (["head=combined", "head.m3=0.25"], lambda c: recognizer(c).head.m3, 0.25),
    "augment.p": (["augment=strong", "augment.p=0"], augmented, 0),
    "data.root": (["data=folder", "data.root=DIR"], lambda c: c.data.module.source.root, "DIR"),
    "data.shuffle": (
        [*SMALL, "data.shuffle=false", "data.num_workers=0", "data.batch_size=4"],
        lambda c: next(iter(data(c).train_dataloader())).labels.tolist(),
        [0, 0, 0, 0],
    ),
    "model.expansion": (
        ["model.expansion=2"],
        lambda c: recognizer(c).backbone.features.stage1_0.expand.conv.out_channels,
        256,
    ),
    "callbacks.best_checkpoint.every_n_epochs": (
        ["callbacks.best_checkpoint.every_n_epochs=5"],
        lambda c: callback(c, "ModelCheckpoint")._every_n_epochs,
        5,
    ),
    "data.val_fraction": (
        [*SMALL, "data.val_identities=0", "data.val_fraction=0.2"],
        lambda c: len(data(c)._ready().validation),
        24,
    ),
    "trainer.check_val_every_n_epoch": (
        ["trainer.check_val_every_n_epoch=5"],
        lambda c: trainer(c).check_val_every_n_epoch,
        5,
    ),
    "trainer.devices": (["trainer=cpu", "trainer.devices=2"], lambda c: trainer(c).num_devices, 2),
    "augment": (["augment=strong"], lambda c: augmented(c) > 15, True),
    "contract.std": (["contract.std=[128,128,128]"], lambda c: contract_of(c).std, (128.0, 128.0, 128.0)),
    "optimizer.lr": (["optimizer.lr=0.01"], lambda c: optimizer(c).defaults["lr"], 0.01),
    "scheduler": (
        ["scheduler=staircase"],
        lambda c: type(instantiate(c.scheduler)).__name__,
        "ExponentialStaircase",
    ),
    "callbacks.early_stopping.patience": (
        ["callbacks=[default,early_stopping]", "callbacks.early_stopping.patience=4"],
        lambda c: callback(c, "EarlyStopping").patience,
        4,
    ),
    "model.dropout": (["model.dropout=0.2"], lambda c: recognizer(c).backbone.output.dropout.p, 0.2),
    "data.min_images": (
        ["data=synthetic", *SMALL, "data.source.images_per_identity=3", "data.min_images=3", "data.val_identities=0"],
        lambda c: data(c).rules.min_images,
        3,
    ),
    "data.max_images": (
        [*SMALL, "data.max_images=4", "data.val_identities=0"],
        lambda c: data(c).num_images,
        48,
    ),
}


PAIRS = ["benchmark=pairs"]
FIVE = [*PAIRS, "benchmark.pairs.sampling=by_person", "benchmark.pairs.num_sample=3"]
EVALUATION_EFFECTS: dict[str, Effect] = {
    "benchmark": (["benchmark=pairs", "benchmark.pairs.pairs_per_fold=2"], lambda sets: list(sets), ["pairs"]),
    "benchmark.lfw.folds": (["benchmark=lfw", "benchmark.lfw.folds=5"], lambda sets: sets["lfw"].fold_of.max(), 4),
    "benchmark.pairs.sampling": (FIVE, lambda sets: len(sets["pairs"].pairs), 105),
    "benchmark.pairs.folds": ([*FIVE, "benchmark.pairs.folds=3"], lambda sets: sets["pairs"].fold_of.max(), 2),
    "benchmark.pairs.num_person": ([*FIVE, "benchmark.pairs.num_person=4"], lambda s: len(s["pairs"].pairs), 66),
    "benchmark.pairs.num_sample": (
        [*FIVE, "benchmark.pairs.num_sample=2"],
        lambda s: len(s["pairs"].pairs) < 105,
        True,
    ),
}
TESTED_ELSEWHERE = {"benchmark.root", "store_threshold"}
"""In tests/test_judging.py."""


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six people of four images; and pairs of them in a list without folds of its own."""
    folder = tmp_path_factory.mktemp("people")
    made = pairs_from_source(SyntheticFaces(6, 4, image_size=(32, 32)), folds=5, pairs_per_fold=4)
    write_lfw(made, folder / "lfw")
    prepare_bin(made, folder / "lfw.bin")
    (folder / "lfw.bin.json").unlink()
    return folder


@pytest.mark.parametrize("key", EVALUATION_EFFECTS)
def test_setting_a_key_of_the_evaluation_has_an_effect(key: str, people: Path) -> None:
    overrides, look, expected = EVALUATION_EFFECTS[key]
    root = people if "benchmark=lfw" in overrides else people / "lfw" / "images"

    def sets(*words: str) -> Any:
        return instantiate(composed(*words, f"benchmark.root={root}", config="evaluate").benchmark, _convert_="all")

    assert look(sets(*overrides)) == expected
    if key not in ("benchmark", "benchmark.pairs.sampling"):
        assert look(sets(*overrides[:-1])) != expected


def mapped_keys() -> set[str]:
    """Keys in the second column of README's tables of older arguments."""
    section = README.read_text(encoding="utf-8").partition("## Coming from an older project")[2].partition("\n## ")[0]
    cells = [line.split("|")[2] for line in section.splitlines() if line.startswith("| `")]
    return {key.partition("=")[0].lstrip("+") for cell in cells for key in re.findall(r"`([^`]+)`", cell)}


def test_every_key_that_readme_maps_to_is_tested_here() -> None:
    keys = mapped_keys()
    assert len(keys) > 25
    tested = set(EFFECTS) | set(EVALUATION_EFFECTS) | TESTED_ELSEWHERE
    assert keys <= tested, keys - tested


@pytest.mark.parametrize("key", EFFECTS)
def test_setting_the_key_has_an_effect(key: str) -> None:
    overrides, look, expected = EFFECTS[key]
    if key == "hydra.run.dir":
        pytest.skip("Hydra's own; the resume test writes to a folder given so")
    default = composed(*(o for o in overrides if not o.lstrip("+").startswith(f"{key}=")))
    assert look(composed(*overrides)) == expected
    if key not in ("data.root", "callbacks.ema.decay"):
        assert look(default) != expected
