"""What is said of a set's sizes, once, and when its alignment is looked at."""

import logging

import numpy as np
import pytest

from mfn.benchmarks.verification import VerificationSet
from mfn.contract import InputContract
from mfn.errors import ConfigError
from mfn.evaluation import fitted_sets as module
from mfn.evaluation.fitted_sets import fitted_sets
from mfn.sources.fit import Fit
from tests.evaluation.tiny import tiny_embedder
from tests.sources.files import ArraySource

NARROW = InputContract.for_size(112, 96)


def some_set(size: tuple[int, int]) -> VerificationSet:
    pairs = np.array([[0, 1], [2, 3]])
    return VerificationSet("mine", ArraySource([0] * 4, size), pairs, np.array([True, False]), np.array([0, 1]))


def test_sizes_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        fitted_sets({"lfw": some_set((112, 112))}, NARROW, "exact", check_alignment=False)
    assert caplog.messages == ["lfw: 4 images, 112x112, cut to 112x96"]


@pytest.mark.parametrize("check", [True, False])
def test_alignment_is_looked_at_where_asked_for(check: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(module, "warn_of_unaligned", lambda sets, contract: seen.extend(sets))
    fitted_sets({"lfw": some_set((112, 112))}, NARROW, "exact", check_alignment=check)
    assert seen == (["lfw"] if check else [])


def test_another_rule_is_refused_even_without_a_set() -> None:
    with pytest.raises(ConfigError, match="fit=squash"):
        fitted_sets({}, NARROW, "squash", check_alignment=False)


def test_what_an_embedder_says_of_other_crops_helps() -> None:
    embedder, crop = tiny_embedder((112, 96)), some_set((112, 112)).source.image(0)
    with pytest.raises(ConfigError, match=r"\(N, 112, 96, 3\), got .*; Fit\(\(112, 96\)\) of mfn\.sources\.fit"):
        embedder(crop[None])
    assert embedder(Fit((112, 96))(crop, "it")[None]).shape == (1, 16)
