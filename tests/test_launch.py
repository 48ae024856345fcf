import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from omegaconf import OmegaConf

from mfn.errors import CheckpointError, ConfigError, DataError
from mfn.launch import complete_arguments, newest_checkpoint
from tests.composing import CONF, composed


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """Two runs, the second newer, each with its overrides."""
    for position, name in enumerate(["old", "new run"]):
        run = tmp_path / "outputs" / name
        (run / ".hydra").mkdir(parents=True)
        (run / "checkpoints").mkdir()
        (run / "checkpoints" / "last.ckpt").touch()

        os.utime(run / "checkpoints" / "last.ckpt", (position, position))
        OmegaConf.save(["head=cosface", f"seed={position}", "+data.note=1"], run / ".hydra" / "overrides.yaml")
    return tmp_path / "outputs"


def test_last_is_the_newest_run_with_its_own_overrides_and_folder(outputs: Path) -> None:
    arguments = complete_arguments(["ckpt_path=last", "trainer.max_epochs=9"], CONF, outputs)
    run = outputs / "new run"
    assert arguments == [
        "head=cosface",
        "seed=1",
        "+data.note=1",
        "trainer.max_epochs=9",
        f"ckpt_path='{run / 'checkpoints' / 'last.ckpt'}'",
        f"hydra.run.dir='{run}'",
    ]


def test_a_key_given_again_replaces_the_runs(outputs: Path) -> None:
    path = outputs / "old" / "checkpoints" / "last.ckpt"
    arguments = complete_arguments([f"ckpt_path={path}", "head=arcface", "data.note=2"], CONF, outputs)
    assert [a for a in arguments if a.startswith("head")] == ["head=arcface"]
    assert [a for a in arguments if "note" in a] == ["data.note=2"]


def test_a_missing_checkpoint_is_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no last\.ckpt"):
        newest_checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match="no such file"):
        complete_arguments(["ckpt_path=nowhere.ckpt"], CONF, tmp_path)


def identities(root: Path) -> Path:

    for name in "ab":
        (root / name).mkdir(parents=True)
        cv2.imwrite(str(root / name / "1.png"), np.zeros((112, 112, 3), np.uint8))
    return root


def test_a_pack_without_a_recipe_gets_the_one_for_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = identities(tmp_path / "faces")
    arguments = ["data=folder", f"data.root={root}", "head=cosface"]
    assert complete_arguments(arguments, CONF, tmp_path) == [*arguments, "experiment=small"]
    sweep = ["-m", *arguments[:2], "head=arcface,cosface"]
    assert complete_arguments(sweep, CONF, tmp_path) == [*sweep, "experiment=small"]
    monkeypatch.setattr("mfn.launch.SMALL_PACK", 2)
    assert complete_arguments(arguments, CONF, tmp_path)[-1] == "experiment=paper"


@pytest.mark.parametrize(
    "arguments", [[], ["head=arcface"], ["data=folder", "experiment=jhface"], ["--help"], ["data=folder,ms1m", "-m"]]
)
def test_other_command_lines_are_left_alone(arguments: list[str], tmp_path: Path) -> None:
    assert complete_arguments(arguments, CONF, tmp_path) == arguments


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("head=arcfase", r"Could not find 'head/arcfase' Available options in 'head': arcface"),
        ("data=ms2m", r"Could not find 'data/ms2m' Available options"),
        ("head.skale=3", r"Could not override 'head\.skale'"),
        ("lr=3", r"Could not override 'lr'"),
    ],
)
def test_a_name_or_key_that_does_not_exist_is_told_in_a_sentence(argument: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        complete_arguments([argument], CONF, tmp_path)


def test_a_wrong_root_is_told_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        complete_arguments(["data=ms1m", f"data.root={tmp_path / 'nowhere'}"], CONF, tmp_path)


def test_the_default_recipe_fits_itself_to_the_head_and_a_user_may_change_that() -> None:
    assert composed().head.scale == composed("head=cosface").head.scale == 16
    assert composed("head=cosface", "head.scale=40").head.scale == 40
    assert composed("head=cosface", "experiment=jhface").head.scale == 64
