import dataclasses
from pathlib import Path

import numpy as np
import pytest

from mfn.benchmarks.verification import VerificationSet
from mfn.evaluation.acquisition import acquired_images
from mfn.evaluation.pair_scores import pair_scores
from mfn.evaluation.photos import PhotoFaces, PhotoRules, find_faces
from mfn.evaluation.verification_result import verification_result
from tests.evaluation.test_photos import CONTRACT, photos
from tests.prepare.fakes import MarkDetector

PAIRS = np.array([[0, 1], [2, 3], [0, 2], [1, 3], [0, 1], [2, 3], [0, 3], [1, 2], [0, 4], [2, 4]])
SAME = np.array([True, True, False, False] * 2 + [True, False])


def some_set(folder: Path) -> VerificationSet:
    """Four photos that give a face and a fifth that gives none, in ten pairs of two folds."""
    source = photos(folder, 1, 1, 1, 1, 0)
    faces = PhotoFaces(source, find_faces(source, MarkDetector, PhotoRules()), CONTRACT)
    return VerificationSet("mine", faces, PAIRS, SAME, np.repeat([0, 1], 5), strict=False)


def embeddings() -> np.ndarray:
    rows = np.array([[1, 0, 0], [0.9, 0.1, 0], [0, 1, 0], [0, 0.9, 0.1]], np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_pairs_of_photos_without_a_face_count_in_the_generalised_rates(tmp_path: Path) -> None:
    pairs = some_set(tmp_path)
    at = np.arange(4)
    images = acquired_images(pairs, at)
    result = verification_result(pairs, pair_scores(pairs, at, embeddings()), images=images)
    assert result.acquisition is not None and result.accuracy == 1 and result.left_out == 2
    numbers = result.numbers()
    assert numbers["images"] == 5 and numbers["fta_images"] == 1 and numbers["fta_image_rate"] == pytest.approx(0.2)
    assert (numbers["fta_pairs"], numbers["fta_genuine_pairs"], numbers["fta_impostor_pairs"]) == (2, 1, 1)
    # both lost pairs are of the second fold: all of the first are right, of the second all but the genuine one
    assert numbers["generalised_accuracy"] == pytest.approx((5 / 5 + 4 / 5) / 2)
    assert "1 of 5 images gave no face (no face: 1); 2 of 10 pairs have no score" in result.notes[0]
    assert "accuracy is 100.00% there and 90.00% with them counted" in result.notes[0]


def test_missing_images_are_failures_too(tmp_path: Path) -> None:
    pairs = dataclasses.replace(
        some_set(tmp_path), missing=("a.jpg",), left_out=1, absent_same=np.array([True]), absent_fold=np.array([0])
    )
    images = acquired_images(pairs, np.arange(4))
    assert images is not None and images.images == 6 and images.failed == {"no face": 1, "missing": 1}
    result = verification_result(pairs, pair_scores(pairs, np.arange(4), embeddings()), images=images)
    assert result.acquisition is not None
    assert result.acquisition.pairs.failed_genuine == 2 and result.acquisition.pairs.genuine == 6
    assert result.acquisition.pairs.accuracy == pytest.approx((5 / 6 + 4 / 5) / 2)


def test_crops_that_are_all_there_have_no_acquisition(tmp_path: Path) -> None:
    pairs = dataclasses.replace(some_set(tmp_path), source=photos(tmp_path, 1, 1, 1, 1, 1))
    assert acquired_images(pairs, np.arange(5)) is None
    lost = acquired_images(pairs, np.arange(4))
    assert lost is not None and lost.failed == {"broken": 1}
