"""MTCNN: three small networks, each looking closer at what the one before took for a face.

Zhang et al. 2016, "Joint Face Detection and Alignment using Multitask Cascaded Convolutional Networks".

The networks and their weights are those of facenet-pytorch 2.5.3. Not used is what its ``MTCNN`` does around them,
which (a) takes photos of one size only, (b) gives ragged results as object arrays, whose shape depends on whether the
photos happen to have equally many faces, (c) keeps photos apart during suppression by large float32 offsets, so that
faces change with the batch, (d) stretches what is left of a box at the border of a photo, where the networks were
trained with black, and (e) loses count of its boxes when one lies outside.
"""

from collections import defaultdict
from collections.abc import Sequence
from copy import copy

import numpy as np
import torch
from facenet_pytorch.models.mtcnn import ONet, PNet, RNet
from numpy.typing import NDArray
from torch import nn

from mfn.align.boxes import Floats, cut, moved, square, suppress, suppress_contained
from mfn.align.face import Face
from mfn.align.pyramid import CELL, pyramid, windows
from mfn.errors import ConfigError

LENIENT = (0.5, 0.5, 0.5)
"""Thresholds for photos in which the usual ones found nothing."""
_LOOKS_AT_ONCE = 512
"""Boxes that R-Net or O-Net sees in one pass, to bound the memory."""


