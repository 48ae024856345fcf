"""A run goes on from nothing but its checkpoint, under its own settings and those typed beside it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from mfn.checkpoint.format import read_checkpoint, write_atomically
from mfn.commands.launch import train_arguments
from mfn.config.command_line import CommandLine
from mfn.config.compose import CONF, composed
from mfn.config.request import groups_in, request_of, requested
from mfn.errors import CheckpointError, ConfigError
from tests.scripts import TINY, run_script


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run that ended after the first of its two epochs."""
    here = tmp_path_factory.mktemp("stopped")
    run_script("train", *TINY, "hydra.run.dir=outputs/a/b", "trainer.max_epochs=1", cwd=here)
    return here


@pytest.fixture
def here(stopped: Path, tmp_path: Path) -> Path:
    """A copy of it to go on in."""
    shutil.copytree(stopped / "outputs", tmp_path / "outputs")
    return tmp_path


def last(here: Path) -> Path:
    return here / "outputs" / "a" / "b" / "checkpoints" / "last.ckpt"


def going_on(here: Path, *words: str, ckpt_path: str | Path = "last") -> list[str]:
    return train_arguments([f"ckpt_path={ckpt_path}", *words], here)


def rate(here: Path) -> tuple[float, int]:
    """Learning rate of the backbone and step that a run ended with."""
    checkpoint = read_checkpoint(last(here))
    return checkpoint["optimizer_states"][0]["param_groups"][0]["lr"], checkpoint["global_step"]


def edited(here: Path, **request: Any) -> Path:
    """Its last checkpoint with parts of the request replaced, as somebody could hand it on."""
    checkpoint = read_checkpoint(last(here))
    checkpoint["mfn"]["request"] |= request
    write_atomically(checkpoint, last(here))
    return last(here)


def test_a_checkpoint_of_before_a_key_goes_on(here: Path) -> None:
    checkpoint = read_checkpoint(last(here))
    lines = checkpoint["mfn"]["config"].splitlines(keepends=True)
    checkpoint["mfn"]["config"] = "".join(line for line in lines if not line.startswith("qat:"))
    assert len(lines) > checkpoint["mfn"]["config"].count("\n")
    write_atomically(checkpoint, last(here))
    assert going_on(here)
    with pytest.raises(CheckpointError, match="qat=False, where qat=True"):
        going_on(here, "qat=true")


@pytest.mark.slow
def test_a_run_is_asked_for_again_as_it_was(here: Path) -> None:
    arguments = going_on(here)
    assert arguments[-2:] == [f"ckpt_path={last(here)}", f"hydra.run.dir={here / 'outputs' / 'a' / 'b'}"]
    asked = [word for word in TINY if not word.startswith("trainer.max_epochs")]
    before = composed("train", [*asked, "trainer.max_epochs=1", "paths.output=x"])
    assert composed("train", [*arguments[:-2], "paths.output=x"]) == before


@pytest.mark.parametrize(
    "words",
    [
        ["callbacks=[default,early_stopping,series]", "callbacks.early_stopping.patience=3", "callbacks.series.keep=2"],
        ["callbacks=default,ema", "callbacks.ema.decay=0.5"],
        ["callbacks=[]", "logger=[]"],
        ["logger=[csv,tensorboard]", "logger.csv.name=mine"],
        ["benchmark=[file]", "benchmark.root=DIR", "benchmark.file.folds=5"],
        ["augment=strong", "augment.p=0.3", "+model.blocks=null", "~callbacks.broken_images"],
        ["experiment=jhface", "head=sphereface", "head.scale=12", "contract.mean=[0,1.5,2]"],
    ],
    ids=str,
)
def test_every_kind_of_override_is_asked_for_again(words: list[str]) -> None:
    words = [*CommandLine.parse(words).understandable().overrides]
    request = request_of(words, groups_in([CONF]))
    again = requested(request, [])
    assert composed("train", [*again, "paths.output=x"]) == composed("train", [*words, "paths.output=x"])


def test_what_is_typed_beside_it_wins(here: Path) -> None:
    arguments = going_on(here, "trainer.max_epochs=3", "optimizer.lr=0.5")
    config = composed("train", [*arguments, "paths.output=x"])
    assert (config.trainer.max_epochs, config.optimizer.lr, config.model.width) == (3, 0.5, 0.125)


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["moved", "a folder (2), = [moved]", "移動"])
def test_a_run_goes_on_where_it_was_moved_to(here: Path, folder: str) -> None:
    (here / "outputs" / "a" / "b").rename(here / folder)
    ckpt_path = f'"{here / folder / "checkpoints" / "last.ckpt"}"'
    done = run_script("train", f"ckpt_path={ckpt_path}", "trainer.max_epochs=2", cwd=here)
    summary = json.loads((here / folder / "summary.json").read_text())
    assert summary["steps"] == 16, done.output
    assert (here / folder / summary["checkpoint"]).is_file()
    assert not (here / "outputs" / "a" / "b").exists()


