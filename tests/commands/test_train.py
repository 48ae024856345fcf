"""Whole runs of ``train.py``: what is chosen has its effect, and what cannot be is told in one sentence."""

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import pytest

from mfn.checkpoint.format import read_checkpoint
from mfn.synthetic.dataset import SyntheticFaces
from tests.composing import STARTS, choices
from tests.scripts import TINY, Done, run_script

QUICK = (*TINY, "trainer.max_epochs=1", "hydra.run.dir=run")


def summary(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "summary.json").read_text())


def trained(here: Path, *words: str) -> Done:
    done = run_script("train", *QUICK, *words, cwd=here)
    assert "Traceback" not in done.output and "site-packages" not in done.output, done.output
    return done


LOOKS = [(each, "fast") for each in choices("experiment")]
LOOKS += [("small", debug) for debug in choices("debug") if debug != "fast"]


@pytest.mark.slow
@pytest.mark.parametrize(("experiment", "debug"), LOOKS)
def test_every_experiment_can_be_looked_at_in_a_few_steps(experiment: str, debug: str, tmp_path: Path) -> None:
    words = [word for word in QUICK if not word.startswith("trainer.max_epochs")]
    model = ["model=mobilefacenet"]
    few = ["trainer.max_epochs=1"] if debug == "overfit" else []
    if experiment in STARTS:
        run_script("train", *QUICK, *model, "trainer.max_steps=1", "hydra.run.dir=first", cwd=tmp_path)
        few.append(f"{STARTS[experiment]}=first/checkpoints/last.ckpt")
    run_script("train", f"experiment={experiment}", f"debug={debug}", *words, *model, *few, cwd=tmp_path)
    assert summary(tmp_path / "run")["steps"] == {"fast": 3, "overfit": 4, "profiler": 8}[debug]
    assert (tmp_path / "run" / "profile.txt").is_file() == (debug == "profiler")


@pytest.mark.slow
def test_the_recipe_for_blocks_teaches_blocks_first(tmp_path: Path) -> None:
    trained(tmp_path, "hydra.run.dir=first")
    trained(tmp_path, "experiment=blocks", "teacher=first/checkpoints/last.ckpt", "logger=csv")
    with next((tmp_path / "run" / "csv").glob("*/metrics.csv")).open() as file:
        rows = [row for row in csv.DictReader(file) if row["train/blocks_loss"]]
    assert [bool(row["train/embedding_loss"]) for row in rows] == [False] * 4 + [True] * 4


