import cv2
import numpy as np
import pytest

from mfn.images.variants import VARIANTS, gaussian, hsv, opening, salt_pepper, variant_draws

IMAGE = np.random.default_rng(0).integers(0, 256, (112, 96, 3), dtype=np.uint8)
GREY = np.full((200, 200, 3), 128, np.uint8)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_another_image_of_the_same_kind(name: str) -> None:
    before = IMAGE.copy()
    changed = VARIANTS[name](IMAGE, variant_draws(0, 0, 0))
    assert changed.shape == IMAGE.shape and changed.dtype == np.uint8 and changed.flags.c_contiguous
    assert not np.array_equal(changed, IMAGE) and np.array_equal(IMAGE, before)


def test_hsv_is_what_opencv_would_have_written() -> None:
    as_written = cv2.cvtColor(cv2.cvtColor(IMAGE, cv2.COLOR_RGB2BGR), cv2.COLOR_BGR2HSV)
    read = cv2.imdecode(cv2.imencode(".png", as_written)[1], cv2.IMREAD_COLOR_RGB)
    assert np.array_equal(hsv(IMAGE, variant_draws(0, 0, 0)), read)


def test_opening_removes_what_is_smaller_than_its_square() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    image[2:6, 2:10] = 200
    image[10:15, 10:15] = 100
    opened = opening(image, variant_draws(0, 0, 0))
    assert not opened[:8].any() and (opened[10:15, 10:15] == 100).all()


def test_gaussian_noise() -> None:
    noise = gaussian(GREY, variant_draws(0, 0, 0)).astype(float) - 128
    assert abs(noise.std() - 25.5) < 0.3 and abs(noise.mean()) < 0.8
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.03


def test_salt_and_pepper() -> None:
    noisy = salt_pepper(GREY, variant_draws(0, 0, 0))
    assert set(np.unique(noisy).tolist()) == {0, 128, 255}
    assert abs((noisy == 0).mean() - 0.025) < 0.002 and abs((noisy == 255).mean() - 0.025) < 0.002


def test_draws_depend_on_each_number_and_on_nothing_else() -> None:
    numbers = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    first = [variant_draws(*key).random() for key in numbers]
    assert len(set(first)) == 4
    assert first == [variant_draws(*key).random() for key in numbers]


def test_draws_are_not_the_augmentation_s() -> None:
    augmentation = np.random.Generator(np.random.Philox(key=[3, 4], counter=[0, 0, 0, 5]))
    assert variant_draws(3, 4, 5).random() != augmentation.random()