class MtcnnDetector:
    """Finds faces and five landmarks with MTCNN.

    Args:
        min_face: Side in pixels of the smallest face to look for.
        thresholds: Score above which each of the three networks takes a box for a face.
        factor: Of the size of each picture in the pyramid of pictures to that of the one before.
        max_side: Photos with a longer side are searched as if that was this long, so `min_face` grows with them;
            the landmarks are still found in all of the photo's pixels. None: no limit.
        batch_size: Photos of one size that P-Net sees in one pass. More than one pays on GPUs only.
        device: Of the networks, such as ``cuda:0``.

    Raises:
        ConfigError: An argument makes no sense, or the device is not there.
    """

    def __init__(
        self,
        min_face: float = 20,
        thresholds: Sequence[float] = (0.6, 0.7, 0.7),
        factor: float = 0.709,
        max_side: int | None = 1024,
        batch_size: int = 1,
        device: str = "cpu",
    ) -> None:
        if len(thresholds) != 3 or not all(0 <= threshold < 1 for threshold in thresholds):
            raise ConfigError(f"detector.thresholds takes three numbers from 0 to below 1, got {list(thresholds)}")
        if not 0 < factor < 1:
            raise ConfigError(f"detector.factor must lie between 0 and 1, got {factor}")
        if min_face < 1 or batch_size < 1 or (max_side is not None and max_side < CELL):
            raise ConfigError(
                f"detector: min_face and batch_size must be positive and max_side at least {CELL}, got {min_face}, "
                f"{batch_size} and {max_side}"
            )
        self.min_face = min_face
        self.thresholds = tuple(thresholds)
        self.factor = factor
        self.max_side = max_side
        self.batch_size = batch_size
        try:
            self.device = torch.empty(0, device=device).device
        except (RuntimeError, AssertionError) as error:  # the latter from a torch built without CUDA
            raise ConfigError(f"detector.device: {device!r} is not here; use detector.device=cpu") from error
        # channels_last takes two thirds of the time on CPUs
        self._pnet, self._rnet, self._onet = (
            net().eval().to(self.device).to(memory_format=torch.channels_last) for net in (PNet, RNet, ONet)
        )

    def lenient(self) -> "MtcnnDetector":
        """The same networks with thresholds of `LENIENT`, where those of this one are higher."""
        other = copy(self)
        other.thresholds = tuple(map(min, self.thresholds, LENIENT))
        return other

    @torch.inference_mode()
    def __call__(self, images: Sequence[NDArray[np.uint8]], names: Sequence[str]) -> list[list[Face]]:
        """Finds the faces of photos, see `mfn.align.detector.Detector`; `names` are not looked at."""
        boxes = self._propose(images)
        refined = [self._refine(*seen) for seen in zip(boxes, self._look(self._rnet, 24, images, boxes), strict=True)]
        seen = self._look(self._onet, 48, images, refined)
        return [self._faces(*found) for found in zip(refined, seen, strict=True)]

    def _propose(self, images: Sequence[NDArray[np.uint8]]) -> list[Floats]:
        """P-Net on pictures of all sizes: for each photo the squares that may hold a face."""
        groups = defaultdict(list)
        for index, image in enumerate(images):
            groups[image.shape].append(index)
        proposals = [np.empty((0, 4), np.float32)] * len(images)
        for alike in groups.values():
            for start in range(0, len(alike), self.batch_size):
                batch = alike[start : start + self.batch_size]
                for index, boxes in zip(batch, self._propose_alike([images[i] for i in batch]), strict=True):
                    proposals[index] = boxes
        return proposals

    def _propose_alike(self, images: list[NDArray[np.uint8]]) -> list[Floats]:
        """`_propose` for photos of one size."""
        shrink = min(1.0, (self.max_side or np.inf) / max(images[0].shape[:2]))
        found: list[list[Floats]] = [[np.empty((0, 9), np.float32)] for _ in images]
        for scale, pictures in pyramid(images, shrink * CELL / self.min_face, self.factor):
            offsets, scores = (out.cpu().numpy() for out in self._pnet(self._input(pictures)))
            for picture, (offset, score) in enumerate(zip(offsets, scores[:, 1], strict=True)):
                rows = windows(offset, score, scale, self.thresholds[0])
                found[picture].append(rows[suppress(rows[:, :4], rows[:, 4], 0.5)])
        proposals = []
        for rows in map(np.concatenate, found):
            rows = rows[suppress(rows[:, :4], rows[:, 4], 0.7)]
            proposals.append(square(moved(rows[:, :4], rows[:, 5:])))
        return proposals

    def _look(
        self, network: nn.Module, size: int, images: Sequence[NDArray[np.uint8]], boxes: Sequence[Floats]
    ) -> list[Floats]:
        """What a network says of the boxes of each photo: its outputs side by side, the face's score last."""
        cuts = [cut(image, box, size) for image, of_image in zip(images, boxes, strict=True) for box in of_image]
        said = [
            torch.cat(network(self._input(np.stack(cuts[start : start + _LOOKS_AT_ONCE]))), dim=1).cpu().numpy()
            for start in range(0, len(cuts), _LOOKS_AT_ONCE)
        ]
        together = np.concatenate(said) if said else np.empty((0, 16), np.float32)
        return np.split(together, np.cumsum([len(of_image) for of_image in boxes], dtype=int))[:-1]

    def _input(self, pictures: NDArray[np.uint8]) -> torch.Tensor:
        """Pixels (N, h, w, 3) as the networks take them; their memory stays as it is, which is channels_last."""
        return (torch.from_numpy(pictures).to(self.device).permute(0, 3, 1, 2).float() - 127.5) / 128

    def _refine(self, boxes: Floats, said: Floats) -> Floats:
        """The squares R-Net takes for faces, moved to where it sees them."""
        sure = said[:, -1] > self.thresholds[1]
        boxes, said = boxes[sure], said[sure]
        kept = suppress(boxes, said[:, -1].copy(), 0.7)
        return square(moved(boxes[kept], said[kept, :4]))

    def _faces(self, boxes: Floats, said: Floats) -> list[Face]:
        """The faces O-Net sees in the squares of one photo, the surest first."""
        sure = said[:, -1] > self.thresholds[2]
        boxes, said = boxes[sure], said[sure]
        corner, sides = boxes[:, None, :2], (boxes[:, 2:] - boxes[:, :2])[:, None]
        points = corner + sides * said[:, 4:14].reshape(-1, 2, 5).swapaxes(1, 2)
        boxes = moved(boxes, said[:, :4])
        return [
            Face.rounded([*boxes[i, :2], *(boxes[i, 2:] - boxes[i, :2])], points[i], said[i, -1])
            for i in suppress_contained(boxes, said[:, -1], 0.7)
        ]