def test_the_newest_run_of_all_is_the_last(here: Path) -> None:
    shutil.copytree(here / "outputs" / "a", here / "multirun" / "x" / "0")
    job = here / "multirun" / "x" / "0" / "b" / "checkpoints" / "last.ckpt"
    job.touch()
    assert f"ckpt_path={job}" in going_on(here)
    last(here).touch()
    assert f"ckpt_path={last(here)}" in going_on(here)
    with pytest.raises(CheckpointError, match=r"no last\.ckpt of an earlier run under outputs or multirun in "):
        going_on(here / "outputs")


@pytest.mark.slow
def test_a_checkpoint_by_itself_goes_on_in_a_new_folder(here: Path) -> None:
    shutil.move(last(here), here / "alone.ckpt")
    done = run_script("train", "ckpt_path=alone.ckpt", "trainer.max_epochs=2", cwd=here)
    assert "16 steps" in done.output
    assert len(list(here.glob("outputs/*/*/summary.json"))) == 2


@pytest.mark.slow
def test_a_run_that_started_from_other_weights_goes_on_without_them(here: Path) -> None:
    weights = here / "start.ckpt"
    shutil.copy(last(here).with_name("best.ckpt"), weights)
    words = [word for word in TINY if not word.startswith("trainer.max_epochs")]
    run_script("train", *words, f"model_path={weights}", "trainer.max_epochs=1", "hydra.run.dir=outputs/a/b", cwd=here)
    weights.unlink()
    done = run_script("train", "ckpt_path=last", "trainer.max_epochs=2", cwd=here)
    assert "16 steps" in done.output and "Weights from" not in done.output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "lr"),
    [
        (["trainer.max_epochs=2", "scheduler=constant"], 2e-3),
        (["trainer.max_epochs=2", "scheduler=constant", "optimizer.lr=0.03"], 0.03),
        (["trainer.max_epochs=2", "scheduler=multistep", "scheduler.milestones=[1]", "optimizer.lr=0.03"], 0.003),
        (["trainer.max_epochs=2", "scheduler=plateau", "optimizer.lr=0.03"], 0.03),
        (["trainer.max_epochs=2", "scheduler=multistep", "scheduler.milestones=[1]", "scheduler.gamma=0.5"], 1e-3),
    ],
)
def test_another_learning_rate_or_schedule_is_taken(here: Path, words: list[str], lr: float) -> None:
    run_script("train", "ckpt_path=last", *words, cwd=here)
    assert rate(here) == (pytest.approx(lr), 16)


@pytest.mark.slow
def test_another_weight_decay_and_momentum_are_taken(here: Path) -> None:
    words = [
        "trainer.max_epochs=2",
        "optimizer.weight_decay=0.01",
        "last_weight_decay=0.2",
        "optimizer.betas=[0.5,0.6]",
    ]
    run_script("train", "ckpt_path=last", *words, cwd=here)
    groups = read_checkpoint(last(here))["optimizer_states"][0]["param_groups"]
    assert [(group["weight_decay"], tuple(group["betas"])) for group in groups] == [
        (0.01, (0.5, 0.6)),
        (0.2, (0.5, 0.6)),
        (0, (0.5, 0.6)),
        (0.2, (0.5, 0.6)),
    ]


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("optimizer=sgd", "optimizer=AdamW, where optimizer=SGD is typed"),
        ("head=cosface", "head=ArcFaceHead, where head=CosFaceHead is typed"),
        ("seed=7", "seed=0, where seed=7 is typed"),
        ("model.width=0.25", r"model\.width=0\.125, where model\.width=0\.25 is typed"),
        ("model=mbf", "model=MobileFaceNet, where model=InsightFaceMBF is typed"),
        ("image_size=[32,40]", r"image_size=\[32,32\], where image_size=\[32,40\] is typed"),
        ("contract.std=[128,128,128]", r"contract\.std=\[127\.5,127\.5,127\.5\], where contract\.std=\[128,128,128\]"),
        ("experiment=paper", "optimizer=AdamW, where optimizer=SGD is typed"),
    ],
)
def test_what_a_run_cannot_change_is_refused_by_name(here: Path, word: str, told: str) -> None:
    with pytest.raises(CheckpointError, match=rf"a run that goes on keeps .*{told}.*model_path="):
        going_on(here, word)


@pytest.mark.slow
@pytest.mark.parametrize("word", ["data.source.num_identities=12", "data.max_images=4", "data.val_identities=0.5"])
def test_other_data_is_refused_with_what_differs(here: Path, word: str) -> None:
    done = run_script("train", "ckpt_path=last", word, "trainer.max_epochs=2", cwd=here, status=1)
    assert "Traceback" not in done.output and "model_path=" in done.last_line


