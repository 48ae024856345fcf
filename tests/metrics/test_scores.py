import numpy as np
import pytest

from mfn.errors import ConfigError, DataError
from mfn.metrics.scores import (
    SCORES,
    combine,
    convert,
    cosine,
    from_angle,
    from_euclidean,
    to_angle,
    to_euclidean,
    unit,
)


@pytest.fixture
def embeddings() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.normal(size=(20, 6)), 3 * random.normal(size=(20, 6))


def test_scores_are_what_geometry_says(embeddings: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = embeddings
    cosines = cosine(first, second)
    for a, b, value in zip(first, second, cosines, strict=True):
        a, b = a / np.sqrt((a**2).sum()), b / np.sqrt((b**2).sum())
        assert value == pytest.approx((a * b).sum())
        assert to_euclidean(value) == pytest.approx(np.sqrt(((a - b) ** 2).sum()))
        assert to_angle(value) == pytest.approx(np.degrees(np.arctan2(np.linalg.norm(b - value * a), value)))
    assert from_euclidean(to_euclidean(cosines)) == pytest.approx(cosines)
    assert from_angle(to_angle(cosines)) == pytest.approx(cosines)


def test_equal_and_opposite_embeddings_are_no_nan() -> None:
    one = np.random.default_rng(1).normal(size=(50, 128)).astype(np.float32)
    assert to_angle(cosine(one, one)).max() < 1e-5
    assert to_euclidean(cosine(one, -one)) == pytest.approx(np.full(50, 2))
    assert to_angle([1 + 1e-9, -1 - 1e-9]).tolist() == [0, 180]


def test_the_threshold_that_accepts_nothing_stays_so() -> None:
    assert [float(convert(np.inf, score)) for score in SCORES] == [np.inf, -np.inf, -np.inf]


def test_plain_and_mirrored_embeddings_are_combined(embeddings: tuple[np.ndarray, np.ndarray]) -> None:
    plain, flipped = embeddings
    assert combine(plain, how="none") == pytest.approx(unit(plain))
    assert combine(plain, flipped, "sum") == pytest.approx(unit(plain + flipped))
    both = combine(plain, flipped, "concat")
    assert both.shape == (20, 12)
    assert np.linalg.norm(both, axis=1) == pytest.approx(np.ones(20))
    assert both[3, :6] * np.linalg.norm([plain[3], flipped[3]]) == pytest.approx(plain[3])
    assert combine(plain.astype(np.float32), flipped.astype(np.float32)).dtype == np.float32


def test_a_zero_embedding_stays_zero_and_nan_shows() -> None:
    assert unit(np.zeros((1, 3))).tolist() == [[0, 0, 0]]
    assert np.isnan(unit(np.full((1, 3), np.nan))).all()


def test_what_makes_no_sense_is_refused(embeddings: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(ConfigError, match="mirrored"):
        combine(embeddings[0], None, "sum")
    with pytest.raises(ConfigError, match="none, sum or concat"):
        combine(*embeddings, "mean")
    with pytest.raises(ConfigError, match="cosine, euclidean, angle"):
        convert(0.5, "manhattan")
    with pytest.raises(DataError, match="one shape"):
        cosine(embeddings[0], embeddings[1][:5])
