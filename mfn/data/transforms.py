"""Image operations of the older projects that albumentations lacks."""

import cv2
import numpy as np
from albumentations import ImageOnlyTransform
from pydantic import Field, field_validator


class Opening(ImageOnlyTransform):
    """Morphological opening, erosion then dilation: takes away bright specks smaller than the kernel.

    Args:
        kernel: Side of the square kernel in pixels.
        p: Probability.
    """

    class InitSchema(ImageOnlyTransform.InitSchema):
        """What albumentations checks the arguments against."""

        kernel: int = Field(ge=1)

    def __init__(self, kernel: int = 5, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.kernel = kernel

    def apply(self, img: np.ndarray, **params: object) -> np.ndarray:
        """The opened image."""
        return cv2.morphologyEx(img, cv2.MORPH_OPEN, np.ones((self.kernel, self.kernel), np.uint8))


class LogContrast(ImageOnlyTransform):
    """Logarithmic contrast: value -> gain * log2(1 + value), values in 0..1, as imgaug's `LogContrast`.

    Args:
        gain_range: Lowest and highest gain; above 1 brightens.
        p: Probability.
    """

    class InitSchema(ImageOnlyTransform.InitSchema):
        """What albumentations checks the arguments against."""

        gain_range: tuple[float, float]

        @field_validator("gain_range")
        @classmethod
        def _ascending(cls, value: tuple[float, float]) -> tuple[float, float]:
            if not 0 < value[0] <= value[1]:
                raise ValueError("gain_range must be two positive gains, the lower one first")
            return value

    def __init__(self, gain_range: tuple[float, float] = (0.9, 1.2), p: float = 0.5) -> None:
        super().__init__(p=p)
        self.gain_range = gain_range

    def get_params(self) -> dict[str, float]:
        """Draws the gain."""
        return {"gain": self.py_random.uniform(*self.gain_range)}

    def apply(self, img: np.ndarray, gain: float, **params: object) -> np.ndarray:
        """The image through the curve of `gain`."""
        curve = 255.0 * gain * np.log2(1 + np.arange(256) / 255.0)
        return cv2.LUT(img, np.clip(np.round(curve), 0, 255).astype(np.uint8))
