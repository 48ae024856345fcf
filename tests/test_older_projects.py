"""Every key that docs/coming-from.md gives for an argument of an older project: setting it changes what a run does."""

import csv
import json
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from lightning.fabric.utilities import device_parser
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mfn.benchmarks.bin_writer import prepare_bin
from mfn.benchmarks.lfw_writer import write_lfw
from mfn.benchmarks.made_pairs import pairs_from_source
from mfn.checkpoint.format import read_checkpoint
from mfn.config.build import build
from mfn.config.compose import composed as composed_as_typed
from mfn.errors import ConfigError, DataError
from mfn.synthetic.dataset import SyntheticFaces
from tests.composing import composed
from tests.scripts import TINY, run_script

TABLES = Path(__file__).resolve().parents[1] / "docs" / "coming-from.md"
QUICK = (*TINY, "trainer.max_epochs=1", "trainer.limit_train_batches=3", "hydra.run.dir=run")


@dataclass
class Run:
    """What a training left."""

    here: Path
    output: str

    @property
    def folder(self) -> Path:
        return self.here / "run"

    @cached_property
    def summary(self) -> dict[str, Any]:
        return json.loads((self.folder / "summary.json").read_text())

    @cached_property
    def checkpoint(self) -> dict[str, Any]:
        return read_checkpoint(self.folder / "checkpoints" / "last.ckpt")

    def times(self, metric: str) -> int:
        """How often a metric was logged."""
        with next((self.folder / "csv").glob("*/metrics.csv")).open() as file:
            return sum(bool(row.get(metric)) for row in csv.DictReader(file))

    def files(self, form: str) -> int:
        return len(list((self.folder / "checkpoints").glob(form)))


Look = Callable[[Run], Any]


@dataclass(frozen=True)
class Effect:
    """What a key changes.

    Attributes:
        words: That set it; the first of the key itself.
        look: What changes. The weights that training ends with are a function of all that it does.
        expected: What it changes to; None: to anything else.
        beside: What stands beside the key with and without it.
    """

    words: tuple[str, ...]
    look: Look = lambda run: run.summary["last_weights"]
    expected: Any = None
    beside: tuple[str, ...] = ()


def of(*words: str, beside: tuple[str, ...] = (), look: Look | None = None, expected: Any = None) -> Effect:
    return Effect(words, look or Effect.look, expected, beside)


def steps(run: Run) -> int:
    return run.summary["steps"]


def histograms(run: Run) -> int:
    file = next((run.folder / "tensorboard").rglob("events*"))
    events = EventAccumulator(str(file), size_guidance={"histograms": 0}).Reload()
    return len(events.Histograms(events.Tags()["histograms"][0]))


EPOCHS_4 = ("trainer.max_epochs=4",)
FOLDER = ("data=folder", "data.root=people", "data.val_identities=0", "data.batch_size=8")
LFW = ("benchmark=lfw", "benchmark.root=sets")
COMBINED = ("head=combined",)
SERIES = (*EPOCHS_4, "callbacks=[default,series]", "callbacks.series.every_n_epochs=1")
START = "start/checkpoints/last.ckpt"
ALL = ("trainer.limit_train_batches=1.0",)