def test_what_is_no_stopped_run_is_told(here: Path, tmp_path: Path) -> None:
    weights = read_checkpoint(last(here))
    write_atomically({key: weights[key] for key in ("state_dict", "mfn")}, tmp_path / "weights.ckpt")
    with pytest.raises(CheckpointError, match=r"weights\.ckpt holds weights and no run .* model_path=.*weights\.ckpt"):
        going_on(here, ckpt_path=tmp_path / "weights.ckpt")
    torch.save({"state_dict": {}}, tmp_path / "foreign.ckpt")
    with pytest.raises(CheckpointError, match=r"foreign\.ckpt is not a checkpoint of mfn"):
        going_on(here, ckpt_path=tmp_path / "foreign.ckpt")
    with pytest.raises(CheckpointError, match="there is no such file"):
        going_on(here, ckpt_path="nowhere.ckpt")
    with pytest.raises(CheckpointError, match="leave -m out"):
        going_on(here, "-m")
    assert train_arguments(["ckpt_path=null"], here) == ["ckpt_path=null"]


def test_an_unknown_key_beside_it_is_told(here: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no key optimizer\.rate: optimizer has .*lr"):
        going_on(here, "optimizer.rate=1")


HOSTILE: list[dict[str, Any]] = [
    {"values": {"head._target_": "os.system"}},
    {"values": {"data.source._target_": "torch.load"}},
    {"added": {"callbacks.evil": {"_target_": "os.system", "_args_": ["touch sprung"]}}},
    {"added": {"callbacks.evil._target_": "os.system"}},
    {"added": {"x": {"y": {"_partial_": True}}}},
    {"values": {"hydra.run.dir": "/tmp/sprung"}},
    {"values": {"hydra.searchpath": ["file:///tmp"]}},
    {"added": {"hydra/launcher": "x"}},
    {"values": {"data.root": "${oc.env:HOME}"}},
    {"values": {"metric": "${oc.decode:x}"}},
    {"values": {"logger.csv.save_dir": "/tmp/sprung"}},
    {"values": {"trainer.default_root_dir": "../sprung"}},
    {"values": {"callbacks.broken_images.path": "/tmp/sprung.csv"}},
    {"choices": {"head": "../../evil"}},
    {"choices": {"head": "/etc/evil"}},
    {"choices": {"head": 7}},
    {"choices": {"head": "a,b"}},
    {"values": {"callbacks": ["../../evil"]}},
    {"values": {"callbacks": "${oc.env:HOME}"}},
    {"choices": {"head": {"a": 1}}},
    {"choices": ["head"]},
    {"values": {"a b": 1}},
    {"values": {"metric=x head": 1}},
    {"values": {7: 1}},
    {"values": {"metric": torch.zeros(1)}},
    {"removed": "head"},
    {"removed": ["hydra"]},
    {"removed": [3]},
]


@pytest.mark.slow
@pytest.mark.parametrize("request_", HOSTILE, ids=str)
def test_a_strangers_checkpoint_is_data_and_nothing_else(here: Path, request_: dict[str, Any]) -> None:
    edited(here, **request_)
    try:
        arguments = going_on(here)
    except (CheckpointError, ConfigError):
        return
    config = OmegaConf.to_container(composed("train", [*arguments[:-2], "paths.output=x"]), resolve=True)
    plain = json.dumps(config)
    assert not any(word in plain for word in ("os.system", "torch.load", "sprung", "/root", "_partial_"))
    assert arguments[-1] == f"hydra.run.dir={here / 'outputs' / 'a' / 'b'}"


@pytest.mark.slow
def test_hydras_files_beside_a_checkpoint_are_not_read(here: Path) -> None:
    hydra = here / "outputs" / "a" / "b" / ".hydra"
    sprung = here / "sprung"
    hydra.mkdir(exist_ok=True)
    (hydra / "config.yaml").write_text(f"model:\n  _target_: pathlib.Path.touch\n  self: {sprung}\n")
    (hydra / "overrides.yaml").write_text(f"- model._target_=os.mknod\n- +model.path={sprung}\n")
    run_script("train", "ckpt_path=last", "trainer.max_epochs=2", cwd=here)
    assert not sprung.exists()


def test_a_request_may_name_a_part_of_ones_own_only_where_its_folder_is_given(here: Path, tmp_path: Path) -> None:
    (tmp_path / "mine" / "augment").mkdir(parents=True)
    (tmp_path / "mine" / "augment" / "own.yaml").write_text("_target_: mfn.data.augment.Augmentation\ntransforms: []\n")
    edited(here, choices={"augment": "own"})
    with pytest.raises(ConfigError, match="own"):
        going_on(here)
    assert "augment=own" in going_on(here, "--config-dir", str(tmp_path / "mine"))