@pytest.mark.slow
def test_a_few_batches_are_learnt_by_heart(tmp_path: Path) -> None:
    words = [word for word in QUICK if not word.startswith(("trainer.max_epochs", "trainer.log"))]
    learn = ["head=softmax", "scheduler=constant"]
    run_script("train", "debug=overfit", *words, *learn, cwd=tmp_path)
    with next((tmp_path / "run" / "csv").glob("*/metrics.csv")).open() as file:
        losses = [float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]]
    assert losses[-1] < 0.2 < 1 < losses[0]


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "bf16-true", "64-true"])
def test_every_precision_trains_is_judged_and_goes_on(precision: str, tmp_path: Path) -> None:
    trained(tmp_path, f"trainer.precision={precision}")
    run_script("train", "ckpt_path=run/checkpoints/last.ckpt", "trainer.max_epochs=2", cwd=tmp_path)
    assert summary(tmp_path / "run")["steps"] == 16
    assert 0 < summary(tmp_path / "run")["value"] <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "steps"),
    [
        (["data.drop_last=false", "data.batch_size=9"], 8),  # 64 images: the last batch holds one
        (["data.drop_last=false", "data.batch_size=63"], 2),
        (["data.batch_size=64"], 1),
        (["data.batch_size=2"], 32),
        (["data.batch_size=2", "trainer.accumulate_grad_batches=5"], 7),
    ],
    ids=str,
)
def test_batches_of_any_size_train(words: list[str], steps: int, tmp_path: Path) -> None:
    trained(tmp_path, *words)
    assert summary(tmp_path / "run")["steps"] == steps


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["data.batch_size=1"], "data.batch_size=1 is too small: batch normalisation needs at least 2 images"),
        (["data.batch_size=65"], "data.batch_size=65 on 1 device(s) is more than the 64 training images"),
        (["metric=val/los"], "metric=val/los is not measured in this run; there is val/held_out/accuracy"),
        (
            ["+trainer.overfit_batches=1"],
            "is not measured in this run (trainer.overfit_batches=1 cuts validation short)",
        ),
        (["trainer.val_check_interval=5000"], "trainer.val_check_interval=5000 is first due after 5000 batches"),
        (
            ["scheduler=plateau", "trainer.check_val_every_n_epoch=2"],
            "is first due after 16 batches, and the run has 8",
        ),
        (
            ["callbacks=[default,early_stopping]", "data.val_identities=0"],
            "is not measured in this run; there is train/",
        ),
        (["benchmark=identification", "benchmark.root=faces"], "mfn evaluate model_path=FILE benchmark=identification"),
        (["head._target_=mfn.heads.staged.StagedHead"], "head"),
        (
            ["head=softmax_then_arcface", "~callbacks.advance_head"],
            "add advance_head to callbacks=[default,advance_head]",
        ),
        (["callbacks=[default,advance_head]"], "needs a head with two stages"),
        (["trainer.precision=7"], "precision"),
        (["trainer.accelerator=quantum"], "accelerator"),
        (["trainer.devices=0"], "devices"),
        (["model_path=nowhere.ckpt"], "there is no checkpoint at nowhere.ckpt"),
        (["data.val_identities=0.9"], "identities"),
        (["data.source.num_identities=1"], "holds 1 identity"),
    ],
    ids=str,
)
def test_what_cannot_be_is_told_before_the_first_step(words: list[str], says: str, tmp_path: Path) -> None:
    faces = SyntheticFaces(4, 3, image_size=(32, 32))
    for index in range(12):
        image = tmp_path / "faces" / str(index // 3) / f"{index}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(image), faces.image(index))
    done = run_script("train", *QUICK, *words, cwd=tmp_path, status=1)
    assert says in done.last_line, done.output
    assert "Traceback" not in done.output and "step 1/" not in done.output


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [["logger=[]"], ["callbacks=[]"], ["logger=[]", "callbacks=[]"], ["logger=null"]], ids=str
)
def test_a_run_needs_neither_loggers_nor_callbacks(words: list[str], tmp_path: Path) -> None:
    quick = [word for word in QUICK if not word.startswith(("logger", "callbacks."))]
    keeps = [] if "callbacks=[]" in words else ["callbacks.last_checkpoint.every_n_steps=1"]
    done = run_script("train", *quick, *words, *keeps, cwd=tmp_path)
    kept = sorted(file.name for file in (tmp_path / "run").rglob("*.ckpt"))
    assert kept == ([] if "callbacks=[]" in words else ["best.ckpt", "last.ckpt"]), done.output
    assert summary(tmp_path / "run")["steps"] == 8
    assert ("no checkpoint was kept" in done.output) == (not kept)


@pytest.mark.slow
def test_nobody_to_judge_on_is_told_and_no_mistake(tmp_path: Path) -> None:
    done = trained(tmp_path, "data.val_identities=0")
    assert "there is nothing to judge by: only last.ckpt is kept" in done.output
    assert summary(tmp_path / "run")["value"] is None
    assert summary(tmp_path / "run")["checkpoint"] == "checkpoints/last.ckpt"


@pytest.mark.slow
def test_a_few_steps_train_on_anything_and_are_judged_at_their_end(tmp_path: Path) -> None:
    done = trained(tmp_path, "trainer.max_steps=3", "trainer.max_epochs=-1")
    assert "only last.ckpt is kept (trainer.check_val_every_n_epoch=1 is first due after 8" in done.output
    assert summary(tmp_path / "run")["steps"] == 3 and 0 <= summary(tmp_path / "run")["value"] <= 1


