"""A small network whose statistics were run on data, so that embeddings of different faces differ."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from mfn.checkpoint.format import CheckpointMetadata, write_atomically
from mfn.contract import InputContract
from mfn.export.metadata import described
from mfn.export.network import Deployable, ExportOptions, deployable
from mfn.models.mobilefacenet import MobileFaceNet
from mfn.synthetic.dataset import SyntheticFaces

SIZE = (32, 32)
CONTRACT = InputContract.for_size(*SIZE, embedding_dim=16, mean=(100.0, 120.0, 140.0), std=(50.0, 60.0, 70.0))
ARGUMENTS = {"embedding_dim": 16, "input_size": SIZE, "width": 0.25, "dropout": 0.3}


def faces(count: int = 8) -> np.ndarray:
    """uint8 RGB (count, 32, 32, 3)."""
    drawn = SyntheticFaces(count, 1, SIZE)
    return np.stack([drawn.image(index) for index in range(count)])


def small_network() -> nn.Module:
    """Quarter width, slopes from -1.5 to 1.5 as trained networks have them."""
    torch.manual_seed(0)
    network = MobileFaceNet(**ARGUMENTS)
    for module in network.modules():
        if isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, -1.5, 1.5)
        elif isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        for _ in range(4):
            network.train()(CONTRACT.normalize(torch.from_numpy(faces(32))))
    return network.eval()


def small_deployable(**options: str) -> Deployable:
    return described(deployable(small_network(), CONTRACT, ExportOptions(**options)))


def small_checkpoint(folder: Path) -> Path:
    metadata = CheckpointMetadata(
        {"_target_": "mfn.models.mobilefacenet.MobileFaceNet", **ARGUMENTS}, CONTRACT.to_dict()
    )
    state = {f"backbone.{name}": value for name, value in small_network().state_dict().items()}
    write_atomically({"state_dict": state, "mfn": metadata.to_dict()}, folder / "small.ckpt")
    return folder / "small.ckpt"


def raw(network: nn.Module, images: np.ndarray) -> np.ndarray:
    """What the trained network gives for faces."""
    with torch.no_grad():
        return network(CONTRACT.normalize(torch.from_numpy(images))).numpy()
