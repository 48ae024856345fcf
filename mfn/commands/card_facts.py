"""What a network file says of itself, what lies beside it, and what is known of published ones: for its card."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mfn.checkpoint.card import NOT_STATED, network_facts
from mfn.checkpoint.folder_names import CONFIG, folder_at
from mfn.checkpoint.format import CheckpointMetadata, read_checkpoint
from mfn.contract import InputContract
from mfn.errors import CheckpointError, ConfigError
from mfn.export.latency import latencies, torch_threads
from mfn.export.source import read_source
from mfn.files.ownership import json_at
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.file_contract import side_file
from mfn.inference.loading import CHECKPOINT, PROGRAMS, RUNTIMES, open_runtime
from mfn.inference.machine import processor, runtime_of
from mfn.inference.network import Network, TorchNetwork
from mfn.models.count import network_size
from mfn.published.cache import fetched, is_name, published
from mfn.published.catalogue import CATALOGUE, Published
from mfn.published.download import digest

_ROUNDS = 50


@dataclass
class Described:
    """All that is known of a network.

    Attributes:
        name: For people.
        path: Of its file or folder.
        network: Behind its runtime.
        contract: What it expects; None where nobody says.
        stated: What the user or the catalogue said of it, since the file does not.
        entry: Of the catalogue, where it is a published file.
        about: What it is.
        training: Data and recipe.
        sizes: Bytes, parameters, operations.
        speed: Times that an export measured.
    """

    name: str
    path: Path
    network: Network
    contract: InputContract | None
    stated: Mapping[str, Any]
    entry: Published | None
    about: dict[str, object] = field(default_factory=dict)
    training: dict[str, object] = field(default_factory=dict)
    sizes: dict[str, object] = field(default_factory=dict)
    speed: list[dict[str, object]] = field(default_factory=list)


def describe(file: str, stated: Mapping[str, Any], threads: int | None = None) -> Described:
    """Opens a network and gathers what there is to say.

    Args:
        file: A file, a folder of safetensors, or a name of the catalogue.
        stated: What the file does not say, see `FaceEmbedder.load`.
        threads: Of ONNX Runtime.

    Raises:
        CheckpointError: It is missing or damaged.
        ConfigError: It is a detector.
    """
    path = fetched(file) if is_name(file) else Path(file).expanduser()
    entry = published(file) if is_name(file) else _known(path)
    if entry is not None and not entry.contract:
        raise ConfigError(f"{entry.name} is a detector: a card is of a network that gives embeddings")
    if entry is not None and not side_file(path).is_file():
        stated = {**entry.contract, **stated}
    network, contract = _opened(path, stated, threads if path.suffix.lower() == ".onnx" else None)
    if contract is not None and contract.threshold is None and entry is not None and entry.threshold is not None:
        contract = dataclasses.replace(contract, threshold=entry.threshold, threshold_flip="none")
    name = entry.name if entry is not None else path.resolve().name
    found = Described(name, path, network, contract, stated, entry)
    _add_network(found)
    _add_beside(found)
    if entry is not None:
        found.about |= {"what its authors say": entry.what, "from": entry.url}
        found.training |= {"licence of the code": entry.code, "licence of the data": entry.data}
    return found


def times(found: Described, threads: int) -> list[dict[str, object]]:
    """Milliseconds for one face here, from pixels to embedding.

    Raises:
        ConfigError: Nobody says what it expects.
    """
    if found.contract is None:
        raise ConfigError(
            f"{found.name} cannot be timed: state what it expects with --contract color=RGB mean=... std=..."
        )
    embedder = FaceEmbedder(found.network, found.contract)
    face = np.zeros((1, found.contract.height, found.contract.width, 3), np.uint8)
    with torch_threads(threads):
        measured = latencies({"": lambda: embedder.raw(face)}, _ROUNDS)[""]
    row: dict[str, object] = {
        "one face": runtime_of(found.network),
        "threads": threads,
        "median ms": f"{measured.median:.2f}",
    }
    return [row | {"p90 ms": f"{measured.p90:.2f}", "processor": processor()}]


def _known(path: Path) -> Published | None:
    """The entry of the catalogue that a file is, whatever its name."""
    if path.suffix.lower() != ".onnx" or not path.is_file():
        return None
    found = digest(path)
    return next((entry for entry in CATALOGUE.values() if entry.sha256 == found), None)


def _opened(path: Path, stated: Mapping[str, Any], threads: int | None) -> tuple[Network, InputContract | None]:
    try:
        embedder = FaceEmbedder.load(path, stated, threads=threads)
    except CheckpointError:
        suffix = path.suffix.lower()
        foreign = suffix in RUNTIMES and suffix not in PROGRAMS and path.exists() and not side_file(path).is_file()
        if not foreign or stated:
            raise
        network = open_runtime(path)
        if getattr(network, "contract_json", None):
            raise
        return network, None
    return embedder.network, embedder.contract


def _add_network(found: Described) -> None:
    """What the file itself tells of its network and of how that was trained."""
    path, network = found.path, found.network
    found.sizes["file"] = _megabytes(path)
    if isinstance(network, TorchNetwork):
        found.about |= network_facts(network.model or {"_target_": type(network.module).__name__})
        if found.contract is not None:
            size = network_size(network.module, (found.contract.height, found.contract.width))
            found.sizes |= {
                "parameters": f"{size.parameters:,}",
                "multiply-adds for a face": f"{size.multiply_adds / 1e6:,.0f} million",
            }
    else:
        takes = "uint8 pixels" if network.takes_pixels else "normalised floats"
        found.about |= {"network": f"file of {runtime_of(network).rpartition(' ')[0]}", "takes": takes}
    found.about["weights"] = network.fingerprint
    if path.suffix.lower() in (CHECKPOINT, ".npz") or folder_at(path):
        origin = read_source(path).origin
        found.training |= {key: origin[key] for key in ("recipe", "data", "accuracy") if key in origin}
    if path.suffix.lower() == CHECKPOINT:
        data = CheckpointMetadata.of(read_checkpoint(path), path).data
        found.training |= {key: f"{data[key]:,}" for key in ("images", "identities") if isinstance(data.get(key), int)}


def _add_beside(found: Described) -> None:
    """What an export wrote beside a file, or into the configuration of a folder."""
    folder = folder_at(found.path)
    beside = json_at(folder / CONFIG if folder else side_file(found.path))
    if not isinstance(beside, dict):
        return
    found.training |= {key: beside[key] for key in ("recipe", "data", "accuracy") if isinstance(beside.get(key), str)}
    for key, label in (("precision", "precision"), ("checkpoint", "made from the weights")):
        if isinstance(beside.get(key), str):
            found.about[label] = beside[key]
    proof = beside.get("proof")
    proof = proof if isinstance(proof, dict) else {}
    close = proof.get("parity")
    if isinstance(close, dict) and all(
        isinstance(close.get(key), int | float) for key in ("mean_cosine", "min_cosine")
    ):
        found.about["cosine to the checkpoint"] = (
            f"mean {close['mean_cosine']:.5f}, worst {close['min_cosine']:.5f}, on the faces of its export"
        )
    latency = proof.get("latency")
    for threads, each in (latency if isinstance(latency, dict) else {}).items():
        if isinstance(each, dict) and all(isinstance(each.get(key), int | float) for key in ("median", "p90")):
            row: dict[str, object] = {
                "one face": "as its export measured it",
                "threads": threads,
                "median ms": f"{each['median']:.2f}",
            }
            found.speed.append(row | {"p90 ms": f"{each['p90']:.2f}", "processor": NOT_STATED})


def _megabytes(path: Path) -> str:
    files = [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]
    return f"{sum(each.stat().st_size for each in files) / 1e6:.2f} MB"
