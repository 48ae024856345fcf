import logging
from pathlib import Path

import numpy as np
import pytest

from mfn.benchmarks.paired_files import folds_by_kind, paired_files
from mfn.benchmarks.verification import consecutive_folds
from mfn.errors import DataError
from tests.benchmarks.benchmark_files import given, stems, write_images

PAIRS = [("a/1.jpg", "a/2.jpg"), ("a/1.jpg", "b/1.jpg"), ("b/1.jpg", "b/2.jpg"), ("a/2.jpg", "c/1.jpg")]
SAME = [True, False, True, False]
PEOPLE = {name: name[0] for pair in PAIRS for name in pair}


def test_images_are_found_once_and_keep_their_people(tmp_path: Path) -> None:
    write_images(tmp_path, PEOPLE)
    found = paired_files("x", tmp_path, PAIRS, SAME, np.arange(4), identity_of=PEOPLE, groups=["g", "h", "g", "h"])
    assert stems(found) == [["1", "2"], ["1", "1"], ["1", "2"], ["2", "1"]] and len(found.source) == 5
    assert given(found.identities).tolist() == [0, 0, 1, 1, 2] and given(found.identities).dtype == np.int64
    assert given(found.groups).tolist() == ["g", "h", "g", "h"]
    assert found.missing == () and found.left_out == 0 and found.strict and found.name == "x"


def test_missing_images_stop_or_cost_their_pairs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_images(tmp_path, ["a/1.jpg", "a/2.jpg", "b/1.jpg"])
    with pytest.raises(DataError, match=r"lacks 2 of the 5 images .* b/2\.jpg, c/1\.jpg; .*allow_missing=true"):
        paired_files("x", tmp_path, PAIRS, SAME, np.arange(4))
    with caplog.at_level(logging.WARNING):
        found = paired_files(
            "x",
            tmp_path,
            PAIRS,
            SAME,
            np.arange(4),
            identity_of=PEOPLE,
            groups=["g", "h", "g", "h"],
            allow_missing=True,
        )
    assert "2 of 5 images are missing" in caplog.text and "2 of 4 pairs" in caplog.text
    assert found.missing == ("b/2.jpg", "c/1.jpg") and found.left_out == 2 and len(found.source) == 3
    assert stems(found) == [["1", "2"], ["1", "1"]] and found.is_same.tolist() == [True, False]
    assert found.fold_of.tolist() == [0, 1] and given(found.groups).tolist() == ["g", "h"]
    assert given(found.identities).tolist() == [0, 0, 1]


def test_long_lists_of_missing_images_are_cut(tmp_path: Path) -> None:
    pairs = [(f"{number}.jpg", f"{number + 1}.jpg") for number in range(7)]
    with pytest.raises(DataError, match=r"8 of the 8 .*4\.jpg, \.\.\.;"):
        paired_files("x", tmp_path, pairs, [True] * 7, np.zeros(7, int))
    with pytest.raises(DataError, match="no two images of one of the 7 pairs"):
        paired_files("x", tmp_path, pairs, [True] * 7, np.zeros(7, int), allow_missing=True)


def test_folds_are_lfws_and_stay_balanced() -> None:
    in_lfws_order = np.tile(np.repeat([True, False], 300), 10)
    assert np.array_equal(folds_by_kind(in_lfws_order, 10), consecutive_folds(6000, 10))
    alternating = np.tile([True, False], 50)
    assert np.array_equal(folds_by_kind(alternating, 10), consecutive_folds(100, 10))
    for fold in range(10):
        mine = folds_by_kind(np.sort(in_lfws_order), 10) == fold
        assert mine.sum() == 600 and in_lfws_order[np.flatnonzero(mine)].size == 600
        assert np.sort(in_lfws_order)[mine].sum() == 300
