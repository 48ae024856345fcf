"""Looking at checkpoints and exported networks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from mfn.checkpoint import BACKBONE, HEAD, Passport, build_backbone, part_of_state, read_checkpoint, weights_hash
from mfn.contract import InputContract
from mfn.errors import CheckpointError
from mfn.inference.loading import RUNTIMES, load_network, open_runtime
from mfn.inference.network import TorchNetwork
from mfn.inspection.inspection import Inspection, megabytes
from mfn.inspection.tensors import facts_of, not_finite, parts_of


def inspect_checkpoint(path: Path) -> Inspection:
    """Look at a checkpoint of ours, or at tensors of somebody else's.

    Raises:
        CheckpointError: the file cannot be read without running what is in it.
    """
    try:
        checkpoint = read_checkpoint(path)
    except CheckpointError:
        if path.suffix not in RUNTIMES:
            raise
        return inspect_network(path)  # TorchScript has the suffix of plain PyTorch files
    facts: dict[str, object] = {"file": megabytes(path)}
    problems = [problem for tensors in parts_of(checkpoint).values() for problem in not_finite(tensors)]
    try:
        passport = Passport.of(checkpoint, path)
        backbone, contract = build_backbone(checkpoint, path)
    except CheckpointError as error:
        return Inspection(str(path), "PyTorch file", facts | facts_of(checkpoint), [*problems, str(error)])
    arguments = {key: value for key, value in passport.model.items() if key != "_target_"}
    head = part_of_state(checkpoint, HEAD)
    facts |= {
        "network": str(passport.model["_target_"]).rpartition(".")[2],
        "arguments": ", ".join(f"{key}={value}" for key, value in arguments.items()),
        "parameters": sum(parameter.numel() for parameter in backbone.parameters()),
        "weights": weights_hash(part_of_state(checkpoint, BACKBONE)),
        **_contract(contract),
        "classes": len(passport.label_map),
        "head": ", ".join(f"{name} {'x'.join(map(str, tensor.shape))}" for name, tensor in head.items()) or "none",
        **_training(checkpoint),
        "mfn": passport.version,
    }
    return Inspection(str(path), "checkpoint", facts, problems)


def inspect_network(path: Path) -> Inspection:
    """Look at an exported file or at arrays in forward order; without a contract it is told what the file itself says.

    Raises:
        CheckpointError: the file cannot be read at all.
    """
    problems = []
    try:
        network, contract = load_network(path, {})
        facts = {"parameters": _parameters(network)} if isinstance(network, TorchNetwork) else {}
        facts |= _contract(contract)
    except CheckpointError as error:
        if path.suffix not in RUNTIMES:
            raise
        network = open_runtime(path)
        problems.append(str(error))
        size = "x".join(map(str, network.input_size)) if network.input_size else "any"
        facts = {"input (height x width)": size, "embedding": network.embedding_dim or "unknown"}
    takes = "uint8 pixels" if network.takes_pixels else "normalised floats"
    facts = {"file": megabytes(path), "takes": takes, **facts, "weights": network.fingerprint}
    return Inspection(str(path), f"network ({path.suffix.lstrip('.')})", facts, problems)


def _contract(contract: InputContract) -> dict[str, object]:
    threshold = "not measured"
    if contract.threshold is not None:
        far = "" if contract.threshold_far is None else f" at a false accept rate of {contract.threshold_far:g}"
        threshold = f"{contract.threshold:.4f}{far}"
    usual = InputContract.for_size(contract.height, contract.width).template
    return {
        "input (height x width)": f"{contract.height}x{contract.width} {contract.color}",
        "mean": ", ".join(f"{value:g}" for value in contract.mean),
        "std": ", ".join(f"{value:g}" for value in contract.std),
        "template": "InsightFace's" if contract.template == usual else str(contract.template),
        "embedding": contract.embedding_dim,
        "threshold": threshold,
    }


def _training(checkpoint: Mapping[str, Any]) -> dict[str, object]:
    facts: dict[str, object] = {}
    if "global_step" in checkpoint:
        facts["trained"] = f"{checkpoint['global_step']:,} steps, epoch {checkpoint.get('epoch')}"
    for state in checkpoint.get("callbacks", {}).values():
        if isinstance(score := state.get("best_model_score"), Tensor):
            facts["best"] = f"{state['monitor']} {float(score):.4f}"
    return facts


def _parameters(network: TorchNetwork) -> int:
    return sum(parameter.numel() for parameter in network.module.parameters())
