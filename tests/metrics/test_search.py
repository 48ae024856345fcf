import numpy as np
import pytest

from mfn.errors import DataError
from mfn.metrics.scores import unit
from mfn.metrics.search import search


@pytest.mark.parametrize(("probe_block", "gallery_block"), [(256, 16_384), (7, 10), (1, 3)])
def test_the_most_alike_rows_are_those_of_a_full_sort(probe_block: int, gallery_block: int) -> None:
    random = np.random.default_rng(0)
    probes, gallery = (unit(random.normal(size=(count, 16)).astype(np.float32)) for count in (20, 123))
    scores, rows = search(probes, gallery, 5, probe_block, gallery_block)
    full = probes.astype(np.float64) @ gallery.T.astype(np.float64)
    expected = np.argsort(-full, axis=1)[:, :5]
    assert (rows == expected).all()
    assert scores == pytest.approx(np.take_along_axis(full, expected, 1), abs=1e-6)


def test_no_more_rows_come_than_there_are() -> None:
    scores, rows = search(np.eye(3), np.eye(3)[:2], k=10, gallery_block=1)
    assert rows.shape == scores.shape == (3, 2)
    assert sorted(rows[2].tolist()) == [0, 1]


def test_embeddings_must_be_of_one_length() -> None:
    with pytest.raises(DataError, match="cannot be searched"):
        search(np.eye(3), np.eye(4))
    with pytest.raises(DataError, match="cannot be searched"):
        search(np.eye(3), np.empty((0, 3)))
