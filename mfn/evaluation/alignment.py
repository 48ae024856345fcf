"""Whether faces lie where a network expects them: a detector's landmarks on a sample, beside the template."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mfn.align.choose import choose_face
from mfn.align.detector import Detector
from mfn.contract import InputContract
from mfn.errors import BrokenImageError
from mfn.sources.sizes import sample
from mfn.sources.source import ImageSource

log = logging.getLogger(__name__)

SAMPLE = 24
FURTHEST = 6.0
"""Distance, in pixels of a crop of 112 rows, from which faces count as not aligned.

The median over 150 images of each kind, with the 10th and 90th percentile, by MTCNN. Aligned: InsightFace's crops of
celebrities 3.8 (2.3 to 5.9), of LFW 2.5 (1.4 to 4.6), synthetic faces 3.6 (2.3 to 5.7). Not: LFW's photos whole 14.4
(13.5 to 15.3), their middle 170, 140, 120 and 100 of 250 pixels 9.8, 7.9, 7.1 and 8.8, the 96-column crop's template on
112 columns 8.4 (6.7 to 9.9), turned and zoomed as by a detector's box 9.2, photos of any kind 37. Of 2,000 samples of
24 images none of the aligned ones lay beyond it, and every other did.
"""
_FEWEST = 5
"""Faces below which nothing is said."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """What a detector found in a sample.

    Attributes:
        looked_at: Images.
        found: Those in which it saw a face.
        distance: Median over these of the mean distance of the five landmarks to the template, in pixels of a crop of
            112 rows; NaN where there is none.
    """

    looked_at: int
    found: int
    distance: float

    @property
    def is_off(self) -> bool:
        """Whether faces were seen in most images, and elsewhere than they should be."""
        return self.found >= max(_FEWEST, self.looked_at / 2) and self.distance > FURTHEST


def alignment(images: Sequence[NDArray[np.uint8]], contract: InputContract, detector: Detector) -> Alignment:
    """Looks for the largest face in each image.

    Args:
        images: uint8 RGB (contract.height, contract.width, 3).
        contract: Says where the landmarks belong.
        detector: Finds them.
    """
    template = np.array(contract.template)
    found = (choose_face(faces, image.shape[:2], "largest") for image in images for faces in detector([image], [""]))
    off = [np.linalg.norm(face.points - template, axis=1).mean() for face in found if face is not None]
    return Alignment(len(images), len(off), float(np.median(off)) * 112 / contract.height if off else float("nan"))


def warn_of_unaligned(sets: Mapping[str, Iterable[NDArray[np.uint8]]], contract: InputContract) -> None:
    """Warns of each set whose faces do not look aligned; MTCNN takes some 20 ms for a face.

    Args:
        sets: A few images of the contract's size of each, by what to call it.
        contract: Of the network.
    """
    from mfn.align.mtcnn import MtcnnDetector  # where the check is off, nobody waits for it

    with torch.random.fork_rng(devices=[]):  # building it draws numbers that the run would miss
        detector = MtcnnDetector(min_face=max(20, contract.height / 6))
    for name, images in sets.items():
        pictures = list(images)
        with one_thread():
            seen = alignment(pictures, contract, detector)
        if seen.is_off:
            log.warning(
                "%s: faces do not look aligned: eyes, nose and mouth of the faces found in %d of %d images lie %.1f "
                "pixels of 112 from where the network expects them, where aligned ones lie 3 to 4: align the photos "
                "with mfn prepare (check_alignment=false leaves this check out)",
                *(name, seen.found, seen.looked_at, seen.distance),
            )


@contextmanager
def one_thread() -> Iterator[None]:
    """Pictures as small as these cost MTCNN many times the time where threads share them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def a_few(source: ImageSource) -> Iterator[NDArray[np.uint8]]:
    """A seeded sample of a source's images, without broken ones."""
    for index in sample(len(source), SAMPLE):
        try:
            yield source.image(index)
        except BrokenImageError:
            continue