EFFECTS: dict[str, Effect] = {
    # How long, where and how often
    "trainer.max_epochs": of("trainer.max_epochs=2", look=steps, expected=6),
    "hydra.run.dir": of("hydra.run.dir=elsewhere", look=lambda run: (run.here / "elsewhere").is_dir(), expected=True),
    "trainer.log_every_n_steps": of(
        "trainer.log_every_n_steps=2", look=lambda run: run.times("train/loss"), expected=1
    ),
    "trainer.val_check_interval": of(
        "trainer.val_check_interval=1", look=lambda run: run.times("val/held_out/accuracy"), expected=3
    ),
    "trainer.check_val_every_n_epoch": of(
        "trainer.check_val_every_n_epoch=2",
        look=lambda run: run.times("val/held_out/accuracy"),
        expected=2,
        beside=EPOCHS_4,
    ),
    "callbacks.series.every_n_epochs": of(
        "callbacks.series.every_n_epochs=2",
        look=lambda run: run.files("epoch*.ckpt"),
        expected=2,
        beside=("callbacks=[default,series]", *EPOCHS_4),
    ),
    "callbacks.series.every_n_steps": of(
        "callbacks.series.every_n_steps=1",
        look=lambda run: run.files("*step*.ckpt"),
        beside=("callbacks=[default,series]",),
    ),
    "callbacks.series.keep": of(
        "callbacks.series.keep=3", look=lambda run: run.files("epoch*.ckpt"), expected=3, beside=SERIES
    ),
    "callbacks.best_checkpoint.save_top_k": of(
        "callbacks.best_checkpoint.save_top_k=2", look=lambda run: run.files("*.ckpt"), beside=EPOCHS_4
    ),
    "metric": of(
        "metric=val/lfw/tar_at_far_1e-01",
        look=lambda run: run.summary["metric"] if run.summary["value"] is not None else "",
        expected="val/lfw/tar_at_far_1e-01",
        beside=LFW,
    ),
    "mode": of("mode=min", look=lambda run: run.summary["weights"], beside=EPOCHS_4),
    "callbacks.early_stopping.patience": of(
        "callbacks.early_stopping.patience=1",
        look=steps,
        expected=6,
        beside=("callbacks=[default,early_stopping]", "callbacks.early_stopping.min_delta=1", *EPOCHS_4),
    ),
    "callbacks.histograms.every_n_steps": of(
        "callbacks.histograms.every_n_steps=1",
        look=histograms,
        expected=3,
        beside=("callbacks=[default,histograms]", "callbacks.histograms.every_n_steps=2", "logger=[csv,tensorboard]"),
    ),
    "logger": of("logger=tensorboard", look=lambda run: (run.folder / "csv").exists(), expected=False),
    "trainer.accumulate_grad_batches": of("trainer.accumulate_grad_batches=3", look=steps, expected=1),
    # Network, loss and optimiser
    "image_size": of(
        "image_size=[48,32]",
        look=lambda run: tuple(run.checkpoint["mfn"]["contract"][side] for side in ("height", "width")),
        expected=(48, 32),
    ),
    "model": of("model=mbf", look=lambda run: run.checkpoint["mfn"]["model"]["_target_"]),
    "model.embedding_dim": of(
        "model.embedding_dim=24", look=lambda run: run.checkpoint["state_dict"]["head.weight"].shape[1], expected=24
    ),
    "model.expansion": of("model.expansion=2"),
    "model.dropout": of("model.dropout=0.2"),
    "head": of("head=combined"),
    "head.scale": of("head.scale=30"),
    "head.margin": of("head.margin=0.3"),
    "head.m1": of("head.m1=1.1", beside=COMBINED),
    "head.m2": of("head.m2=0.2", beside=COMBINED),
    "head.m3": of("head.m3=0.25", beside=COMBINED),
    "norm_penalty": of("norm_penalty=2e-5"),
    "callbacks.advance_head.at_step": of(
        "callbacks.advance_head.at_step=1",
        look=lambda run: "the head advances to its second stage" in run.output,
        expected=True,
        beside=("head=softmax_then_arcface",),
    ),
    "optimizer": of("optimizer=rmsprop"),
    "optimizer.lr": of("optimizer.lr=0.01"),
    "optimizer.eps": of("optimizer.eps=0.1", beside=("optimizer=adam",)),
    "optimizer.weight_decay": of("optimizer.weight_decay=1e-2"),
    "scheduler": of("scheduler=staircase", beside=("trainer.max_epochs=2",)),
    "scheduler.milestones": of("scheduler.milestones=[1]", beside=("scheduler=multistep", "trainer.max_epochs=2")),
    "scheduler.patience": of(
        "scheduler.patience=0", beside=("scheduler=plateau", *EPOCHS_4, "metric=val/held_out/pairs")
    ),
    "scheduler.factor": of(
        "scheduler.factor=0.01",
        beside=("scheduler=plateau", "scheduler.patience=0", *EPOCHS_4, "metric=val/held_out/pairs"),
    ),
    "callbacks.ema.decay": of(
        "callbacks.ema.decay=0.1", look=lambda run: run.summary["weights"], beside=("callbacks=[default,ema]",)
    ),
    "model_path": of(
        f"model_path={START}",
        look=lambda run: next(iter(run.checkpoint["state_dict"].values())).flatten()[0].item(),
        beside=("optimizer.lr=0", "seed=3"),
    ),
    # Data
    "data": of(*FOLDER, look=lambda run: "person" in str(run.checkpoint["mfn"]["label_names"]), expected=True),
    "data.root": of("data.root=others", beside=FOLDER),
    "data.val_root": of(
        "data.val_root=others",
        look=lambda run: run.times("val/top1"),
        expected=1,
        beside=(*FOLDER, "metric=val/loss", "mode=min"),
    ),
    "data.val_fraction": of("data.val_fraction=0.25", look=lambda run: run.times("val/loss"), expected=1),
    "data.batch_size": of("data.batch_size=4", look=steps, expected=16, beside=ALL),
    "data.shuffle": of("data.shuffle=false"),
    "data.min_images": of("data.min_images=5", beside=FOLDER),
    "data.max_images": of("data.max_images=4", beside=(*FOLDER, *ALL), look=steps, expected=2),
    "augment": of("augment=jhface"),
    "augment.p": of("augment.p=0", beside=("augment=keras_arcface",)),
    "contract.mean": of("contract.mean=[0,0,0]"),
    "contract.std": of("contract.std=[128,128,128]"),
    "trainer.devices": of("trainer.devices=2", look=steps, beside=(*ALL, "trainer.strategy=auto")),
    "benchmark": of(*LFW, look=lambda run: run.times("val/lfw/accuracy"), expected=1),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs find pairs, people and a checkpoint."""
    folder = tmp_path_factory.mktemp("older")
    made = pairs_from_source(SyntheticFaces(6, 4, image_size=(32, 32)), folds=5, pairs_per_fold=4)
    write_lfw(made, folder / "sets" / "lfw")
    prepare_bin(made, folder / "sets" / "lfw.bin")
    (folder / "sets" / "lfw.bin.json").unlink()
    draw = np.random.default_rng(0)
    for name, counts in {"people": (4, 5, 6, 9), "others": (5, 5, 6, 9)}.items():
        for person, count in enumerate(counts):
            (folder / name / f"person{person}").mkdir(parents=True)
            for number in range(count):
                cv2.imwrite(
                    str(folder / name / f"person{person}" / f"{number}.png"), draw.integers(0, 256, (32, 32, 3))
                )
    run_script("train", *QUICK, "seed=3", "hydra.run.dir=start", cwd=folder)
    return folder


_done: dict[tuple[str, ...], Run] = {}


def run(place: Path, words: tuple[str, ...]) -> Run:
    """Trains with some words in place of the usual ones of the same keys, once for the same words."""
    if words in _done:
        return _done[words]
    here = Path(tempfile.mkdtemp(dir=place))
    for name in ("people", "others", "sets", "start"):
        (here / name).symlink_to(place / name)
    keys = {word.partition("=")[0] for word in words}
    without = {"data=folder": "data.source.", "model=mbf": "model.width"}
    absent = tuple(start for word, start in without.items() if word in words)
    usual = [word for word in QUICK if word.partition("=")[0] not in keys and not word.startswith(absent)]
    _done[words] = Run(here, run_script("train", *usual, *words, cwd=here).output)
    return _done[words]


@pytest.mark.slow
@pytest.mark.parametrize("key", EFFECTS)
def test_setting_the_key_has_an_effect(key: str, place: Path) -> None:
    effect = EFFECTS[key]
    changed = effect.look(run(place, (*effect.beside, *effect.words)))
    before = effect.look(run(place, effect.beside))
    assert changed != before
    assert effect.expected in (None, changed)


PAIRS = ("benchmark=pairs",)
BY_PERSON = (*PAIRS, "benchmark.pairs.sampling=by_person", "benchmark.pairs.num_sample=3")
EVALUATION_EFFECTS: dict[str, tuple[tuple[str, ...], Callable[[Any], Any], Any]] = {
    "benchmark.lfw.folds": (
        ("benchmark=lfw", "benchmark.lfw.folds=3"),
        lambda sets: np.unique(sets["lfw"].fold_of).tolist(),
        [0, 1, 2],
    ),
    "benchmark.pairs.sampling": (
        (
            *PAIRS,
            "benchmark.pairs.pairs_per_fold=2",
            "benchmark.pairs.num_sample=3",
            "benchmark.pairs.sampling=by_person",
        ),
        lambda sets: sets["pairs"].is_same.mean() < 0.5,
        True,
    ),
    "benchmark.pairs.folds": (
        (*PAIRS, "benchmark.pairs.pairs_per_fold=2", "benchmark.pairs.folds=3"),
        lambda sets: sets["pairs"].fold_of.max(),
        2,
    ),
    "benchmark.pairs.num_person": (
        (*BY_PERSON, "benchmark.pairs.num_person=4"),
        lambda sets: len(sets["pairs"].pairs),
        66,
    ),
    "benchmark.pairs.num_sample": (
        (*BY_PERSON, "benchmark.pairs.num_sample=2"),
        lambda sets: len(sets["pairs"].pairs),
        66,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("key", EVALUATION_EFFECTS)
def test_setting_a_key_of_the_evaluation_has_an_effect(key: str, place: Path) -> None:
    words, look, expected = EVALUATION_EFFECTS[key]
    root = place / "sets" / "lfw" if "benchmark=lfw" in words else place / "sets" / "lfw" / "images"

    def sets(*words: str) -> Any:
        return build(composed(*words, f"benchmark.root={root}", config="evaluate").benchmark)

    assert look(sets(*words)) == expected
    assert look(sets(*words[:-1])) != expected


@pytest.mark.slow
def test_pairs_may_lie_apart_from_their_images(place: Path, tmp_path: Path) -> None:
    shutil.copy(place / "sets" / "lfw" / "pairs.txt", tmp_path / "pairs.txt")
    words = ["benchmark=lfw", f"benchmark.root={tmp_path / 'pairs.txt'}"]
    with pytest.raises(DataError, match="images"):
        build(composed(*words, config="evaluate").benchmark)
    apart = f"benchmark.lfw.images={place / 'sets' / 'lfw' / 'images'}"
    found = build(composed(*words, apart, config="evaluate").benchmark)["lfw"]
    assert len(found.pairs) == 20


def test_pairs_are_judged_in_batches_of_the_size_asked_for() -> None:
    config = composed("data.eval_batch_size=7", "data.num_workers=0", "data.source.num_identities=12")
    data = build(config.data.module)
    data.setup()
    assert len(next(iter(data.val_dataloader()[0])).images) == 7


def test_one_device_is_a_number_in_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_parser, "_get_all_available_gpus", lambda **_: [0, 1])
    chosen = {text: composed(f"trainer.devices={text}").trainer.devices for text in ("1", "[1]")}
    assert device_parser._parse_gpu_ids(chosen["1"], include_cuda=True) == [0]
    assert device_parser._parse_gpu_ids(list(chosen["[1]"]), include_cuda=True) == [1]


TESTED_ELSEWHERE = {
    "benchmark.root",
    "ckpt_path",
    "data.image_root",
    "data.eval_batch_size",
    "benchmark.lfw.images",
    "model_path",
    "batch_size",
    "store_threshold",
    "flip",
    "target",
    "precision",
    "calibration",
    "calibration_count",
    "input",
    "name",
    "balance",
    "detector",
    "align.several",
    "output",
    "split.val_fraction",
    "workers",
}
"""Above, and in the tests of evaluate.py, export.py and mfn prepare."""


def mapped_words() -> list[str]:
    """What stands in the second column of the tables of older arguments."""
    lines = TABLES.read_text(encoding="utf-8").splitlines()
    cells = [line.split("|")[2] for line in lines if line.startswith("| ") and "key here" not in line]
    return [word for cell in cells for word in re.findall(r"`([^`]+)`", cell)]


def test_every_key_that_the_tables_map_to_is_tested_here() -> None:
    keys = {word.partition("=")[0] for word in mapped_words() if not word.startswith(("mfn ", "python "))}
    assert len(keys) > 70
    tested = set(EFFECTS) | set(EVALUATION_EFFECTS) | TESTED_ELSEWHERE
    assert keys <= tested, keys - tested


CONTEXTS = {
    "train": [
        "head=combined",
        "data=folder",
        "benchmark=[lfw,pairs]",
        "callbacks=[default,series,early_stopping,ema,histograms,advance_head]",
    ],
    "evaluate": ["benchmark=[lfw,pairs]"],
    "export": [],
    "prepare": [],
}


@pytest.mark.slow
@pytest.mark.parametrize("word", [word for word in mapped_words() if "=" in word and " " not in word])
def test_every_value_that_readme_maps_to_is_understood(word: str) -> None:
    def fits(config: str) -> bool:
        group = word.partition("=")[0]
        beside = [other for other in CONTEXTS[config] if other.partition("=")[0] != group]
        try:
            composed_as_typed(config, [*beside, word])
        except ConfigError:
            return False
        return True

    assert any(fits(config) for config in CONTEXTS)
