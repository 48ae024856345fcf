"""Network files of every kind, each to a network and its input contract."""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from mfn.checkpoint import build_backbone, read_checkpoint, write_atomically
from mfn.contract import InputContract
from mfn.errors import CheckpointError
from mfn.inference.foreign import contract_of_file, parse_contract, write_side_file
from mfn.inference.network import Network, TorchNetwork
from mfn.models.ordered_arrays import import_ordered_arrays

Loaded = tuple[Network, InputContract]
Loader = Callable[[Path, Mapping[str, Any]], Loaded]


def load_network(path: Path, stated: Mapping[str, Any]) -> Loaded:
    """Reads a network file by its suffix.

    Args:
        path: The file.
        stated: Contract fields the user gives, for files that hold none.

    Raises:
        CheckpointError: The file is missing, damaged or of another kind, or what it expects is unknown.
    """
    load = _LOADERS.get(path.suffix)
    if load is None:
        raise CheckpointError(f"{path}: expected a file of {', '.join(_LOADERS)}")
    if not path.exists():
        raise CheckpointError(f"there is no network file at {path}")
    return load(path, stated)


def open_runtime(path: Path) -> Any:
    """Opens an exported file with its own runtime, whatever it expects of pixels.

    Raises:
        CheckpointError: The runtime is not installed, or the file is damaged.
    """
    module, name = RUNTIMES[path.suffix]
    return getattr(import_module(f"mfn.inference.{module}"), name)(path)


def store_contract(path: Path, contract: InputContract) -> Path:
    """Writes a contract back: into a checkpoint of ours, or into a JSON beside any other file.

    Returns:
        The file that was written.
    """
    if path.suffix != ".ckpt":
        return write_side_file(path, contract)
    checkpoint = read_checkpoint(path)
    checkpoint["mfn"]["contract"] = contract.to_dict()
    write_atomically(checkpoint, path)
    return path


def _checkpoint(path: Path, stated: Mapping[str, Any]) -> Loaded:
    backbone, contract = build_backbone(read_checkpoint(path), path)
    return TorchNetwork(backbone), contract_of_file(path, contract, stated)


def _ordered_arrays(path: Path, stated: Mapping[str, Any]) -> Loaded:
    network, _, contract = import_ordered_arrays(path)
    return TorchNetwork(network), contract_of_file(path, contract, stated)


def _exported(path: Path, stated: Mapping[str, Any]) -> Loaded:
    network = open_runtime(path)
    text = getattr(network, "contract_json", None)
    inside = parse_contract(text, path) if text else None
    return network, contract_of_file(path, inside, stated, network.input_size, network.embedding_dim)


def _core_ml(path: Path, stated: Mapping[str, Any]) -> Loaded:
    raise CheckpointError(f"{path} runs only on a Mac or an iPhone: judge the .onnx of the same checkpoint here")


RUNTIMES = {
    ".onnx": ("onnx_network", "OnnxNetwork"),
    ".tflite": ("litert_network", "LiteRTNetwork"),
    ".param": ("ncnn_network", "NcnnNetwork"),
    ".pte": ("executorch_network", "ExecutorchNetwork"),
    ".xml": ("openvino_network", "OpenvinoNetwork"),
    ".pt": ("torch_file_network", "TorchFileNetwork"),
    ".pt2": ("torch_file_network", "TorchFileNetwork"),
}
"""Module and class for each suffix of an exported file; a module is only imported once a file needs it."""

_LOADERS: dict[str, Loader] = {
    ".ckpt": _checkpoint,
    ".npz": _ordered_arrays,
    **dict.fromkeys(RUNTIMES, _exported),
    ".mlpackage": _core_ml,
}
