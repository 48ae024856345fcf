"""Progressive input size: small images first, at a share of the work, and those of the input contract at the end.

The size is a function of the step, so that a run that goes on, and every process of it, sees what it should; images
come at their full size and are scaled where the network is.
"""

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from mfn.contract import InputContract
from mfn.errors import ConfigError, first_line

KEY = "data.size_schedule"


@dataclass(frozen=True)
class SizeSchedule:
    """Which size images have at which part of a run.

    Args:
        contract: Of the network; its size is that of the last stage, and of all judging.
        stages: Height of the images of each stage, and the share of the run at which it ends, both rising. A height
            above the contract's counts as that.
    """

    contract: InputContract
    stages: tuple[tuple[int, float], ...] = ()

    def at(self, share: float) -> InputContract:
        """The contract of the images after a share of the run, 0..1."""
        return next((contract for contract, end in self._contracts if share < end), self.contract)

    @cached_property
    def _contracts(self) -> list[tuple[InputContract, float]]:
        whole = self.contract
        sizes = [(min(height, whole.height), end) for height, end in self.stages]
        return [
            (dataclasses.replace(whole, height=height, width=round(whole.width * height / whole.height)), end)
            for height, end in sizes
        ]

    def seen(self, images: Tensor, share: float) -> tuple[Tensor, InputContract]:
        """What a network sees of images after a share of the run, and their contract.

        Args:
            images: uint8 (N, H, W, 3) of the contract's size.
            share: Of the run, 0..1.

        Returns:
            uint8 (N, h, w, 3), each pixel a mean of those that it covers.
        """
        contract = self.at(share)
        return scaled(images, (contract.height, contract.width)), contract

    def work(self, first: float, last: float = 1.0) -> float:
        """Pixels between two shares of the run, as a share of those of a run at full size."""
        ends = [0.0, *(end for _, end in self.stages), 1.0]
        parts = [(max(a, first), min(b, last)) for a, b in pairwise(ends)]
        whole = self.contract.height * self.contract.width
        sizes = [self.at((a + b) / 2) for a, b in parts]
        return sum(max(0.0, b - a) * of.height * of.width / whole for (a, b), of in zip(parts, sizes, strict=True))

    def pace(self, share: float) -> float:
        """How many times as long as a step after a share of the run the steps from there on take, on the average."""
        if share >= 1:
            return 1.0
        now = self.at(share)
        pixels = now.height * now.width / (self.contract.height * self.contract.width)
        return self.work(share) / (1 - share) / pixels

    def text(self) -> str:
        """For a person: ``64x64 to 80 % of the run, then 112x112``."""
        told = [(self.at(0.999999 * end), end) for _, end in self.stages]
        smaller = [f"{of.height}x{of.width} to {100 * end:g} %" for of, end in told if of != self.contract]
        last = f"{self.contract.height}x{self.contract.width}"
        return f"{', '.join(smaller)} of the run, then {last}" if smaller else f"{last} all along"


def scaled(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Images at a smaller size, averaged; themselves where they have it.

    Args:
        images: uint8 (N, H, W, 3).
        size: Height and width to give.

    Returns:
        uint8 (N, height, width, 3).
    """
    if images.shape[1:3] == size:
        return images
    pixels = images.permute(0, 3, 1, 2)
    small = _averaged(pixels, size) if images.device.type == "cpu" else _averaged_as_floats(pixels, size)
    return small.permute(0, 2, 3, 1)


def _averaged(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(pixels, size=size, mode="bilinear", antialias=True, align_corners=False)


def _averaged_as_floats(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """The same on devices that have no kernel for bytes, but for the rounding."""
    return _averaged(pixels.float(), size).round().clamp(0, 255).to(torch.uint8)


def check_sizes(schedule: SizeSchedule, backbone: nn.Module) -> None:
    """Makes sure that a network can learn from images of all sizes of a schedule.

    Args:
        schedule: Of the run.
        backbone: Any of its kind; what it keeps of the batches it sees may change.

    Raises:
        ConfigError: It cannot, or the sizes make no sense; the sentence says why.
    """
    contract = schedule.contract
    if schedule.at(1.0 - 1e-9) != contract:
        raise ConfigError(
            f"{KEY} ends at {schedule.stages[-1][0]} pixels and image_size is {contract.height}x{contract.width}, "
            f"which the network would never see: end the last stage before 1, or add {contract.height}:1"
        )
    backbone.train()
    for size in {(of.height, of.width) for of in (schedule.at(end - 1e-9) for _, end in schedule.stages)}:
        if size != (contract.height, contract.width):
            _try(backbone, size, (contract.height, contract.width))


@torch.no_grad()
def _try(backbone: nn.Module, size: tuple[int, int], whole: tuple[int, int]) -> None:
    try:
        backbone(torch.zeros(2, 3, *size))
    except (AssertionError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"{KEY}: {type(backbone).__name__} takes images of {whole[0]}x{whole[1]} alone and not of "
            f"{size[0]}x{size[1]} ({first_line(error)}): set {KEY}=null, or another model"
        ) from error
