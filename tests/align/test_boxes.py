import numpy as np
import pytest

from mfn.align.boxes import cut, moved, square, suppress, suppress_contained


def boxes(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32)


def test_squares_keep_centre_and_longer_side_in_whole_pixels() -> None:
    squares = square(boxes((10, 20, 30, 60), (1.2, 3.4, 9.9, 8.1), (5, 5, 5, 5)))
    np.testing.assert_array_equal(squares, [[0, 20, 40, 60], [1, 1, 10, 10], [4, 4, 5, 5]])
    assert squares.dtype == np.float32


def test_edges_move_by_shares_of_the_sides() -> None:
    np.testing.assert_allclose(moved(boxes((10, 20, 30, 60)), boxes((0.5, 0.25, -0.5, 1))), [[20, 30, 20, 100]])


def test_suppression_keeps_the_surest_of_boxes_that_overlap() -> None:
    rows = boxes((0, 0, 10, 10), (100, 0, 110, 10), (0, 0, 10, 12), (9, 9, 20, 20))
    scores = np.array([0.7, 0.8, 0.9, 0.6], np.float32)
    assert suppress(rows, scores, 0.5).tolist() == [2, 1, 3]
    assert suppress(rows, scores, 0.9).tolist() == [2, 1, 0, 3]


def test_a_box_within_a_surer_one_goes_only_where_the_smaller_counts() -> None:
    rows, scores = boxes((40, 40, 60, 60), (0, 0, 100, 100)), np.array([0.8, 0.9], np.float32)
    assert suppress(rows, scores, 0.7).tolist() == [1, 0]
    assert suppress_contained(rows, scores, 0.7).tolist() == [1]
    assert suppress_contained(rows[:0], scores[:0], 0.7).tolist() == []


def test_a_box_that_went_takes_no_other_with_it() -> None:
    rows = boxes((0, 0, 10, 10), (0, 5, 10, 15), (0, 10, 10, 20))
    assert suppress_contained(rows, np.array([0.9, 0.8, 0.7], np.float32), 0.4).tolist() == [0, 2]


PHOTO = np.random.default_rng(0).integers(1, 256, (40, 60, 3), dtype=np.uint8)


def test_cut_shows_the_box() -> None:
    np.testing.assert_array_equal(cut(PHOTO, boxes((8, 3, 32, 27))[0], 24), PHOTO[3:27, 8:32])
    np.testing.assert_allclose(
        cut(PHOTO, boxes((8, 3, 32, 27))[0], 12), PHOTO[3:27, 8:32].reshape(12, 2, 12, 2, 3).mean((1, 3)), atol=1
    )


@pytest.mark.parametrize("corner", [(-10, -7), (50, 30), (-5, 30), (-100, 10), (60, 40)])
def test_cut_is_black_outside_of_the_photo(corner: tuple[int, int]) -> None:
    x, y = corner
    around = np.pad(PHOTO, ((100, 100), (100, 100), (0, 0)))
    expected = around[y + 100 : y + 124, x + 100 : x + 124]
    np.testing.assert_array_equal(cut(PHOTO, boxes((x, y, x + 24, y + 24))[0], 24), expected)
