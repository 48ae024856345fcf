import numpy as np
import pytest

from mfn.metrics.identification import centroids
from mfn.prepare import outliers
from mfn.prepare.outliers import centre_scores, merged, nearest_centre, similar_identities


def crowd(people: int, images: int, spread: float = 0.3, dim: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Unit embeddings around one direction for each person; labels have gaps."""
    rng = np.random.default_rng(people)
    labels = np.repeat(np.arange(people) * 3 + 5, images)
    around = np.repeat(unit(rng.normal(size=(people, dim))), images, axis=0)
    return unit(around + spread * unit(rng.normal(size=around.shape))).astype(np.float32), labels


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outliers, "_BLOCK", 7)


def test_scores_leave_the_image_itself_out() -> None:
    embeddings, labels = crowd(6, 4)
    expected = []
    for index, label in enumerate(labels):
        others = np.flatnonzero((labels == label) & (np.arange(labels.size) != index))
        expected.append(unit(embeddings[others].sum(0, keepdims=True))[0] @ embeddings[index])
    assert np.allclose(centre_scores(embeddings, labels), expected, atol=1e-6)


def test_an_only_image_has_no_score() -> None:
    embeddings, _ = crowd(3, 1)
    assert np.isnan(centre_scores(embeddings, np.array([1, 2, 2]))).tolist() == [True, False, False]


def test_strangers_score_lowest_and_their_own_identity_is_named() -> None:
    embeddings, labels = crowd(20, 10)
    strange, wrong = np.array([3, 57, 120]), labels.copy()
    wrong[strange] = labels[strange - 30]
    assert set(np.argsort(centre_scores(embeddings, wrong))[:3]) == set(strange)
    nearest, cosines = nearest_centre(embeddings, wrong, strange)
    assert nearest.tolist() == labels[strange].tolist() and (cosines > 0.8).all()


def test_nobody_else_to_look_like() -> None:
    nearest, cosines = nearest_centre(np.eye(2, dtype=np.float32), np.zeros(2, np.int64), np.array([1]))
    assert nearest.tolist() == [-1] and np.isnan(cosines).all()


def test_similar_identities_are_those_of_comparing_all() -> None:
    embeddings, labels = crowd(30, 3, dim=4)
    directions, present = centroids(embeddings, labels)
    cosines = directions @ directions.T
    similar = similar_identities(embeddings, labels, 0.6)
    first, second = np.nonzero(np.triu(cosines >= 0.6, 1))
    assert {tuple(pair) for pair in similar.pairs} == set(zip(present[first], present[second], strict=True))
    assert len(similar.pairs) > 20 and (np.diff(similar.scores) <= 0).all()
    at = np.searchsorted(present, similar.pairs)
    assert np.allclose(similar.scores, cosines[at[:, 0], at[:, 1]], atol=1e-6)


def test_a_person_under_two_names_is_found_and_merged() -> None:
    embeddings, labels = crowd(20, 10)
    apart = labels.copy()
    apart[np.flatnonzero(labels == 8)[:4]] = 1000
    similar = similar_identities(embeddings, apart, 0.7)
    assert similar.pairs.tolist() == [[8, 1000]]
    assert np.array_equal(merged(apart, similar.pairs), labels)


def test_merging_goes_through_others_to_the_largest() -> None:
    labels = np.array([1, 2, 2, 2, 3, 3, 4])
    assert merged(labels, np.array([[1, 3], [2, 3]])).tolist() == [2, 2, 2, 2, 2, 2, 4]
    assert merged(labels, np.empty((0, 2), np.int64)).tolist() == labels.tolist()