@pytest.mark.slow
def test_early_stopping_says_that_it_stopped(tmp_path: Path) -> None:
    stopping = ["callbacks=[default,early_stopping]", "callbacks.early_stopping.patience=1"]
    done = trained(tmp_path, *stopping, "callbacks.early_stopping.min_delta=1", "trainer.max_epochs=9")
    assert "early stopping: Monitored metric val/held_out/accuracy did not improve in the last 1 records" in done.output
    assert summary(tmp_path / "run")["steps"] == 16
    assert "did not improve" in summary(tmp_path / "run")["stopped_early"]
    going_on = ["ckpt_path=run/checkpoints/last.ckpt"]
    run_script("train", *going_on, cwd=tmp_path)
    assert summary(tmp_path / "run")["steps"] == 16
    run_script("train", *going_on, "callbacks.early_stopping.patience=2", cwd=tmp_path)
    assert summary(tmp_path / "run")["steps"] == 24


@pytest.mark.slow
def test_training_may_be_all_there_is_to_go_by(tmp_path: Path) -> None:
    trained(tmp_path, "metric=train/loss", "mode=min", "trainer.limit_val_batches=0", "trainer.max_epochs=2")
    assert summary(tmp_path / "run")["checkpoint"] == "checkpoints/best.ckpt"
    assert summary(tmp_path / "run")["value"] > 0


@pytest.mark.slow
def test_a_head_of_two_stages_brings_its_change_with_it(tmp_path: Path) -> None:
    done = trained(tmp_path, "head=softmax_then_arcface", "callbacks.advance_head.at_step=3")
    assert "step 3: the head advances to its second stage" in done.output
    written = read_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert written["callbacks"]["AdvanceHead"]["done"]


@pytest.mark.slow
def test_shuffle_means_what_it_says(tmp_path: Path) -> None:
    orders = {}
    for word in ("no", "yes"):
        words = [f"data.shuffle={word}", "trainer.max_steps=1", "metric=train/loss", "callbacks=[default]"]
        trained(tmp_path, *words, f"hydra.run.dir={word}", "augment=none", "trainer.limit_val_batches=0")
        orders[word] = read_checkpoint(tmp_path / word / "checkpoints" / "last.ckpt")["mfn"]["request"]["values"]
    assert orders["no"]["data.shuffle"] != orders["yes"]["data.shuffle"]


def test_an_error_that_nobody_foresaw_is_a_sentence_and_a_file(tmp_path: Path) -> None:
    mine = tmp_path / "odd.py"
    mine.write_text(
        "from torch import optim\nclass Odd(optim.SGD):\n    def step(self, closure=None):\n        1 / 0\n"
    )
    words = ["optimizer._target_=odd.Odd", "~optimizer.weight_decay", "+optimizer.weight_decay=0", "optimizer=sgd"]
    done = run_script("train", *QUICK, *words, cwd=tmp_path, status=1, PYTHONPATH=str(tmp_path))
    assert "error: ZeroDivisionError: division by zero (nobody foresaw this; the whole story is in " in done.last_line
    assert "1 / 0" in (tmp_path / "run" / "error.log").read_text()
    assert "Traceback" not in done.output
    told = run_script(
        "train", *QUICK, *words, cwd=tmp_path, status=None, PYTHONPATH=str(tmp_path), HYDRA_FULL_ERROR="1"
    )
    assert "Traceback" in told.output and told.status != 0


@pytest.mark.slow
def test_raw_warnings_of_libraries_do_not_reach_the_screen(tmp_path: Path) -> None:
    done = trained(tmp_path, "trainer.log_every_n_steps=500", "data.num_workers=1")
    for word in ("Warning", "site-packages", "litlogger", "GPU available", "`Trainer.fit` stopped"):
        assert word not in done.output, done.output


@pytest.mark.slow
def test_pictures_of_another_size_are_refused_or_fitted_and_told_of(tmp_path: Path) -> None:
    faces = SyntheticFaces(10, 8, image_size=(48, 40))
    for index in range(80):
        image = tmp_path / "faces" / str(index // 8) / f"{index}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(image), faces.image(index))
    words = [word for word in QUICK if not word.startswith("data.source")]
    words += ["data=folder", "data.root=faces", "data.val_identities=0.2"]
    done = run_script("train", *words, cwd=tmp_path, status=1)
    assert "is 48x40, but 32x32 is made exactly of" in done.last_line and "or add fit=resize" in done.last_line
    done = run_script("train", *words, "fit=resize", cwd=tmp_path)
    assert done.output.count("48x40, scaled and cut to 32x32") == 2  # of the training images, and of those held out
