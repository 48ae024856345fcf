"""Mirroring without albumentations, from which it must not differ."""

import subprocess
import sys
from pathlib import Path

import albumentations
import numpy as np
import pytest

from mfn.data.augment import Augmentation
from mfn.data.flip import HorizontalFlip
from tests.scripts import ROOT, TINY

IMAGE = np.random.default_rng(0).integers(0, 256, (7, 5, 3), np.uint8)


@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 1.0])
def test_the_same_images_are_mirrored_as_by_albumentations(p: float) -> None:
    ours, theirs = (Augmentation([flip(p=p)]) for flip in (HorizontalFlip, albumentations.HorizontalFlip))
    mirrored = 0
    for index in range(100):
        image = ours(IMAGE, seed=3, epoch=1, index=index)
        assert np.array_equal(image, theirs(IMAGE, seed=3, epoch=1, index=index))
        assert np.array_equal(image, IMAGE) or np.array_equal(image, IMAGE[:, ::-1])
        mirrored += not np.array_equal(image, IMAGE)
    assert abs(mirrored / 100 - p) < 0.15


@pytest.mark.slow
@pytest.mark.parametrize("augment", ["flip", "none"])
def test_the_default_path_trains_without_albumentations(augment: str, tmp_path: Path) -> None:
    words = [*TINY, f"augment={augment}", "trainer.max_epochs=1", f"hydra.run.dir={tmp_path}"]
    code = (
        "import sys; sys.modules['albumentations'] = None; from mfn.commands.train import main; "
        f"sys.argv = ['train.py']; main({words!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and (tmp_path / "checkpoints" / "last.ckpt").is_file(), done.stderr


@pytest.mark.slow
def test_an_augmentation_of_its_own_says_what_it_needs(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['albumentations'] = None; from mfn.commands.train import main; "
        "sys.argv = ['train.py']; main(['augment=light'])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "albumentations" in done.stderr and "Traceback" not in done.stderr
