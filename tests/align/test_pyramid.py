import numpy as np

from mfn.align.pyramid import pyramid, windows

PHOTO = np.full((60, 100, 3), 7, np.uint8)


def test_pictures_shrink_until_one_window_covers_them() -> None:
    levels = list(pyramid([PHOTO, PHOTO + 1], 0.8, 0.5))
    assert [scale for scale, _ in levels] == [0.8, 0.4, 0.2]
    assert [pictures.shape for _, pictures in levels] == [(2, 49, 81, 3), (2, 25, 41, 3), (2, 13, 21, 3)]
    assert all((pictures[0] == 7).all() and (pictures[1] == 8).all() for _, pictures in levels)


def test_a_photo_smaller_than_a_window_has_no_pictures() -> None:
    assert list(pyramid([PHOTO[:9]], 1.0, 0.7)) == []


def test_windows_lie_where_the_network_looked() -> None:
    scores, offsets = np.zeros((5, 9), np.float32), np.zeros((4, 5, 9), np.float32)
    scores[1, 4], scores[0, 0], offsets[:, 1, 4] = 0.8, 0.59, [0.1, 0.2, 0.3, 0.4]
    # Row 1, column 4 of windows two pixels apart, in a picture of half the photo's size: pixels 8 to 20 and 2 to 14
    expected = [[17, 5, 40, 28, 0.8, 0.1, 0.2, 0.3, 0.4]]
    np.testing.assert_allclose(windows(offsets, scores, 0.5, 0.6), expected, rtol=1e-6)
    assert windows(offsets, scores, 0.5, 0.9).shape == (0, 9)
