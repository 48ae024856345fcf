"""Weights of others: an ``.npz`` of arrays in forward order, and a ``.json`` beside it that says how to read them."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from mfn.contract import InputContract
from mfn.errors import CheckpointError
from mfn.models.mobilefacenet import MobileFaceNet

_INPUT = re.compile(r"(\d+)x(\d+) (RGB|BGR), \(x-([\d.]+)\)/([\d.]+)")


def import_ordered_arrays(path: Path) -> tuple[MobileFaceNet, dict[str, Any], InputContract]:
    """Reads the paper's network from arrays in forward order.

    Each convolution gives its OIHW weight, then come the BN's weight, bias, running mean and running variance, then
    the PReLU's slopes. The JSON says ``input`` ("112x112 RGB, (x-127.5)/128"), ``bn_eps`` and ``last_bn_eps``. A BN's
    epsilon that differs from ours goes into its running variance, which leaves the function as it was.

    Args:
        path: The ``.npz`` file.

    Returns:
        The network in evaluation mode, the arguments that build it, and its input contract.

    Raises:
        CheckpointError: A file is missing, or the arrays are not the paper network's.
    """
    described_by = path.with_suffix(".json")
    try:
        about = json.loads(described_by.read_text(encoding="utf-8"))
        with np.load(path, allow_pickle=False) as file:
            arrays = [(name, file[name]) for name in file.files]
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} and {described_by.name} beside it cannot be read ({error})") from error
    contract = _contract(str(about.get("input", "")), described_by, embedding_dim=len(arrays[-1][1]))
    arguments = {"embedding_dim": contract.embedding_dim, "input_size": (contract.height, contract.width)}
    network = MobileFaceNet(**arguments)
    state = {name: value for name, value in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    if len(arrays) != len(state):
        raise CheckpointError(f"{path} holds {len(arrays)} arrays, the paper's network has {len(state)}")
    for (name, ours), (their_name, theirs) in zip(state.items(), arrays, strict=True):
        if tuple(ours.shape) != theirs.shape:
            raise CheckpointError(f"{path}: array {their_name} has shape {theirs.shape}, expected {tuple(ours.shape)}")
        ours.copy_(torch.from_numpy(theirs))
        if name.endswith("running_var"):
            last = name.startswith("output.embed")
            ours.add_(float(about["last_bn_eps" if last else "bn_eps"]) - _eps(network, name))
    return network.eval(), arguments, contract


def _eps(network: nn.Module, variance: str) -> float:
    layer = network.get_submodule(variance.rpartition(".")[0])
    assert isinstance(layer, nn.BatchNorm2d)
    return layer.eps


def _contract(text: str, described_by: Path, embedding_dim: int) -> InputContract:
    match = _INPUT.search(text)
    if match is None:
        raise CheckpointError(f'{described_by}: "input" must read like "112x112 RGB, (x-127.5)/128", got {text!r}')
    height, width, color, mean, std = match.groups()
    return InputContract.for_size(
        int(height),
        int(width),
        color=color,
        mean=(float(mean),) * 3,
        std=(float(std),) * 3,
        embedding_dim=embedding_dim,
    )
