from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning import Callback, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint

from mfn.benchmarks.verification import VerificationSet, consecutive_folds
from mfn.checkpoint.format import read_checkpoint
from mfn.errors import BrokenImageError
from mfn.evaluation.verification import evaluate_verification
from mfn.inference.embedder import FaceEmbedder
from mfn.training.callbacks.last_checkpoint import LastCheckpoint
from mfn.training.callbacks.progress import Throughput
from mfn.training.callbacks.verification import Verification
from tests.small_run import small_data, small_recognizer, small_trainer


def fit(tmp_path: Path, callbacks: list[Callback], **data_options: Any) -> tuple[Trainer, Any]:
    data = small_data(**data_options)
    trainer = small_trainer(callbacks, tmp_path)
    trainer.fit(small_recognizer(data), datamodule=data)
    return trainer, data


def test_training_and_the_saved_checkpoint_are_judged_alike(tmp_path: Path) -> None:
    trainer, data = fit(tmp_path, [LastCheckpoint(tmp_path)])
    (during,) = next(c for c in trainer.callbacks if isinstance(c, Verification)).results.values()
    afterwards = evaluate_verification(FaceEmbedder.load(tmp_path / "last.ckpt"), data.verification_sets["held_out"])
    numbers = afterwards.numbers()
    assert numbers.pop("norm") > 0  # the callback sees embeddings of unit length only
    assert numbers == pytest.approx(during.numbers(), abs=1e-4)
    assert trainer.callback_metrics["val/held_out/accuracy"].item() == pytest.approx(during.accuracy)


def test_any_number_of_sets_and_labelled_images_are_judged(tmp_path: Path) -> None:
    source = small_data().source
    pairs = np.array([[0, 1], [0, 6]] * 10)
    mine = VerificationSet("mine", source, pairs, np.array([True, False] * 10), consecutive_folds(20, 2))
    trainer, data = fit(tmp_path, [], verification={"mine": mine}, val_fraction=0.2)
    names = set(trainer.callback_metrics)
    assert {
        "val/held_out/accuracy",
        "val/mine/accuracy",
        "val/mine/eer",
        "val/mean/accuracy",
        "val/loss",
        "val/top1",
    } <= names
    assert list(data.verification_sets) == ["held_out", "mine"]


def test_training_logs_what_a_run_is_judged_by(tmp_path: Path) -> None:
    trainer, _ = fit(tmp_path, [Throughput(lines=True)])
    metrics = trainer.callback_metrics
    for name in ("loss", "accuracy", "target_angle", "gradient_norm"):
        assert np.isfinite(float(metrics[f"train/{name}"])), name
    assert 0 < float(metrics["train/target_angle"]) < 180


def test_averaged_weights_are_the_ones_judged_and_saved(tmp_path: Path) -> None:
    best = ModelCheckpoint(tmp_path, "best", "val/held_out/accuracy", mode="max", enable_version_counter=False)
    ema = EMAWeightAveraging(decay=0.5)
    _, data = fit(tmp_path, [ema, best])
    content = read_checkpoint(best.best_model_path)
    averaged = content["state_dict"]["backbone.output.embed.conv.weight"]
    current = content["current_model_state"]["backbone.output.embed.conv.weight"]
    assert not torch.equal(averaged, current)
    judged = evaluate_verification(FaceEmbedder.load(best.best_model_path), data.verification_sets["held_out"])
    assert judged.accuracy == pytest.approx(float(best.best_model_score), abs=1e-6)


def test_pairs_of_a_broken_held_out_image_are_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = small_data()
    held_out = data.verification_sets["held_out"]
    broken = int(held_out.pairs[0, 0])
    image = held_out.source.image

    def sometimes(index: int) -> np.ndarray:
        if index == broken:
            raise BrokenImageError("cut short")
        return image(index)

    held_out.source.image = sometimes  # type: ignore[method-assign]
    trainer = small_trainer([], tmp_path)
    trainer.fit(small_recognizer(data), datamodule=data)
    left_out = int((held_out.pairs == broken).any(axis=1).sum())
    (judged,) = next(c for c in trainer.callbacks if isinstance(c, Verification)).results.values()
    assert judged.pairs == len(held_out.pairs) - left_out
    assert f"held_out: {left_out} pairs left out" in caplog.text


def test_a_broken_image_of_a_benchmark_is_an_error(tmp_path: Path) -> None:
    source = small_data().source

    def never(index: int) -> np.ndarray:
        raise BrokenImageError(f"image {index} is cut short")

    source.image = never  # type: ignore[method-assign]
    pairs = VerificationSet(
        "mine", source, np.array([[0, 1], [0, 6]]), np.array([True, False]), consecutive_folds(2, 2)
    )
    recognizer = small_recognizer(small_data())
    with pytest.raises(BrokenImageError, match="cut short"):
        evaluate_verification(FaceEmbedder(recognizer.backbone, recognizer.contract), pairs)


def test_a_broken_image_of_a_strict_set_ends_training_too(tmp_path: Path) -> None:
    faces = small_data().source
    image = faces.image

    def sometimes(index: int) -> np.ndarray:
        if index == 6:
            raise BrokenImageError("image 6 is cut short")
        return image(index)

    faces.image = sometimes  # type: ignore[method-assign]
    pairs = np.array([[0, 1], [0, 6]] * 10)
    mine = VerificationSet("mine", faces, pairs, np.array([True, False] * 10), consecutive_folds(20, 2))
    assert mine.strict
    with pytest.raises(BrokenImageError, match="image 6 is cut short"):
        fit(tmp_path, [], verification={"mine": mine})
