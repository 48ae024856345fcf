"""How good a face is for being recognised, as one number: what curves are drawn by and what gates ask."""

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfn.contract import InputContract
from mfn.errors import ConfigError
from mfn.inference.embedder import FaceEmbedder


def quality_of(raw: ArrayLike) -> NDArray[np.float64]:
    """The quality of faces, float64 (N,), by what a network makes of them; higher is better.

    A network that gives one number says the quality itself. Of one that embeds it is the length of the raw embedding of
    the face as it is, not mirrored: networks with a margin give longer ones to clearer faces (Meng et al., "MagFace: A
    Universal Representation for Face Recognition and Quality Assessment", CVPR 2021). Lengths compare faces under one
    network, never two networks.

    Args:
        raw: What the network gives, float (N, D), see `FaceEmbedder.raw`.
    """
    rows = np.asarray(raw, np.float64)
    return rows[:, 0] if rows.shape[1] == 1 else np.linalg.norm(rows, axis=1)


def quality_network(path: Path | str, contract: InputContract) -> FaceEmbedder:
    """A network whose output `quality_of` turns into the quality, for crops that another network takes too.

    Args:
        path: Any file of `FaceEmbedder.load` that says itself, or by the JSON beside it, what pixels it expects.
        contract: Of the network that recognises the same crops.

    Raises:
        CheckpointError: The file is missing, damaged, or does not say what pixels it expects.
        ConfigError: It takes other crops.
    """
    judge = FaceEmbedder.load(path)
    wanted, there = ((each.height, each.width, each.template) for each in (contract, judge.contract))
    if wanted != there:
        raise ConfigError(
            f"{path} judges the quality of crops of {there[0]}x{there[1]}, and the network that recognises them takes "
            f"{wanted[0]}x{wanted[1]}, with landmarks elsewhere or of another size: take a quality network for these"
        )
    return judge
