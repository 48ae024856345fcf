"""The input contract: what a network expects of the pixels it is given, in one value.

Training, evaluation and exported files all carry the same :class:`InputContract`, so that alignment, colour order and
pixel range cannot differ between them without somebody being told.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mfn.errors import CheckpointError, ConfigError

Point = tuple[float, float]

ARCFACE_112: tuple[Point, ...] = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)
"""InsightFace's five points (x, y) on a 112x112 crop: left eye, right eye, nose, left and right mouth corner."""


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
        threshold_flip: How the mirrored image's embedding was used then: none | sum | concat.
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

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1 or self.embedding_dim < 1:
            raise ConfigError(
                f"contract: sizes must be positive, got {self.height}x{self.width}, {self.embedding_dim}-d"
            )
        if self.color not in ("RGB", "BGR"):
            raise ConfigError(f"contract.color must be RGB or BGR, got {self.color!r}")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ConfigError(f"contract: mean and std take three numbers, std positive; got {self.mean}, {self.std}")
        if len(self.template) != 5:
            raise ConfigError(f"contract.template takes five (x, y) points, got {len(self.template)}")

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
                f"got {images.dtype} {tuple(images.shape)}"
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
        mean = torch.tensor(self.mean, device=images.device).view(3, 1, 1)
        std = torch.tensor(self.std, device=images.device).view(3, 1, 1)
        return (self.arrange(images).float() - mean) / std

    def differences(self, other: "InputContract") -> list[str]:
        """One phrase for each convention in which two contracts differ (thresholds are no convention)."""
        return [
            f"{field.name} {getattr(self, field.name)} against {getattr(other, field.name)}"
            for field in dataclasses.fields(self)
            if not field.name.startswith("threshold") and getattr(self, field.name) != getattr(other, field.name)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings and lists, for checkpoints and file metadata."""
        plain = dataclasses.asdict(self)
        return plain | {
            "mean": list(self.mean),
            "std": list(self.std),
            "template": [list(p) for p in self.template],
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "InputContract":
        """The inverse of :meth:`to_dict`.

        Raises:
            CheckpointError: A field is missing or unknown.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        fields: dict[str, Any] = {"threshold_flip": None, **plain}  # younger than the other fields
        if set(fields) != names:
            raise CheckpointError(f"input contract: fields {sorted(set(fields) ^ names)} are missing or unknown")
        fields["mean"] = tuple(plain["mean"])
        fields["std"] = tuple(plain["std"])
        fields["template"] = tuple((float(x), float(y)) for x, y in plain["template"])
        return cls(**fields)
