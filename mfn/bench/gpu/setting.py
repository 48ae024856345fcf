"""On what the GPU's parts are measured, and how large."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

from mfn.errors import ConfigError

Row = dict[str, Any]
"""What one line of the table says: ``part``, ``what``, ``value``, ``unit`` and ``note``."""


class Setting(NamedTuple):
    """Sizes of all parts.

    Attributes:
        device: ``cuda`` or ``cpu``.
        folder: An empty one for what is written.
        root: InsightFace pack to load from; None writes one of synthetic faces.
        quick: Every part as small as it can be, to see that it runs.
    """

    device: str
    folder: Path
    root: Path | None = None
    quick: bool = False

    @property
    def side(self) -> int:
        """Pixels of an image's side."""
        return 32 if self.quick else 112

    @property
    def batch(self) -> int:
        """Images of a step."""
        return 8 if self.quick else 128

    @property
    def classes(self) -> int:
        """Identities of a step, as many as MS1M has."""
        return 40 if self.quick else 85_742

    @property
    def steps(self) -> int:
        """Of a measurement."""
        return 4 if self.quick else 40

    @property
    def words(self) -> list[str]:
        """What the parts' configurations have in common, as one would type it."""
        small = ["model.width=0.125"] if self.quick else []
        return [
            *("experiment=paper", "data=synthetic", "augment=flip", "optimizer.lr=0.01"),
            *(f"image_size=[{self.side},{self.side}]", f"data.batch_size={self.batch}", *small),
            *(f"trainer.accelerator={'gpu' if self.device == 'cuda' else 'cpu'}", "trainer.devices=1"),
            *("logger=[]", "check_alignment=false", f"paths.output={self.folder}"),
        ]


def checked_setting(device: str, folder: Path, root: Path | None = None, quick: bool = False) -> Setting:
    """A setting that can be measured here.

    Raises:
        ConfigError: There is no such device, or it would take hours.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "mfn bench gpu measures a CUDA device, and PyTorch sees none here: run it on a machine that has one, or "
            "see what it does with --device cpu --quick"
        )
    if device == "cpu" and not quick:
        raise ConfigError("mfn bench gpu --device cpu would take hours at full size: add --quick")
    return Setting(device, folder, root, quick)


def row(what: str, value: float | str | None, unit: str = "", note: str = "") -> Row:
    """A line of the table, but for its part."""
    return {"part": "", "what": what, "value": value, "unit": unit, "note": note}


def machine(device: str) -> dict[str, Any]:
    """What the figures were measured on."""
    facts: dict[str, Any] = {"torch": torch.__version__, "cores": os.cpu_count(), "device": device}
    if device == "cuda":
        found = torch.cuda.get_device_properties(0)
        facts |= {
            "gpus": torch.cuda.device_count(),
            "gpu": found.name,
            "gpu_gb": round(found.total_memory / 1e9, 1),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }
    return facts


def wait_for(device: str) -> None:
    """Waits until all that was handed to the device is done."""
    if device == "cuda":
        torch.cuda.synchronize()


Measure = Callable[[Setting], Iterator[Row]]
