"""Faces that are drawn once."""

import multiprocessing
import pickle

import numpy as np
import pytest

from mfn.synthetic import dataset, kept
from mfn.synthetic.dataset import SyntheticFaces


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with each face that this process draws."""
    calls: list[int] = []
    draw = dataset.draw_face

    def counted(*arguments: object) -> np.ndarray:
        calls.append(1)
        return draw(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(dataset, "draw_face", counted)
    return calls


def test_a_face_is_drawn_once(drawn: list[int]) -> None:
    faces = SyntheticFaces(2, 2, image_size=(40, 32))
    first = [faces.image(index) for index in range(4)]
    again = [faces.image(index) for index in (3, 2, 1, 0)]
    assert len(drawn) == 4
    assert all(np.array_equal(one, other) for one, other in zip(first, reversed(again), strict=True))


def test_who_paints_on_a_face_paints_on_a_copy() -> None:
    faces = SyntheticFaces(1, 1, image_size=(32, 32))
    wanted = faces.image(0).copy()
    for _ in range(2):
        faces.image(0)[:] = 0
    assert np.array_equal(faces.image(0), wanted)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system forks no processes")
def test_what_a_forked_process_draws_is_here_too(drawn: list[int]) -> None:
    faces = SyntheticFaces(2, 1, image_size=(32, 32))
    process = multiprocessing.get_context("fork").Process(target=faces.image, args=(1,))
    process.start()
    process.join()
    assert np.array_equal(faces.image(1), SyntheticFaces(2, 1, image_size=(32, 32)).image(1))
    assert len(drawn) == 1  # by the other set


def test_a_set_that_is_too_large_is_drawn_each_time(drawn: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST", 2 * 32 * 32 * 3 - 1)
    faces = SyntheticFaces(2, 1, image_size=(32, 32))
    assert np.array_equal(faces.image(0), faces.image(0))
    assert len(drawn) == 2


def test_a_pickle_holds_no_pictures() -> None:
    faces = SyntheticFaces(1, 2, image_size=(32, 32))
    wanted = faces.image(1)
    pickled = pickle.dumps(faces)
    assert len(pickled) < 1000
    assert np.array_equal(pickle.loads(pickled).image(1), wanted)
