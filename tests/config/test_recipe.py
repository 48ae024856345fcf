"""Recipes and what is chosen beside them: every combination makes a run that takes a step."""

import functools
import itertools
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from mfn.commands.launch import jobs_of, train_arguments
from mfn.config.build import build
from mfn.config.command_line import CommandLine
from mfn.config.recipe import image_count, recipe_for
from mfn.data.datamodule import FaceDataModule
from mfn.errors import ConfigError
from mfn.images.copies import write_copies
from mfn.packs.record import Record
from mfn.packs.recordio import RecordWriter
from mfn.sources.record_dataset import RecordDataset
from mfn.synthetic.dataset import SyntheticFaces
from mfn.training.assembly import build_recognizer, build_trainer
from mfn.training.checking import check
from mfn.training.schedules import Clock, Schedule
from tests.composing import CONF, choices, composed

ROOT = CONF.parent
GROUPS = ("head", "optimizer", "scheduler", "model", "augment")
TINY = ["image_size=[32,32]", "data.source.num_identities=6", "data.source.images_per_identity=4", "data.batch_size=4"]
FAST = [
    "trainer=cpu",
    "data.num_workers=0",
    "logger=[]",
    "callbacks=[]",
    "data.val_identities=0",
    "data.val_fraction=0",
]
WITHOUT = {"none"} | (set() if find_spec("pytorch_metric_learning") else {"triplet", "contrastive"})
"""Heads that learn nothing by themselves, or need a package that is not there."""
SIZES = {"mobilefacenet": ["model.width=0.125"], "mbf": ["model.scale=1", "model.blocks=[1,1,1,1]"]}
SIZES["mbf_large"] = SIZES["mbf"]
TAUGHT = {name: ["teacher=null", "distill=[]"] for name in ("qat", "blocks")}
"""What recipes that learn from a teacher need to learn from labels."""


def take_a_step(config: DictConfig, data: FaceDataModule) -> None:
    """One optimiser step by hand: two thousand trainers would take an hour."""
    recognizer = build_recognizer(config, data)
    batch = next(iter(data.train_dataloader()))
    groups = recognizer.optimizer_groups()
    optimizer = recognizer.make_optimizer(groups)
    if isinstance(recognizer.schedule, Schedule):
        assert 0 <= recognizer.schedule.factor(0, Clock(total_steps=10, steps_per_epoch=5)) <= 1
    recognizer.head.at_step(0, 10)
    recognizer.head(recognizer(batch.images), batch.labels).loss.backward()
    trained = [*recognizer.head.parameters(), *recognizer.backbone.parameters()][0]
    before = trained.detach().clone()
    optimizer.step()
    assert trained.isfinite().all() and not torch.equal(trained, before)


@pytest.mark.slow
@pytest.mark.parametrize("experiment", choices("experiment"))
def test_every_recipe_takes_a_step_with_every_head_optimiser_and_schedule(experiment: str) -> None:
    small = [*TINY, *SIZES["mobilefacenet"], *FAST, "model=mobilefacenet", "data.per_identity=2"]
    data: FaceDataModule = build(composed(f"experiment={experiment}", *small).data.module)
    data.setup()
    first = choices("experiment").index(experiment)
    for groups in (("head", "optimizer"), ("scheduler", "optimizer")):
        for chosen in paired_off(*(choices(group) for group in groups), first):
            if not WITHOUT.isdisjoint(chosen) or (experiment == "qat" and chosen[0] == "triplet"):
                continue  # nothing to mine from an untrained network that is rounded
            words = [f"{group}={choice}" for group, choice in zip(groups, chosen, strict=True)]
            if experiment in TAUGHT and "head" not in groups:
                words.append("head=arcface")
            take_a_step(composed(f"experiment={experiment}", *words, *small, *TAUGHT.get(experiment, [])), data)


def paired_off(some: list[str], others: list[str], first: int) -> list[tuple[str, str]]:
    """Every choice of the longer list with one of the shorter, another one for each ``first``."""
    return [(choice, others[(index + first) % len(others)]) for index, choice in enumerate(some)]


