"""The input contract: what a network expects of the pixels it is given, in one value.

Training, evaluation and exported files all carry the same :class:`InputContract`, so that alignment, colour order and
pixel range cannot differ between them without somebody being told.
"""

import dataclasses
import logging
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from torch import Tensor

from mfn.contract.measured_scores import MeasuredScores
from mfn.errors import CheckpointError, ConfigError

log = logging.getLogger(__name__)

Point = tuple[float, float]

ARCFACE_112: tuple[Point, ...] = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)
"""InsightFace's five points (x, y) on a 112x112 crop: left eye, right eye, nose, left and right mouth corner."""

_LONGEST_SIDE, _LONGEST_EMBEDDING = 4096, 65536
_FLIPS = ("none", "sum", "concat")
# What is written for pixels of 0 to 1 would pass for numbers and make nonsense of every picture
_MEAN = "three numbers for pixels of 0 to 255 (0.485 of 0 to 1 is 123.675)"
_STD = "three numbers of at least 1 for pixels of 0 to 255 (0.229 of 0 to 1 is 58.395)"
_ADDED_LATER = ("threshold_flip", "measured")
"""Fields that files of older versions do not have."""


@dataclass(frozen=True, slots=True)
class InputContract:
    """What a network expects and gives.

    Attributes:
        height: Rows of the aligned crop in pixels.
        width: Columns of the aligned crop in pixels.
        color: Channel order of the pixels the network sees, ``"RGB"`` or ``"BGR"``.
        mean: Subtracted from each channel, in 0..255 units.
        std: Divides each channel after the mean, in 0..255 units.
        template: Where the five landmarks (x, y) lie on the crop.
        embedding_dim: Length of the embedding.
        threshold: Cosine at and above which two faces count as one person; None until one was measured.
        threshold_far: False accept rate for which ``threshold`` was measured.
        threshold_flip: What was done with the mirrored image's embedding then: ``"none"``, ``"sum"`` or ``"concat"``;
            None where nobody wrote it down.
        measured: How its scores fell where the threshold was measured; None where nobody kept them.

    Raises:
        ConfigError: A field has another type, or a value that makes no sense.
    """

    height: int = 112
    width: int = 112
    color: str = "RGB"
    mean: tuple[float, float, float] = (127.5, 127.5, 127.5)
    std: tuple[float, float, float] = (127.5, 127.5, 127.5)
    template: tuple[Point, ...] = ARCFACE_112
    embedding_dim: int = 128
    threshold: float | None = None
    threshold_far: float | None = None
    threshold_flip: str | None = None
    measured: MeasuredScores | None = None

    def __post_init__(self) -> None:
        _expect_sides(self.height, self.width)
        dim, most = self.embedding_dim, _LONGEST_EMBEDDING
        _expect("embedding_dim", dim, f"a whole number from 1 to {most}", _is_whole(dim, most))
        _expect("color", self.color, "RGB or BGR", self.color in ("RGB", "BGR"))
        _expect("mean", self.mean, _MEAN, _are_numbers(self.mean, 3) and not 0 < max(self.mean) <= 1)
        _expect("std", self.std, _STD, _are_numbers(self.std, 3) and min(self.std) >= 1)
        points = isinstance(self.template, Sequence) and [_are_numbers(point, 2) for point in self.template]
        _expect("template", self.template, "five (x, y) points", points == [True] * 5)
        cosine, far, flip = self.threshold, self.threshold_far, self.threshold_flip
        _expect("threshold", cosine, "a cosine", cosine is None or (_is_number(cosine) and abs(cosine) <= 1.001))
        _expect("threshold_far", far, "a share", far is None or (_is_number(far) and 0 <= far <= 1))
        _expect("threshold_flip", flip, "none, sum or concat", flip is None or flip in _FLIPS)
        scores = self.measured
        _expect("measured", scores, "measured scores", scores is None or isinstance(scores, MeasuredScores))

    @classmethod
    def for_size(cls, height: int, width: int, **fields: Any) -> "InputContract":
        """The InsightFace template moved and scaled to another crop.

        96 columns cut 8 pixels from either side of the 112x112 crop, as the older 112x96 networks do; a square
        crop is the 112x112 crop at another scale.

        Args:
            height: Rows of the crop.
            width: Columns of the crop.
            **fields: Other attributes of the contract.
        """
        _expect_sides(height, width)
        scale = height / 112
        margin = (width - 112 * scale) / 2
        template = tuple((x * scale + margin, y * scale) for x, y in ARCFACE_112)
        return cls(height=height, width=width, template=template, **fields)

    def arrange(self, images: Tensor) -> Tensor:
        """Pixels in the network's layout and colour order, not normalised.

        Args:
            images: uint8 (N, H, W, 3), RGB.

        Returns:
            uint8 (N, 3, H, W). Its memory is channels-last, as the pixels are.

        Raises:
            ConfigError: The images are not of the contract's size or type.
        """
        if images.dtype != torch.uint8 or images.shape[1:] != (self.height, self.width, 3):
            raise ConfigError(
                f"the network takes uint8 RGB images of shape (N, {self.height}, {self.width}, 3), "
                f"got {images.dtype} {tuple(images.shape)}; Fit(({self.height}, {self.width})) of mfn.sources.fit "
                "brings aligned crops of another size to it"
            )
        return (images.flip(-1) if self.color == "BGR" else images).permute(0, 3, 1, 2)

    def normalize(self, images: Tensor) -> Tensor:
        """Pixels to network input, on the device the pixels are on.

        Args:
            images: uint8 (N, H, W, 3), RGB.

        Returns:
            float32 (N, 3, H, W) in the network's own colour order. Its memory is channels-last, as the pixels are.

        Raises:
            ConfigError: The images are not of the contract's size or type.
        """
        mean, std = _of_channels(self.mean, images.device), _of_channels(self.std, images.device)
        return (self.arrange(images).float() - mean) / std

    def differences(self, other: "InputContract") -> list[str]:
        """One phrase for each convention in which two contracts differ (thresholds and scores are no convention)."""
        return [
            f"{field.name} {getattr(self, field.name)} against {getattr(other, field.name)}"
            for field in dataclasses.fields(self)
            if not field.name.startswith(("threshold", "measured"))
            and getattr(self, field.name) != getattr(other, field.name)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings and lists, for checkpoints and file metadata."""
        plain = dataclasses.asdict(self)
        return plain | {
            "mean": list(self.mean),
            "std": list(self.std),
            "template": [list(p) for p in self.template],
            "measured": None if self.measured is None else self.measured.to_dict(),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "InputContract":
        """The inverse of :meth:`to_dict`, for values of whatever origin.

        A field that an older version did not write is None; one that only a newer version knows is passed over with a
        warning.

        Raises:
            CheckpointError: A field is missing, or has a value that makes no sense.
        """
        if not isinstance(plain, Mapping):
            raise CheckpointError(f"the input contract is a {type(plain).__name__}, not fields with values")
        names = {field.name for field in dataclasses.fields(cls)}
        if lacking := names - set(plain) - set(_ADDED_LATER):
            raise CheckpointError(f"the input contract lacks {', '.join(sorted(lacking))}")
        if unknown := sorted(reprlib.repr(name) for name in plain if name not in names):
            log.warning("input contract: %s is unknown here and passed over; a newer mfn may know it", unknown[0])
        fields = {name: value for name, value in plain.items() if name in names}
        for name in ("mean", "std", "template"):
            fields[name] = _tuples(fields[name])
        if fields.get("measured") is not None:
            fields["measured"] = MeasuredScores.from_dict(fields["measured"])
        try:
            return cls(**fields)
        except ConfigError as error:
            raise CheckpointError(str(error)) from error


def is_side(value: object) -> TypeGuard[int]:
    """Whether a value can be the height or the width of a crop."""
    return _is_whole(value, _LONGEST_SIDE)


def _of_channels(values: Sequence[float], device: torch.device) -> Tensor:
    """A number for each channel, (3, 1, 1), written by the device itself: it need not wait for the main memory's."""
    return torch.stack([torch.full((1, 1), value, device=device) for value in values])


def _expect_sides(height: object, width: object) -> None:
    for name, value in (("height", height), ("width", width)):
        _expect(name, value, f"a whole number from 1 to {_LONGEST_SIDE}", is_side(value))


def _expect(name: str, value: object, what: str, holds: bool) -> None:
    if not holds:
        raise ConfigError(f"contract.{name} must be {what}, got {reprlib.repr(value)}")


def _is_number(value: object) -> bool:
    """Whether a value is a number that float32 arithmetic can be done with."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e6


def _are_numbers(values: object, count: int) -> bool:
    return isinstance(values, Sequence) and len(values) == count and all(map(_is_number, values))


def _is_whole(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _tuples(value: Any) -> Any:
    """Lists, and lists in lists, as tuples."""
    if not isinstance(value, list | tuple):
        return value
    return tuple(tuple(part) if isinstance(part, list) else part for part in value)
