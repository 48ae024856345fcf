"""Several processes learn what one learns of the same images, whatever their shares are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mfn.evaluation.verification import evaluate_verification
from mfn.inference.embedder import FaceEmbedder
from tests.small_run import small_data
from tests.training.fitting import Seen, fit, fits, state_of

EXACT = {"precision": "64-true"}
"""So that what differs is no rounding."""
SHORT = {"max_epochs": 1, "limit_train_batches": 2}


def same_learning(alone: Seen, seen: list[Seen], close: float) -> None:
    """Losses, gradients and validation of several processes are those of one, and all have the same weights."""
    for other in seen:
        np.testing.assert_allclose(other.losses, alone.losses, rtol=close)
        assert other.hashes == seen[0].hashes
        assert other.metrics == seen[0].metrics | {
            name: value for name, value in other.metrics.items() if name.startswith("train/")
        }
    largest = max(float(gradient.abs().max()) for gradient in alone.gradients.values())
    for name, expected in alone.gradients.items():
        whole = [other.gradients[name] for other in seen if name in other.gradients]
        together = torch.cat(whole) if name.startswith("head.") else whole[0]
        torch.testing.assert_close(together, expected, rtol=close, atol=close * largest)
    for name, value in alone.metrics.items():
        if name.startswith("val/"):
            assert seen[0].metrics[name] == pytest.approx(value, rel=1e-5, abs=1e-6), name


def same_weights(one: Path, other: Path, close: float) -> None:
    first, second = state_of(one), state_of(other)
    assert list(first) == list(second)
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=close, atol=close)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "options", "data", "trainer", "broken"),
    [
        (2, {"ema": True}, {"val_fraction": 0.2}, {}, ()),
        (3, {"head": "staged"}, {}, {"accumulate_grad_batches": 2, "max_epochs": 4, "gradient_clip_val": 1.0}, ()),
        # In order, so that the first of two has the even rows: none of its first batch of 8 can be read, then one
        (2, {}, {"shuffle": False}, {"max_epochs": 1}, (*range(0, 16, 2), *range(16, 30, 2))),
        # In batches of 4: one of the second process's first batch, none of the third one's second
        (3, {}, {"shuffle": False}, {"max_epochs": 1}, (1, 4, 7, 14, 17, 20, 23)),
    ],
    ids=["averaged", "staged", "none_then_one", "one_then_none"],
)
def test_they_learn_what_one_learns(
    size: int,
    options: dict[str, Any],
    data: dict[str, Any],
    trainer: dict[str, Any],
    broken: tuple[int, ...],
    tmp_path: Path,
) -> None:
    batch = 12 if size == 3 else 16
    cut_short = tuple(int(position) for position in small_data().train_positions[list(broken)])
    given = {**options, "trainer": EXACT | trainer, "broken": cut_short}
    (tmp_path / "one").mkdir()
    alone = fit(0, 1, tmp_path / "one", data=data | {"batch_size": batch}, **given)
    seen = fits(size, tmp_path / "several", data=data | {"batch_size": batch // size}, **given)
    for number, samples in enumerate(alone.samples):
        assert sorted(index for other in seen for index in other.samples[number]) == sorted(samples)
    if broken:
        assert min(len(samples) for other in seen for samples in other.samples) == 0
        assert any(len(samples) == 1 for other in seen for samples in other.samples)
    same_learning(alone, seen, 1e-8)
    same_weights(tmp_path / "one", tmp_path / "several", 1e-7)


@pytest.mark.slow
def test_they_do_so_in_float32_and_are_judged_like_their_file(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    alone = fit(0, 1, tmp_path / "one", data={"batch_size": 16}, trainer={"max_epochs": 1})
    seen = fits(2, tmp_path / "two", trainer={"max_epochs": 1})
    np.testing.assert_allclose(seen[0].losses[:1], alone.losses[:1], rtol=1e-5)
    np.testing.assert_allclose(seen[0].losses, alone.losses, rtol=1e-2)
    assert seen[0].hashes == seen[1].hashes
    judged = evaluate_verification(
        FaceEmbedder.load(tmp_path / "two" / "last.ckpt"), small_data().verification_sets["held_out"]
    ).numbers()
    for name in ("accuracy", "eer", "threshold", "pairs"):
        assert seen[0].metrics[f"val/held_out/{name}"] == pytest.approx(judged[name], abs=1e-5)


@pytest.mark.slow
def test_without_shared_statistics_they_stay_alike_but_learn_something_else(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    given = {"trainer": EXACT | SHORT, "synced": False}
    alone = fit(0, 1, tmp_path / "one", data={"batch_size": 16}, **given)
    seen = fits(2, tmp_path / "two", **given)
    assert abs(seen[0].losses[0] - alone.losses[0]) > 1e-6
    parameters = [name for name in state_of(tmp_path / "two") if "running" not in name]
    assert parameters and seen[0].losses == seen[1].losses
