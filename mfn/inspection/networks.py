"""Looking at checkpoints and exported networks."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from mfn.checkpoint.format import (
    BACKBONE,
    HEAD,
    CheckpointMetadata,
    best_score,
    build_backbone,
    not_finite,
    part_of_state,
    read_checkpoint,
    weights_hash,
)
from mfn.contract import InputContract, MeasuredScores
from mfn.errors import CheckpointError, ConfigError
from mfn.inference.file_contract import CONTRACT_KEY, parse_contract
from mfn.inference.loading import PROGRAMS, RUNTIMES, load_network, open_runtime
from mfn.inference.network import TorchNetwork
from mfn.inference.torch_file_network import notes_of_program
from mfn.inspection.inspection import Inspection, megabytes
from mfn.inspection.tensors import facts_of, parts_of


def inspect_checkpoint(path: Path) -> Inspection:
    """Looks at a checkpoint of ours, or at tensors of somebody else's.

    Raises:
        CheckpointError: The file cannot be read without running what is in it.
    """
    try:
        checkpoint = read_checkpoint(path)
    except CheckpointError:
        if path.suffix.lower() not in PROGRAMS:  # which have the suffix of plain PyTorch files
            raise
        return _inspect_program(path)
    facts: dict[str, object] = {"file": megabytes(path)}
    problems = [
        f"{len(spoilt)} tensors hold NaN or infinity: {', '.join(spoilt[:3])}"
        for tensors in parts_of(checkpoint).values()
        if (spoilt := not_finite(tensors))
    ]
    try:
        metadata = CheckpointMetadata.of(checkpoint, path)
        backbone, contract = build_backbone(checkpoint, path)
    except CheckpointError as error:
        return Inspection(str(path), "PyTorch file", facts | facts_of(checkpoint), [*problems, str(error)])
    arguments = {key: value for key, value in metadata.model.items() if key != "_target_"}
    head = {name: value for name, value in part_of_state(checkpoint, HEAD).items() if isinstance(value, Tensor)}
    facts |= {
        "network": str(metadata.model["_target_"]).rpartition(".")[2],
        "arguments": ", ".join(f"{key}={value}" for key, value in arguments.items()),
        "parameters": sum(parameter.numel() for parameter in backbone.parameters()),
        "weights": weights_hash(part_of_state(checkpoint, BACKBONE)),
        **_contract(contract),
        "classes": len(metadata.label_map),
        "head": ", ".join(f"{name} {'x'.join(map(str, value.shape))}" for name, value in head.items()) or "none",
        **_training(checkpoint),
        "mfn": metadata.version,
    }
    return Inspection(str(path), "checkpoint", facts, problems)


def inspect_network(path: Path, stated: Mapping[str, Any] | None = None) -> Inspection:
    """Looks at an exported file or at weights in layer order; without a contract it is told what the file itself says.

    Args:
        path: The file.
        stated: Contract fields the user gives, for files that hold none.

    Raises:
        CheckpointError: The file cannot be read at all.
    """
    if path.suffix.lower() in PROGRAMS:
        return inspect_checkpoint(path)
    problems = []
    try:
        network, contract = load_network(path, stated or {})
        facts = {"parameters": _parameters(network)} if isinstance(network, TorchNetwork) else {}
        facts |= _contract(contract)
    except CheckpointError as error:
        if path.suffix.lower() not in RUNTIMES:
            raise
        network = open_runtime(path)
        problems.append(str(error))
        size = "x".join(map(str, network.input_size)) if network.input_size else "any"
        facts = {"input (height x width)": size, "embedding": network.embedding_dim or "unknown"}
    takes = "uint8 pixels" if network.takes_pixels else "normalised floats"
    facts = {"file": megabytes(path), "takes": takes, **facts, "weights": network.fingerprint}
    return Inspection(str(path), f"network ({path.suffix.lstrip('.')})", facts, problems)


def stated_contract(words: Sequence[str]) -> dict[str, Any]:
    """Contract fields as evaluate.py takes them: `contract.height=112`.

    Raises:
        ConfigError: A word is no such field.
    """
    fields: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key.startswith("contract."):
            raise ConfigError(f"{word} is no field of a contract; write contract.height=112 and the like")
        try:
            fields[key.removeprefix("contract.")] = json.loads(value)
        except ValueError:
            fields[key.removeprefix("contract.")] = value
    return fields


def _inspect_program(path: Path) -> Inspection:
    notes = notes_of_program(path)
    facts: dict[str, object] = {"file": megabytes(path)}
    if text := notes.get(CONTRACT_KEY):
        facts |= _contract(parse_contract(text, path))
    return Inspection(str(path), "TorchScript program (not run)", facts)


def _contract(contract: InputContract) -> dict[str, object]:
    threshold = "not measured"
    if contract.threshold is not None:
        far = "" if contract.threshold_far is None else f" at a false accept rate of {contract.threshold_far:g}"
        flip = "" if contract.threshold_flip is None else f", flip={contract.threshold_flip}"
        threshold = f"{contract.threshold:.4f}{far}{flip}"
    usual = InputContract.for_size(contract.height, contract.width).template
    return {
        "input (height x width)": f"{contract.height}x{contract.width} {contract.color}",
        "mean": ", ".join(f"{value:g}" for value in contract.mean),
        "std": ", ".join(f"{value:g}" for value in contract.std),
        "template": "InsightFace's" if contract.template == usual else str(contract.template),
        "embedding": contract.embedding_dim,
        "threshold": threshold,
        **({} if contract.measured is None else {"scores": _scores(contract.measured)}),
    }


def _scores(measured: MeasuredScores) -> str:
    return f"{measured.source}: {measured.impostors:,} comparisons of two people, {measured.genuine:,} of one"


def _training(checkpoint: Mapping[str, Any]) -> dict[str, object]:
    facts: dict[str, object] = {}
    steps, epoch = checkpoint.get("global_step"), checkpoint.get("epoch")
    if isinstance(steps, int) and isinstance(epoch, int) and max(abs(steps), abs(epoch)) < 1e15:
        facts["trained"] = f"{steps:,} steps, epoch {epoch}"
    if score := best_score(checkpoint):
        facts["best"] = score
    return facts


def _parameters(network: TorchNetwork) -> int:
    return sum(parameter.numel() for parameter in network.module.parameters())
