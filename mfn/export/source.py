"""What is exported: a trained backbone, its contract, and what its file says about where it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from mfn.checkpoint import Passport, build_backbone, read_checkpoint, weights_hash
from mfn.contract import InputContract
from mfn.errors import ExportError
from mfn.models.ordered_arrays import import_ordered_arrays


@dataclass(frozen=True)
class Source:
    """A network to export.

    Attributes:
        backbone: In evaluation mode.
        contract: What it expects.
        origin: ``checkpoint`` (hash of the weights) and, where known, ``recipe``, ``data`` and ``accuracy``.
    """

    backbone: nn.Module
    contract: InputContract
    origin: dict[str, str]


def read_source(path: Path) -> Source:
    """Reads a checkpoint of ours, or arrays in forward order.

    Raises:
        CheckpointError: The file is missing, damaged, or of neither kind.
        ExportError: Its suffix is neither ``.ckpt`` nor ``.npz``.
    """
    if path.suffix == ".npz":
        backbone, _, contract = import_ordered_arrays(path)
        facts = {"recipe": f"imported from {path.name}"}
    elif path.suffix == ".ckpt":
        checkpoint = read_checkpoint(path)
        backbone, contract = build_backbone(checkpoint, path)
        facts = _recipe(Passport.of(checkpoint, path).config) | _accuracy(checkpoint)
    else:
        raise ExportError(f"ckpt_path={path} must be a checkpoint (.ckpt) or arrays in forward order (.npz)")
    return Source(backbone, contract, {"checkpoint": weights_hash(backbone.state_dict()), **facts})


def _recipe(text: str) -> dict[str, str]:
    """Head, optimiser and data in a line each, of a run's configuration as YAML; other text as it is."""
    config = OmegaConf.create(text) if text else OmegaConf.create({})
    if not isinstance(config, DictConfig) or "head" not in config:
        return {"recipe": text} if text else {}
    parts = [_called(config.head, "scale", "margin"), _called(config.optimizer, "lr"), _called(config.scheduler)]
    source = config.data.get("source") or {}
    root = next((Path(str(source[key])).name for key in ("root", "path") if source.get(key)), "")
    return {"recipe": ", ".join(parts), "data": f"{_called(source)} {root}".strip()}


def _called(part: Mapping[str, Any], *keys: str) -> str:
    """A part of a configuration as ``Name(key=value)``."""
    name = str(part.get("_target_", "")).rpartition(".")[2]
    values = ", ".join(f"{key}={part[key]}" for key in keys if part.get(key) is not None)
    return f"{name}({values})" if values else name


def _accuracy(checkpoint: Mapping[str, Any]) -> dict[str, str]:
    for state in checkpoint.get("callbacks", {}).values():
        if isinstance(score := state.get("best_model_score"), Tensor):
            return {"accuracy": f"{state['monitor']} {float(score):.4f}"}
    return {}
