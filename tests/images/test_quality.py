from itertools import pairwise

import cv2
import numpy as np

from mfn.images.quality import blur, is_grey, perceptual_hash
from mfn.synthetic.dataset import SyntheticFaces

FACES = [SyntheticFaces(12, 1, (112, 112), seed=0).image(index) for index in range(12)]
NOISE = np.random.default_rng(0).normal(128, 450, (12, 112, 112, 3))
PICTURES = [np.clip(cv2.GaussianBlur(noise, (0, 0), 3), 0, 255).astype(np.uint8) for noise in NOISE]


def bits(first: np.ndarray, second: np.ndarray) -> int:
    return int(np.bitwise_count(perceptual_hash(first) ^ perceptual_hash(second)))


def test_blurring_lowers_the_number() -> None:
    for face in FACES:
        blurred = [blur(face), blur(cv2.GaussianBlur(face, (0, 0), 1)), blur(cv2.GaussianBlur(face, (0, 0), 3))]
        assert blurred == sorted(blurred, reverse=True) and blurred[2] < 0.5 * blurred[0]
    assert blur(np.full((112, 112, 3), 90, np.uint8)) == 0


def test_the_laplacian_is_the_one_of_the_definition() -> None:
    image = np.zeros((9, 9, 3), np.uint8)
    image[4, 4] = 100  # the kernel itself, scaled: -400 once, 100 four times
    assert np.isclose(blur(image), (400**2 + 4 * 100**2) / 81)


def test_grey_survives_jpeg_and_colour_does_not_count_as_grey() -> None:
    for face in FACES:
        grey = cv2.cvtColor(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        stored = cv2.imdecode(cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR_RGB)
        assert is_grey(grey) and is_grey(stored) and not is_grey(face)


def test_near_copies_share_their_hash_and_other_pictures_do_not() -> None:
    for face, other in pairwise(PICTURES):
        recompressed = cv2.imdecode(cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, 50])[1], cv2.IMREAD_COLOR)
        smaller = cv2.resize(face, (60, 60), interpolation=cv2.INTER_AREA)
        darker = (face * 0.8).astype(np.uint8)
        assert max(bits(face, copy) for copy in (recompressed, smaller, darker)) <= 4
        assert bits(face, other) > 8
        assert bits(face, face[:, ::-1]) > 8


def test_the_hash_is_of_64_bits_half_of_them_set() -> None:
    hashes = [perceptual_hash(face) for face in FACES]
    assert all(isinstance(value, np.uint64) for value in hashes)
    assert {int(np.bitwise_count(value)) for value in hashes} == {32}