def test_over_all_recipes_every_head_and_schedule_meets_every_optimiser() -> None:
    optimizers = choices("optimizer")
    for group in ("head", "scheduler"):
        met = {
            pair
            for first in range(len(choices("experiment")))
            for pair in paired_off(choices(group), optimizers, first)
        }
        assert met == set(itertools.product(choices(group), optimizers))


@pytest.mark.slow
@pytest.mark.parametrize("experiment", choices("experiment"))
def test_every_recipe_trains_with_every_network_augmentation_and_callback(experiment: str, tmp_path: Path) -> None:
    start = [f"model_path={tmp_path}/net.ckpt", "head=arcface", *TAUGHT.get(experiment, [])]
    chosen = [("model", name) for name in SIZES] + [("augment", choice) for choice in choices("augment")]
    for group, choice in [*chosen, ("callbacks", "[default]"), ("callbacks", "[default,ema,series]")]:
        size = SIZES[choice if group == "model" else "mobilefacenet"]
        words = [f"{group}={choice}", *([] if group == "model" else ["model=mobilefacenet"])]
        config = check(composed(f"experiment={experiment}", *TINY, *size, *FAST, *words, *start))
        OmegaConf.update(config, "paths.output", str(tmp_path))
        config.trainer.max_steps, config.trainer.limit_val_batches = 1, 0
        data: FaceDataModule = build(config.data.module)
        data.setup()
        trainer = build_trainer(config)
        trainer.fit(build_recognizer(config, data), datamodule=data)
        assert trainer.global_step == 1


@functools.cache
def without_a_recipe(group: str, choice: str) -> dict[str, Any]:
    return OmegaConf.to_container(composed(f"{group}={choice}", "recipe=nothing")[group])  # pyright: ignore[reportReturnType]


@pytest.mark.slow
@pytest.mark.parametrize("experiment", choices("experiment"))
@pytest.mark.parametrize("group", ["head", "optimizer", "scheduler"])
def test_what_a_recipe_says_of_one_choice_does_not_reach_another(experiment: str, group: str) -> None:
    for choice in choices(group):
        own = OmegaConf.create(without_a_recipe(group, choice))
        file = CONF / "recipe" / experiment / group / f"{choice}.yaml"
        if file.is_file():
            says = OmegaConf.load(file)
            own = OmegaConf.merge(own, says.get(group, says))
        under = composed(f"experiment={experiment}", f"{group}={choice}")[group]
        assert OmegaConf.to_container(under) == OmegaConf.to_container(own), choice


def test_the_margins_of_the_large_recipe_are_each_heads_own() -> None:
    margins = {head: composed("experiment=paper", f"head={head}").head.get("margin") for head in ("arcface", "cosface")}
    assert margins == {"arcface": 0.5, "cosface": 0.35}
    assert composed("experiment=paper").last_weight_decay == 4e-4
    assert composed("experiment=paper", "optimizer=adamw").last_weight_decay == 0.05
    assert composed("head=cosface").head.scale == 16
    assert composed("head=cosface", "head.scale=40").head.scale == 40


