import numpy as np
import pytest

from mfn.align.similarity import similarity_transform
from mfn.align.warp import align_face, warp
from mfn.contract import InputContract
from mfn.errors import DataError

PHOTO = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)


def bilinear(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Every pixel of the crop looked up in the photo, black outside."""
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    crop = np.zeros((*size, 3))
    padded = np.pad(image.astype(float), ((1, 2), (1, 2), (0, 0)))
    for row in range(size[0]):
        for column in range(size[1]):
            x, y, _ = inverse @ [column, row, 1]
            if not (-1 <= x < image.shape[1] and -1 <= y < image.shape[0]):
                continue
            left, top = int(np.floor(x)), int(np.floor(y))
            right, low = x - left, y - top
            corners = padded[top + 1 : top + 3, left + 1 : left + 3]
            weights = np.outer([1 - low, low], [1 - right, right])
            crop[row, column] = (corners * weights[..., None]).sum((0, 1))
    return crop


def smooth_photo() -> np.ndarray:
    y, x = np.mgrid[:90, :120]
    return np.stack([2 * x, 2 * y, x + y], -1).astype(np.uint8)


def test_pixels_are_those_of_a_plain_loop() -> None:
    matrix = np.array([[0.6, -0.3, 12.0], [0.3, 0.6, -20.0]])
    crop = warp(smooth_photo(), matrix, (40, 30))
    assert crop.shape == (40, 30, 3) and crop.dtype == np.uint8
    # OpenCV places samples on a grid of 1/32 pixel
    np.testing.assert_allclose(crop, bilinear(smooth_photo(), matrix, (40, 30)), atol=6)


def test_identity_cuts_and_fills_with_black() -> None:
    crop = warp(PHOTO, np.eye(2, 3), (100, 130))
    np.testing.assert_array_equal(crop[:90, :120], PHOTO)
    assert not crop[91:].any() and not crop[:, 121:].any()


def test_replicate_goes_on_with_the_border() -> None:
    crop = warp(PHOTO, np.array([[1.0, 0, 3], [0, 1, 0]]), (90, 120), replicate=True)
    np.testing.assert_array_equal(crop[:, :3], np.repeat(PHOTO[:, :1], 3, axis=1))


@pytest.mark.parametrize("size", [(112, 112), (112, 96), (224, 224)])
def test_a_drawn_face_lands_on_the_template(size: tuple[int, int]) -> None:
    contract = InputContract.for_size(*size)
    points = np.array([[300, 200], [420, 215], [352, 280], [298, 340], [400, 352]], float)
    photo = np.zeros((600, 700, 3), np.uint8)
    for x, y in points.astype(int):
        photo[y - 8 : y + 9, x - 8 : x + 9] = 255
    crop = align_face(photo, points, contract)
    matrix = similarity_transform(points, contract.template)
    assert crop.shape == (*size, 3)
    for x, y in points @ matrix[:, :2].T + matrix[:, 2]:
        assert crop[round(y), round(x)].min() > 200
    assert np.abs(points @ matrix[:, :2].T + matrix[:, 2] - contract.template).max() < 0.1 * size[0]


@pytest.mark.parametrize("image", [PHOTO.astype(np.float32), PHOTO[..., 0], PHOTO[..., :1], PHOTO[:0]])
def test_other_images_are_refused(image: np.ndarray) -> None:
    with pytest.raises(DataError, match="uint8 image"):
        warp(image, np.eye(2, 3), (4, 4))
    with pytest.raises(DataError, match="matrix"):
        warp(PHOTO, np.eye(3), (4, 4))
