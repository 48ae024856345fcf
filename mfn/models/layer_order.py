"""Weights of others: an ``.npz`` of weights in layer order, and a ``.json`` beside it that says how to read them."""

import json
import re
import reprlib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mfn.contract import InputContract
from mfn.errors import CheckpointError, MfnError, first_line
from mfn.models.mobilefacenet import MobileFaceNet

_NUMBER = r"(\d{1,9}(?:\.\d{1,9})?)"
_INPUT = re.compile(rf"(\d{{1,9}})x(\d{{1,9}}) (RGB|BGR), \(x-{_NUMBER}\)/{_NUMBER}")
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def import_layer_order(path: Path) -> tuple[MobileFaceNet, dict[str, Any], InputContract]:
    """Reads the paper's network from weights in layer order.

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
    about, shapes = _about(described_by), _shapes(path)
    try:
        contract = _contract(about, embedding_dim=shapes[-1][1][0] if shapes and shapes[-1][1] else 0)
        arguments = {"embedding_dim": contract.embedding_dim, "input_size": (contract.height, contract.width)}
        with torch.device("meta"):  # takes no memory before the arrays are known to fit
            expected = _stored(MobileFaceNet(**arguments))
        _compare(shapes, expected)
        network = MobileFaceNet(**arguments)
        _fill(network, path, about)
    except MfnError as error:
        raise CheckpointError(f"{path} with {described_by.name}: {error}") from error
    return network.eval(), arguments, contract


def _about(path: Path) -> dict[str, Any]:
    try:
        about = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} cannot be read as JSON ({first_line(error)})") from error
    if not isinstance(about, dict):
        raise CheckpointError(f"{path} holds a {type(about).__name__} as JSON, expected names with values")
    return about


def _shapes(path: Path) -> list[tuple[str, tuple[int, ...]]]:
    """Names and shape of each array, without its numbers."""
    found = []
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.namelist():
                with archive.open(entry) as file:
                    header = _HEADERS[np.lib.format.read_magic(file)]
                    shape, _, kind = header(file)
                if kind.kind != "f":
                    raise CheckpointError(f"{path}: array {entry} holds {kind}, expected floats")
                found.append((entry.removesuffix(".npy"), shape))
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}") from error
    except CheckpointError:
        raise
    except Exception as error:  # what a damaged archive comes to
        raise CheckpointError(f"{path} cannot be read as an .npz of arrays ({first_line(error)})") from error
    return found


def _stored(network: nn.Module) -> dict[str, Tensor]:
    """What the file has of a network's state, in layer order."""
    return {name: value for name, value in network.state_dict().items() if not name.endswith("num_batches_tracked")}


def _compare(shapes: list[tuple[str, tuple[int, ...]]], expected: Mapping[str, Tensor]) -> None:
    if len(shapes) != len(expected):
        raise CheckpointError(f"there are {len(shapes)} arrays, the paper's network has {len(expected)}")
    for value, (name, shape) in zip(expected.values(), shapes, strict=True):
        if tuple(value.shape) != shape:
            raise CheckpointError(f"array {name} has shape {shape}, expected {tuple(value.shape)}")


def _fill(network: nn.Module, path: Path, about: Mapping[str, Any]) -> None:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = [np.asarray(file[name], np.float32) for name in file.files]
    except Exception as error:  # what a damaged archive comes to
        raise CheckpointError(f"an array cannot be read ({first_line(error)})") from error
    eps, last_eps = (_epsilon(about, key) for key in ("bn_eps", "last_bn_eps"))
    for (name, ours), theirs in zip(_stored(network).items(), arrays, strict=True):
        ours.copy_(torch.from_numpy(theirs))
        if name.endswith("running_var"):
            ours.add_((last_eps if name.startswith("output.embed") else eps) - _eps(network, name))


def _epsilon(about: Mapping[str, Any], key: str) -> float:
    value = about.get(key)
    if not isinstance(value, float | int) or not 0 <= value <= 1:
        raise CheckpointError(f'"{key}" must be a number from 0 to 1, got {reprlib.repr(value)}')
    return float(value)


def _eps(network: nn.Module, variance: str) -> float:
    layer = network.get_submodule(variance.rpartition(".")[0])
    assert isinstance(layer, nn.BatchNorm2d)
    return layer.eps


def _contract(about: Mapping[str, Any], embedding_dim: int) -> InputContract:
    text = about.get("input")
    match = _INPUT.search(text) if isinstance(text, str) else None
    if match is None:
        raise CheckpointError(f'"input" must read like "112x112 RGB, (x-127.5)/128", got {reprlib.repr(text)}')
    height, width, color, mean, std = match.groups()
    pixels = {"color": color, "mean": (float(mean),) * 3, "std": (float(std),) * 3}
    return InputContract.for_size(int(height), int(width), embedding_dim=embedding_dim, **pixels)
