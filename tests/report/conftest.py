"""A small verification set with its result, for everything that shows one."""

from dataclasses import replace

import numpy as np
import pytest

from mfn.benchmarks.verification import VerificationSet, consecutive_folds
from mfn.evaluation.pair_scores import pair_scores
from mfn.evaluation.verification_result import VerificationResult, verification_result

NAME = "made <b>&$^ up"


class Stripes:
    """Forty images of eight people, told apart by their grey level."""

    name = NAME

    def __len__(self) -> int:
        return 40

    def image(self, index: int) -> np.ndarray:
        return np.full((32, 32, 3), 6 * index, np.uint8)

    def describe(self, index: int) -> str:
        return f"/data/<i>person{index // 5}/{index}.png"


@pytest.fixture(scope="session")
def pairs() -> VerificationSet:
    rng = np.random.default_rng(0)
    chosen = np.stack([rng.integers(0, 40, 400), rng.integers(0, 40, 400)], axis=1)
    chosen[::2, 1] = chosen[::2, 0] // 5 * 5 + rng.integers(0, 5, 200)
    chosen = chosen[chosen[:, 0] != chosen[:, 1]]
    same = chosen[:, 0] // 5 == chosen[:, 1] // 5
    groups = np.where(rng.random(len(chosen)) < 0.4, "one", "two")
    return VerificationSet(
        NAME, Stripes(), chosen, same, consecutive_folds(len(chosen), 10), np.arange(40) // 5, groups,
        missing=("gone/<u>1.png",), left_out=2,
    )  # fmt: skip


@pytest.fixture(scope="session")
def judged(pairs: VerificationSet) -> VerificationResult:
    rng = np.random.default_rng(1)
    embeddings = np.repeat(rng.normal(size=(8, 16)), 5, axis=0) + 0.8 * rng.normal(size=(40, 16))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    scored = pair_scores(pairs, np.arange(40), embeddings.astype(np.float32))
    return verification_result(pairs, scored, norm=11.0, samples=20)


@pytest.fixture(scope="session")
def plain_verdict(judged: VerificationResult) -> VerificationResult:
    """One without intervals, groups or pictures."""
    return replace(judged, name="plain", intervals={}, groups={}, norm=None, missing=(), left_out=0)
