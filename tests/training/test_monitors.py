"""What a run will measure is known before it starts."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfn.benchmarks.bin_writer import prepare_bin
from mfn.benchmarks.lfw_writer import write_lfw
from mfn.benchmarks.made_pairs import pairs_from_source
from mfn.errors import ConfigError
from mfn.synthetic.dataset import SyntheticFaces
from mfn.training.assembly import monitors
from mfn.training.checking import check
from mfn.training.monitors import check_monitors, validation_metrics
from tests.composing import composed
from tests.small_run import small_data, small_recognizer, small_trainer

ACCURACY = "val/held_out/accuracy"


def judged_by(metric: str, folder: Path, data: dict[str, Any] | None = None, **trainer: Any) -> bool:
    """Whether a run measures a metric that its early stopping goes by."""
    key = {"metric": metric, "callbacks.early_stopping.monitor": metric}
    return not check_monitors(
        key, small_data(**{"eval_batch_size": 4} | (data or {})), small_trainer([], folder, **trainer)
    )


@pytest.mark.parametrize("options", [{}, {"val_fraction": 0.2}, {"val_identities": 0.0, "val_fraction": 0.2}])
def test_the_names_that_are_foretold_are_those_that_are_logged(options: dict[str, float], tmp_path: Path) -> None:
    data = small_data(**options)
    trainer = small_trainer([], tmp_path, max_epochs=1)
    trainer.fit(small_recognizer(data), datamodule=data)
    logged = {name for name in trainer.callback_metrics if name.startswith("val/")}
    assert logged == set(validation_metrics(data))


def test_several_sets_have_a_mean(tmp_path: Path) -> None:
    faces = SyntheticFaces(6, 4, image_size=(32, 32))
    prepare_bin(
        write_lfw(pairs_from_source(faces, folds=2, pairs_per_fold=10), tmp_path / "lfw"), tmp_path / "agedb_30.bin"
    )
    from mfn.benchmarks.benchmark import read_benchmark

    sets = {name: read_benchmark(name, tmp_path) for name in ("lfw", "agedb_30")}
    for metric in ("val/agedb_30/accuracy", "val/mean/accuracy", "val/lfw/eer"):
        assert judged_by(metric, tmp_path, {"verification": sets})
    with pytest.raises(ConfigError, match="val/mean/accuracy is not measured"):
        judged_by("val/mean/accuracy", tmp_path)


@pytest.mark.parametrize(
    ("metric", "trainer", "says"),
    [
        ("val/top1", {}, r"metric=val/top1 is not measured in this run; there is val/held_out/accuracy,"),
        ("train/los", {}, r"metric=train/los is not measured in this run; there is .*train/loss"),
        ("accuracy", {}, "is not measured"),
        (ACCURACY, {"overfit_batches": 1}, r"\(trainer\.overfit_batches=1 cuts validation short\)"),
        (ACCURACY, {"limit_val_batches": 0.5}, r"\(trainer\.limit_val_batches=0\.5 cuts validation short\)"),
        (ACCURACY, {"limit_val_batches": 1}, r"\(trainer\.limit_val_batches=1 cuts validation short\)"),
        (ACCURACY, {"limit_val_batches": 0}, r"\(trainer\.limit_val_batches=0 cuts validation short\)"),
        (ACCURACY, {"fast_dev_run": 2}, r"cuts validation short"),
        (ACCURACY, {"check_val_every_n_epoch": 3}, r"check_val_every_n_epoch=3 is first due after 12 .* run has 8"),
        (
            ACCURACY,
            {"check_val_every_n_epoch": None, "val_check_interval": 9},
            r"val_check_interval=9 is first due after 9 batches, and the run has 8",
        ),
        (ACCURACY, {"max_steps": 3}, r"is first due after 4 batches, and the run has 3"),
        (ACCURACY, {"max_steps": 1, "accumulate_grad_batches": 3}, r"first due after 4 batches, and the run has 3"),
    ],
)
def test_a_metric_that_will_not_be_there_is_told_with_what_will(
    metric: str, trainer: dict[str, Any], says: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=says):
        judged_by(metric, tmp_path, **trainer)


@pytest.mark.parametrize(
    "trainer",
    [
        {},
        {"check_val_every_n_epoch": 2},
        {"check_val_every_n_epoch": None, "val_check_interval": 8},
        {"max_epochs": -1, "max_steps": 4},
        {"val_check_interval": 0.25, "max_steps": 1},
        {"limit_train_batches": 2},
        {"limit_val_batches": 99},
        {"limit_train_batches": 0.5, "max_steps": 2},
    ],
)
def test_a_metric_that_will_be_there_passes_and_is_there(trainer: dict[str, Any], tmp_path: Path) -> None:
    assert judged_by(ACCURACY, tmp_path, **trainer)
    data, run = small_data(), small_trainer([], tmp_path, **trainer)
    run.fit(small_recognizer(data), datamodule=data)
    assert 0 <= run.callback_metrics[ACCURACY] <= 1


@pytest.mark.parametrize("trainer", [{"limit_val_batches": 0}, {"overfit_batches": 1}, {"check_val_every_n_epoch": 9}])
def test_without_validation_a_run_may_go_by_what_it_trains_on(trainer: dict[str, Any], tmp_path: Path) -> None:
    assert not judged_by("train/loss", tmp_path, **trainer)


def test_a_run_with_nobody_to_judge_on_keeps_its_last_checkpoint_alone(tmp_path: Path) -> None:
    data = small_data(val_identities=0.0)
    best = {"metric": ACCURACY, "callbacks.best_checkpoint.monitor": ACCURACY}
    assert check_monitors(best, data, small_trainer([], tmp_path)) == "see data.val_identities and benchmark"
    for key in ("callbacks.early_stopping.monitor", "scheduler.monitor"):
        with pytest.raises(ConfigError, match="val/held_out/accuracy is not measured in this run; there is train/loss"):
            check_monitors(best | {key: ACCURACY}, data, small_trainer([], tmp_path))


@pytest.mark.parametrize(
    "trainer", [{"max_steps": 3}, {"max_epochs": -1, "max_steps": 1}, {"max_steps": 5, "check_val_every_n_epoch": 2}]
)
def test_a_run_of_a_few_steps_may_end_before_it_is_judged(trainer: dict[str, Any], tmp_path: Path) -> None:
    best = {"metric": ACCURACY, "callbacks.best_checkpoint.monitor": ACCURACY}
    run = small_trainer([], tmp_path, **trainer)
    assert re.fullmatch(
        r".* is first due after \d batches, and the run has \d", check_monitors(best, small_data(), run)
    )
    with pytest.raises(ConfigError, match=r"metric=val/los is not measured"):
        check_monitors(best | {"metric": "val/los"}, small_data(), run)


@pytest.mark.parametrize("trainer", [{"check_val_every_n_epoch": 3}, {"limit_val_batches": 0}])
def test_a_run_of_whole_epochs_that_is_never_judged_is_a_mistake(trainer: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not measured in this run"):
        check_monitors({"metric": ACCURACY}, small_data(eval_batch_size=4), small_trainer([], tmp_path, **trainer))


def test_whatever_goes_by_a_metric_is_asked() -> None:
    chosen = composed("callbacks=[default,early_stopping]", "scheduler=plateau", "metric=val/top1")
    assert monitors(chosen) == dict.fromkeys(
        ("metric", "callbacks.best_checkpoint.monitor", "callbacks.early_stopping.monitor", "scheduler.monitor"),
        "val/top1",
    )
    other = composed("scheduler=plateau", "scheduler.monitor=train/loss", "callbacks.best_checkpoint.monitor=val/loss")
    assert monitors(other) == {
        "metric": ACCURACY,
        "callbacks.best_checkpoint.monitor": "val/loss",
        "scheduler.monitor": "train/loss",
    }
    assert monitors(check(composed("callbacks=[]"))) == {"metric": ACCURACY}


def test_what_has_no_pairs_is_refused_before_anything_trains() -> None:
    with pytest.raises(
        ConfigError, match=r"benchmark=gallery is no set of pairs.* mfn evaluate model_path=FILE benchmark=gallery"
    ):
        small_data(verification={"gallery": np.zeros(3)})
