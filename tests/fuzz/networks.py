"""Networks of LiteRT, ncnn and OpenVINO, as small as they come, so that damage hits more than weights."""

from pathlib import Path

import numpy as np
from torch import nn

from mfn.contract import InputContract
from mfn.export.metadata import described
from mfn.export.network import ExportOptions, deployable
from mfn.export.target import Target
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.file_contract import write_side_file

_SIDE = 16
_CONTRACT = InputContract.for_size(_SIDE, _SIDE, embedding_dim=4)


def network_of(target: Target, path: Path) -> Path:
    """Writes a network of three layers and, where the format has no place for it, its contract beside it."""
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=4), nn.PReLU(4), nn.Conv2d(4, 4, 4, groups=4), nn.Flatten(), nn.Linear(4, 4)
    )
    target.export(described(deployable(network.eval(), _CONTRACT, ExportOptions())), path, None)
    if path.suffix == ".param":
        write_side_file(path, _CONTRACT)
    return path


def embedded(path: Path) -> None:
    """One image through the network, as a command does."""
    FaceEmbedder.load(path)(np.zeros((1, _SIDE, _SIDE, 3), np.uint8))