def test_an_experiment_of_ones_own_keeps_the_recipe_it_is_derived_from(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    mine = tmp_path / "experiment" / "mine.yaml"
    mine.write_text("# @package _global_\ndefaults:\n  - small\n  - _self_\ndata:\n  batch_size: 8\n")
    from mfn.config.compose import composed as with_folder

    for head in ("arcface", "cosface", "sphereface"):
        config = with_folder("train", ["experiment=mine", f"head={head}"], str(tmp_path))
        assert config.data.batch_size == 8
        assert config.head == composed("experiment=small", f"head={head}").head
    mine.write_text(mine.read_text() + "head:\n  margin: 0.3\n")
    config = with_folder("train", ["experiment=mine"], str(tmp_path))
    assert (config.head.scale, config.head.margin) == (16, 0.3)


def write_pack(root: Path, images: int, people: int = 50) -> Path:
    """A pack of so many records of the same few pictures, without record 0."""
    faces = SyntheticFaces(8, 1, image_size=(32, 32))
    pictures = [cv2.imencode(".jpg", faces.image(index))[1].tobytes() for index in range(8)]
    root.mkdir(parents=True)
    with RecordWriter(root / "train.rec", root / "train.idx") as writer:
        for key in range(images):
            label = key % people
            writer.write(key, Record(0, np.array([label], np.float32), key, 0, pictures[label % 8]))
    return root


@pytest.fixture(scope="module")
def large_pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pack(tmp_path_factory.mktemp("packs") / "large pack", 100_001)


@pytest.fixture(scope="module")
def small_pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pack(tmp_path_factory.mktemp("packs") / "small", 400)


def chosen_for(*words: str) -> list[str]:
    line = CommandLine.parse(words).understandable()
    return recipe_for(line, jobs_of(line))


@pytest.mark.slow
def test_the_size_of_a_pack_chooses_its_recipe_and_says_why(large_pack: Path, small_pack: Path) -> None:
    large, small = (["data=ms1m", f"data.root={root}"] for root in (f"'{large_pack}'", small_pack))
    assert chosen_for(*large) == [
        "experiment=paper",
        'why_experiment="100,001 images are at least 100,000"',
    ]
    assert chosen_for(*small) == ["experiment=small", 'why_experiment="400 images are fewer than 100,000"']
    assert chosen_for("-m", *large, "head=softmax,arcface")[0] == "experiment=paper"
    assert chosen_for() == chosen_for("head=cosface") == chosen_for(*small, "experiment=jhface") == []


def test_virtual_copies_are_not_counted(small_pack: Path, tmp_path: Path) -> None:
    for file in small_pack.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    write_copies(tmp_path, [(str(key), "opening") for key in range(400)])
    source = RecordDataset(tmp_path, virtual_copies=True)
    assert (len(source), image_count(source)) == (800, 400)


def test_a_sweep_over_packs_of_different_size_asks_for_a_recipe(large_pack: Path, small_pack: Path) -> None:
    roots = f"data.root='{large_pack}','{small_pack}'"
    with pytest.raises(ConfigError, match=r"100,001 images .* and 400 images .* as experiment=paper"):
        chosen_for("-m", "data=ms1m", roots)
    assert chosen_for("-m", "data=ms1m", roots, "experiment=small") == []


@pytest.mark.slow
def test_what_is_shown_is_what_runs(large_pack: Path, tmp_path: Path) -> None:
    arguments = ["data=ms1m", f"data.root='{large_pack}'", "head=cosface"]
    for flags in (["--cfg", "job"], ["--config-dir", str(tmp_path)], []):
        assert "experiment=paper" in train_arguments([*flags, *arguments], tmp_path)
    shown = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *arguments, "--cfg", "job"], capture_output=True, text=True, check=True
    ).stdout
    config = OmegaConf.create(shown)
    assert (config.head.margin, config.trainer.max_steps, config.optimizer.lr) == (0.35, 60000, 0.1)
    assert config.why_experiment == "100,001 images are at least 100,000"


@pytest.mark.slow
def test_the_readmes_sweep_over_heads_runs_on_a_large_pack(large_pack: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "train.py"), "-m", "head=softmax,arcface,cosface,sphereface", "data=ms1m"]
    small = ["image_size=[32,32]", "model.width=0.125", "data.batch_size=32", "data.num_workers=0", "trainer=cpu"]
    few = ["trainer.max_steps=2", "trainer.val_check_interval=2", "data.val_pairs=20", f"data.root='{large_pack}'"]
    done = subprocess.run(
        [*command, *small, *few],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = "experiment=paper (100,001 images are at least 100,000; name another to change it): its recipe sets"
    assert done.stdout.count(told) == 4
    (table,) = tmp_path.glob("multirun/*/*/sweep.csv")
    rows = table.read_text().splitlines()
    assert rows[0].startswith("head,val/held_out/accuracy,steps")
    assert {row.split(",")[0] for row in rows[1:]} == {"softmax", "arcface", "cosface", "sphereface"}
    for job in table.parent.glob("[0-9]"):
        assert told in (job / "train.log").read_text()
