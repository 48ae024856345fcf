"""Network files of every kind, each to a network and its input contract."""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from mfn.checkpoint.folder import store_contract_in
from mfn.checkpoint.folder_names import folder_at
from mfn.checkpoint.format import CheckpointMetadata, build_backbone, read_checkpoint, write_atomically
from mfn.contract import InputContract, is_side
from mfn.errors import CheckpointError, ConfigError
from mfn.inference.file_contract import Declared, contract_of_file, parse_contract, side_file, write_side_file
from mfn.inference.network import Network, TorchNetwork
from mfn.inference.suffixes import CHECKPOINT, LAYER_ORDER, PROGRAMS, RUNTIMES
from mfn.inference.torch_file_network import notes_of_program
from mfn.models.layer_order import import_layer_order

Loaded = tuple[Network, InputContract]
Loader = Callable[[Path, Mapping[str, Any]], Loaded]


def load_network(
    path: Path, stated: Mapping[str, Any], trust_torchscript: bool = False, runtime: Mapping[str, Any] | None = None
) -> Loaded:
    """Reads a network file by its suffix.

    Args:
        path: The file.
        stated: Contract fields the user gives, for files that hold none.
        trust_torchscript: Run a file that is a program.
        runtime: ``threads`` and ``provider`` of an ONNX file, see `OnnxNetwork`.

    Raises:
        ConfigError: A runtime that can do without these words was given some.
        CheckpointError: The file is missing, damaged or of another kind, or what it expects is unknown.
    """
    suffix = CHECKPOINT if folder_at(path) else path.suffix.lower()
    load = _LOADERS.get(suffix)
    if load is None:
        raise CheckpointError(
            f"{path}: expected a file of {', '.join(_LOADERS)}, or a folder with model.safetensors and config.json"
        )
    if not path.exists():
        raise CheckpointError(f"there is no network file at {path}")
    if suffix in PROGRAMS and not trust_torchscript:
        notes_of_program(path)
        raise CheckpointError(
            f"{path} is a program (TorchScript), and loading it runs what is in it: if you know whom it is from, "
            "`mfn evaluate` takes trust_torchscript=true and FaceEmbedder.load trust_torchscript=True"
        )
    given = {key: value for key, value in (runtime or {}).items() if value is not None}
    if not given:
        return load(path, stated)
    if suffix != ".onnx":
        raise ConfigError(f"{path}: {' and '.join(given)} can be chosen for ONNX files only")
    return _exported(path, stated, given)


def open_runtime(path: Path, **options: Any) -> Any:
    """Opens an exported file with its own runtime and its options, whatever it expects of pixels.

    Raises:
        CheckpointError: The runtime is not installed, or the file is damaged.
    """
    module, name = RUNTIMES[path.suffix.lower()]
    return getattr(import_module(f"mfn.inference.{module}"), name)(path, **options)


def store_contract(path: Path, contract: InputContract) -> Path:
    """Writes a contract back: into a checkpoint of ours, or into a JSON beside any other file.

    Returns:
        The file that was written.
    """
    if folder := folder_at(path):
        if side_file(path).is_file():
            write_side_file(path, contract)
        return store_contract_in(folder, contract)
    if path.suffix.lower() != CHECKPOINT:
        return write_side_file(path, contract)
    checkpoint = read_checkpoint(path)
    checkpoint["mfn"]["contract"] = contract.to_dict()
    write_atomically(checkpoint, path)
    return path


def _checkpoint(path: Path, stated: Mapping[str, Any]) -> Loaded:
    checkpoint = read_checkpoint(path)
    backbone, contract = build_backbone(checkpoint, path)
    return TorchNetwork(backbone, CheckpointMetadata.of(checkpoint, path).model), contract_of_file(
        path, contract, stated
    )


def _layer_order(path: Path, stated: Mapping[str, Any]) -> Loaded:
    network, arguments, contract = import_layer_order(path)
    model = {"_target_": f"{type(network).__module__}.{type(network).__name__}", **arguments}
    return TorchNetwork(network, model), contract_of_file(path, contract, stated)


def _exported(path: Path, stated: Mapping[str, Any], runtime: Mapping[str, Any] | None = None) -> Loaded:
    network = open_runtime(path, **(runtime or {}))
    text = getattr(network, "contract_json", None)
    inside = parse_contract(text, path) if text else None
    size = network.input_size or _stated_size(stated)
    dim = network.embedding_dim or (size and _embedding_length(network, size))
    return network, contract_of_file(path, inside, stated, Declared(network.input_size, dim, network.takes_pixels))


def _stated_size(stated: Mapping[str, Any]) -> tuple[int, int] | None:
    height, width = stated.get("height"), stated.get("width")
    return (height, width) if is_side(height) and is_side(width) else None


def _embedding_length(network: Network, size: tuple[int, int]) -> int | None:
    """What a black image of a size comes to; None where the network does not take it."""
    kind = torch.uint8 if network.takes_pixels else torch.float32
    try:
        return network(torch.zeros(1, 3, *size, dtype=kind)).shape[-1]
    except Exception:  # the runtimes' errors have no common base
        return None


def _core_ml(path: Path, stated: Mapping[str, Any]) -> Loaded:
    raise CheckpointError(f"{path} runs only on a Mac or an iPhone: judge the .onnx of the same checkpoint here")


_LOADERS: dict[str, Loader] = {
    CHECKPOINT: _checkpoint,
    LAYER_ORDER: _layer_order,
    **dict.fromkeys(RUNTIMES, _exported),
    ".mlpackage": _core_ml,
}
SUFFIXES = tuple(_LOADERS)
"""Of all files that a network can come in."""
