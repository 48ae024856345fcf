"""Faces that lie elsewhere than the network expects them are told of, and aligned ones are not."""

import logging

import numpy as np
import pytest
import torch

from mfn.contract import InputContract
from mfn.errors import BrokenImageError
from mfn.evaluation.alignment import a_few, warn_of_unaligned
from mfn.images.files import ImageFiles
from mfn.sources.fit import Fit, Fitted, cut_middle
from mfn.synthetic.dataset import SyntheticFaces
from tests.align.drawn import photo

SQUARE, NARROW = InputContract(), InputContract.for_size(112, 96)
FACES = [photo(index, 0) for index in range(8)]
PHOTOS = [cut_middle(photo(index), (112, 112)) for index in range(8)]


def warned(images: list[np.ndarray], contract: InputContract, caplog: pytest.LogCaptureFixture) -> str:
    with caplog.at_level(logging.WARNING):
        warn_of_unaligned({"lfw": images}, contract)
    return caplog.text


@pytest.mark.parametrize("contract", [SQUARE, NARROW])
def test_aligned_faces_are_nothing_to_speak_of(contract: InputContract, caplog: pytest.LogCaptureFixture) -> None:
    aligned = [Fit((contract.height, contract.width))(cut_middle(face, (112, 112)), "it") for face in FACES]
    assert not warned(aligned, contract, caplog)


@pytest.mark.parametrize("contract", [SQUARE, NARROW])
def test_photos_are_told_of_with_what_to_do(contract: InputContract, caplog: pytest.LogCaptureFixture) -> None:
    photos = [cut_middle(photo(index), (contract.height, contract.width)) for index in range(8)]
    said = warned(photos, contract, caplog)
    assert "lfw: faces do not look aligned" in said and "mfn prepare" in said and "check_alignment=false" in said


def test_few_faces_or_none_say_nothing(caplog: pytest.LogCaptureFixture) -> None:
    noise = list(np.random.default_rng(0).integers(0, 256, (8, 112, 112, 3), np.uint8))
    for images in (PHOTOS[:4], noise, []):
        assert not warned(images, SQUARE, caplog)


def test_looking_changes_nothing_of_the_run(caplog: pytest.LogCaptureFixture) -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    warned(PHOTOS[:1], SQUARE, caplog)
    assert torch.get_num_threads() == threads and torch.equal(torch.get_rng_state(), state)


def test_a_sample_is_the_same_each_time_and_leaves_broken_images_out() -> None:
    class Sometimes(SyntheticFaces):
        def image(self, index: int) -> np.ndarray:
            if index % 2:
                raise BrokenImageError("broken on purpose")
            return super().image(index)

    first, again = (list(a_few(Sometimes(40, 1, (32, 32)))) for _ in range(2))
    assert 0 < len(first) < 24 and np.array_equal(first, again)


@pytest.mark.parametrize("size", [(112, 112), (112, 96)])
@pytest.mark.parametrize(("folder", "is_told"), [("lfw_raw", True), ("lfw", False)])
def test_real_photos_and_real_crops(
    shared, size: tuple[int, int], folder: str, is_told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    files = sorted((shared / "data" / folder).rglob("*.jpg"))
    images = list(a_few(Fitted(ImageFiles(folder, files), Fit(size, "resize"))))
    assert bool(warned(images, InputContract.for_size(*size), caplog)) == is_told
