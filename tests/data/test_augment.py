import os
import pickle
import random
import subprocess
import sys
import warnings
from pathlib import Path

import albumentations as A
import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from mfn.data.augment import Augmentation
from mfn.data.transforms import LogContrast, Opening
from mfn.errors import ConfigError

CONF = Path(__file__).resolve().parents[2] / "conf" / "augment"
IMAGE = np.random.default_rng(0).integers(0, 256, (112, 96, 3), dtype=np.uint8)


def load(name: str) -> Augmentation:
    return instantiate(OmegaConf.load(CONF / f"{name}.yaml"), _convert_="all")


NAMES = sorted(path.stem for path in CONF.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_configs_change_pixels_reproducibly(name: str) -> None:
    augment, copy = load(name), pickle.loads(pickle.dumps(load(name)))
    original = IMAGE.copy()
    seen = []
    for index in range(30):
        image = augment(IMAGE, seed=3, epoch=1, index=index)
        assert image.dtype == np.uint8 and image.shape == IMAGE.shape
        seen.append(image.tobytes())
    backwards = [copy(IMAGE, seed=3, epoch=1, index=index).tobytes() for index in reversed(range(30))]
    assert backwards[::-1] == seen
    assert np.array_equal(IMAGE, original)
    assert (len(set(seen)) == 1) == (name == "none")


def test_each_of_the_three_numbers_matters() -> None:
    augment = Augmentation([A.GaussNoise(p=1.0)])
    numbers = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 2**40)]
    images = {augment(IMAGE, seed=s, epoch=e, index=i).tobytes() for s, e, i in numbers}
    assert len(images) == len(numbers)


def test_the_process_has_no_say() -> None:
    augment = load("strong")
    before = [augment(IMAGE, seed=0, epoch=0, index=index).tobytes() for index in range(10)]
    np.random.seed(99)
    random.seed(99)
    for transform in augment.transforms:
        transform(image=IMAGE)
    assert [augment(IMAGE, seed=0, epoch=0, index=index).tobytes() for index in range(10)] == before


def test_half_the_images_are_mirrored_as_they_are() -> None:
    augment = load("flip")
    images = [augment(IMAGE, seed=0, epoch=0, index=index) for index in range(1000)]
    mirrored = sum(np.array_equal(image, IMAGE[:, ::-1]) for image in images)
    assert mirrored + sum(np.array_equal(image, IMAGE) for image in images) == 1000
    assert 440 < mirrored < 560


def test_p_of_the_whole() -> None:
    augment = Augmentation([A.HorizontalFlip(p=1.0)], p=0.25)
    same = sum(augment(IMAGE, seed=0, epoch=0, index=index) is IMAGE for index in range(1000))
    assert 700 < same < 800


@pytest.mark.parametrize(("random_order", "outcomes"), [(False, 1), (True, 2)])
def test_random_order(random_order: bool, outcomes: int) -> None:
    transforms = [A.InvertImg(p=1.0), A.RandomGamma(gamma_limit=(200, 200), p=1.0)]
    augment = Augmentation(transforms, random_order=random_order)
    images = {augment(IMAGE, seed=0, epoch=0, index=index).tobytes() for index in range(30)}
    assert len(images) == outcomes


def test_draws_are_uniform_over_images() -> None:
    augment = Augmentation([A.HorizontalFlip(p=0.5)])
    draws = []
    for index in range(5000):
        augment._reseed(0, 0, index)
        draws.append(augment._draws.random())
    histogram = np.histogram(draws, bins=10, range=(0, 1))[0]
    assert np.abs(histogram - 500).max() < 100
    assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < 0.05
    assert sorted(augment._draws.sample(range(100), 100)) == list(range(100))
    assert 0 <= augment._draws.getrandbits(5) < 32


def test_typing_errors_surface() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        typo = A.OneOf([A.GaussNoise(std_rnage=(0.1, 0.2), p=1.0)])  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="GaussNoise does not know std_rnage"):
        Augmentation([typo])
    with pytest.raises(ConfigError, match=r"augment\.p=2"):
        Augmentation([], p=2)
    for gains in ((2.0, 1.0), (0.0, 1.0)):
        with pytest.raises(ValueError, match="gain_range"):
            LogContrast(gain_range=gains)
    with pytest.raises(ValueError, match="kernel"):
        Opening(kernel=0)


def test_transforms_must_keep_the_size() -> None:
    with pytest.raises(ConfigError, match="must keep the size"):
        Augmentation([A.Resize(50, 50, p=1.0)])(IMAGE, seed=0, epoch=0, index=0)


def test_opening_removes_specks_only() -> None:
    image = np.full((40, 40, 3), 10, np.uint8)
    image[5:8, 5:8] = 200
    image[20:30, 20:30] = 200
    opened = Opening(kernel=5, p=1.0)(image=image)["image"]
    assert (opened[:15, :15] == 10).all() and np.array_equal(opened[15:], image[15:])


def test_log_contrast_curve() -> None:
    image = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    curved = LogContrast(gain_range=(1.0, 1.0), p=1.0)(image=image)["image"]
    assert curved[0, 0, 0] == 0 and curved[-1, -1, 0] == 255
    assert curved.reshape(-1, 3)[85, 0] == round(255 * np.log2(1 + 85 / 255))


@pytest.mark.slow
def test_importing_does_not_look_for_a_newer_albumentations() -> None:
    code = (
        "import sys, urllib.request as u\n"
        "u.OpenerDirector.open = lambda *args, **options: sys.exit(9)\n"
        "import mfn.data.transforms"
    )
    environment = {key: value for key, value in os.environ.items() if key != "NO_ALBUMENTATIONS_UPDATE"}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
