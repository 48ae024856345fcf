"""Images that travel encoded and are decoded where they are used, by nvJPEG on a CUDA device.

Only what a device decodes as a processor does is left to it: JPEGs in colour, of the wanted size, that no orientation
tag turns. A worker decodes all others, and says of each image whether it is to be mirrored.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from mfn.data.augment import Augmentation
from mfn.data.flip import HorizontalFlip
from mfn.data.images import FaceImages, ReadImages
from mfn.data.jpeg_header import is_plain_jpeg
from mfn.data.sampler import SampleKey
from mfn.data.transfer import pinned, sent
from mfn.errors import BrokenImageError, ConfigError, first_line
from mfn.images.decode import decode_rgb
from mfn.sources.source import ImageSource, is_encoded

WORKER = "set data.decode=worker"


class EncodedFaceImages(FaceImages):
    """Like `FaceImages`, but a row may hold the bytes of a JPEG in place of pixels, and nothing is mirrored yet.

    Args:
        source: Where images come from, stored encoded.
        more: As `FaceImages` takes it.

    Raises:
        ConfigError: The images are not stored encoded, or are to be changed by more than mirroring.
    """

    def __init__(self, source: ImageSource, *more: Any, **named: Any) -> None:
        super().__init__(source, *more, **named)
        if not is_encoded(source):
            raise ConfigError(
                f"data.decode=device needs images that are stored encoded, as in a pack or a folder of JPEGs, and "
                f"those of {source.name} are not: {WORKER}"
            )
        check_mirrors_alone(self.augment)
        self._encoded = source.encoded

    def read(self, keys: Sequence[SampleKey], out: np.ndarray) -> ReadImages:
        """As `FaceImages.read`; `lengths` says how many bytes of a row are a JPEG, 0 where it holds pixels."""
        read: list[int] = []
        lengths: list[int] = []
        mirrored: list[bool] = []
        broken: list[tuple[int, str]] = []
        for epoch, index in keys:
            position = int(self.positions[index])
            row = out[len(read)]
            try:
                lengths.append(self._write(position, epoch, row))
            except BrokenImageError as error:
                broken.append((position, str(error)))
                continue
            if self.augment is not None:
                self.augment(_NOTHING, seed=self.seed, epoch=epoch, index=position)
            mirrored.append(self.augment is not None and self.augment.mirrored)
            read.append(index)
        return ReadImages(read, tuple(broken), mirrored, lengths)

    def _write(self, position: int, epoch: int, row: np.ndarray) -> int:
        """Fills a row and says how many bytes of a JPEG it holds."""
        if self._copies is None or not self._copies.codes[position]:
            data = self._encoded(position)
            if len(data) <= row.size and is_plain_jpeg(data, self.image_size):
                row.reshape(-1)[: len(data)] = np.frombuffer(data, np.uint8)
                return len(data)
        row[:] = self._image(position, epoch)
        return 0


_NOTHING = np.zeros((1, 1, 3), np.uint8)
"""Is mirrored in place of an image, to learn whether that will be."""


class EncodedBatch(NamedTuple):
    """N images of which most are still encoded; on its way to a device it becomes a `FaceBatch`.

    Attributes:
        rows: uint8 (N, H, W, 3), pixels or, at the start of a row, a JPEG.
        lengths: Bytes of each row's JPEG, 0 where there are pixels.
        batch: The rest of the batch, whose images are not there yet.
        describe: Names the image at a position of the source, for messages.
    """

    rows: np.ndarray
    lengths: list[int]
    batch: Any
    describe: Callable[[int], str]

    @property
    def labels(self) -> Tensor:
        """int64 (N,)."""
        return self.batch.labels

    @property
    def broken(self) -> tuple[tuple[int, str], ...]:
        """(position, reason) of the images that could not be read."""
        return self.batch.broken

    def to(self, device: torch.device | str) -> Any:
        """Decodes and mirrors on the device; images that turn out to be broken leave the batch.

        Returns:
            A `FaceBatch`.

        Raises:
            ConfigError: PyTorch cannot decode there.
        """
        jpegs = {row: torch.from_numpy(_bytes(self.rows[row], n)) for row, n in enumerate(self.lengths) if n}
        images, reasons = _decoded(jpegs, self.rows.shape[1:3], torch.device(device))
        whole = [row for row in range(len(self.lengths)) if row not in reasons]
        pixels = [row for row in whole if row not in images]
        images |= dict(zip(pixels, sent(pinned(self.rows[pixels]), device).permute(0, 3, 1, 2), strict=True))
        kept = torch.tensor(whole, dtype=torch.int64)
        mirrored = self.batch.mirrored[kept]
        stacked = (
            torch.stack([images[row] for row in whole])
            if whole
            else torch.empty((0, 3, *self.rows.shape[1:3]), dtype=torch.uint8, device=device)
        )
        mirror = sent(pinned(mirrored.numpy()), device).view(-1, 1, 1, 1)
        batch = self.batch._replace(
            images=torch.where(mirror, stacked.flip(3), stacked).permute(0, 2, 3, 1).contiguous(),
            labels=self.batch.labels[kept],
            indices=self.batch.indices[kept],
            mirrored=mirrored,
            broken=self.batch.broken + tuple(self._broken(row, reason) for row, reason in reasons.items()),
        )
        return batch.to(device)

    def _broken(self, row: int, reason: str) -> tuple[int, str]:
        position = int(self.batch.indices[row])
        return position, f"{self.describe(position)}: {reason}"


def check_mirrors_alone(augment: Augmentation | None) -> None:
    """Raises ``ConfigError`` where images are to be changed by more than our own mirroring."""
    for step in augment.transforms if augment else ():
        if not isinstance(step, HorizontalFlip):
            raise ConfigError(
                f"data.decode=device mirrors images and changes nothing else, and augment has {type(step).__name__}: "
                f"set augment=flip or augment=none, or {WORKER}"
            )


def _bytes(row: np.ndarray, count: int) -> np.ndarray:
    """A copy of the JPEG in a row, whose slot will be written over."""
    return row.reshape(-1)[:count].copy()


def _decoded(
    jpegs: dict[int, Tensor], size: tuple[int, ...], device: torch.device
) -> tuple[dict[int, Tensor], dict[int, str]]:
    """The pixels of each row, uint8 (3, H, W), or why there are none."""
    if not jpegs:
        return {}, {}
    decode = decoder(device.type)
    try:
        return dict(zip(jpegs, decode(list(jpegs.values()), device), strict=True)), {}
    except RuntimeError:
        return _one_by_one(jpegs, size, device)


def _one_by_one(
    jpegs: dict[int, Tensor], size: tuple[int, ...], device: torch.device
) -> tuple[dict[int, Tensor], dict[int, str]]:
    """As `_decoded`, by the processor: one damaged image spoils all that a device decodes at a time."""
    found, reasons = {}, {}
    for row, data in jpegs.items():
        try:
            pixels = decode_rgb(data.numpy())
            if pixels.shape[:2] != tuple(size):
                raise BrokenImageError(f"its header says {size[0]}x{size[1]}, and it is {pixels.shape[:2]}")
            found[row] = sent(pinned(pixels), device).permute(2, 0, 1)
        except BrokenImageError as error:
            reasons[row] = str(error)
    return found, reasons


@cache
def decoder(device: str) -> Callable[[list[Tensor], torch.device], list[Tensor]]:
    """What decodes JPEGs on a kind of device: uint8 (bytes,) each to uint8 (3, H, W) each.

    Raises:
        ConfigError: There is nothing.
    """
    try:
        from torchvision.io import ImageReadMode, decode_jpeg

        def decode(jpegs: list[Tensor], where: torch.device) -> list[Tensor]:
            made: Any = decode_jpeg(jpegs, mode=ImageReadMode.RGB, device=where)
            return made

        small = cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))[1]
        (pixels,) = decode([torch.from_numpy(small.reshape(-1).copy())], torch.device(device))
        if pixels.device.type != device:
            raise RuntimeError(f"they end on {pixels.device.type}")
    except (ImportError, RuntimeError, ValueError) as error:
        raise ConfigError(f"torchvision decodes no JPEGs on {device} here ({first_line(error)}): {WORKER}") from None
    return decode
