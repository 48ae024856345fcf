"""Figures and numbers of a report as a TensorBoard event file."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from mfn.report.figures import pixels


def write_events(folder: Path, scalars: Mapping[str, float], figures: Mapping[str, Figure]) -> Path:
    """Writes one event file at step 0.

    Args:
        folder: Where; ``tensorboard --logdir`` takes it or a folder above.
        scalars: Numbers by tag.
        figures: Pictures by tag.

    Returns:
        The folder.
    """
    with SummaryWriter(str(folder)) as writer:
        for tag, value in scalars.items():
            writer.add_scalar(tag, value, 0)
        for tag, figure in figures.items():
            # add_figure would import pyplot
            writer.add_image(tag, pixels(figure), 0, dataformats="HWC")
    return folder
