"""What is exported: a trained backbone, its contract, and what its file says about where it comes from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from torch import nn

from mfn.checkpoint.folder_names import folder_at
from mfn.checkpoint.format import (
    CheckpointMetadata,
    best_score,
    build_backbone,
    not_finite,
    read_checkpoint,
    weights_hash,
)
from mfn.contract import InputContract
from mfn.errors import ExportError
from mfn.models.layer_order import import_layer_order

_LARGEST, _LONGEST = 100_000, 100
"""Characters of a configuration that is read, and of a value that is told."""


@dataclass(frozen=True)
class Source:
    """A network to export.

    Attributes:
        backbone: In evaluation mode.
        contract: What it expects.
        model: ``_target_`` and arguments that make it.
        origin: ``checkpoint`` (hash of the weights) and, where known, ``recipe``, ``data`` and ``accuracy``.
    """

    backbone: nn.Module
    contract: InputContract
    model: dict[str, Any]
    origin: dict[str, str]


def read_source(path: Path) -> Source:
    """Reads a checkpoint of ours, a folder of safetensors, or weights in layer order.

    Raises:
        CheckpointError: The file is missing, damaged, or of neither kind.
        ExportError: Its suffix is neither ``.ckpt`` nor ``.npz``, or its weights are no numbers.
    """
    suffix = path.suffix.lower()
    if suffix == ".npz":
        backbone, arguments, contract = import_layer_order(path)
        model = {"_target_": f"{type(backbone).__module__}.{type(backbone).__name__}", **arguments}
        facts = {"recipe": f"imported from {path.name}"}
    elif suffix == ".ckpt" or folder_at(path):
        checkpoint = read_checkpoint(path)
        backbone, contract = build_backbone(checkpoint, path)
        metadata = CheckpointMetadata.of(checkpoint, path)
        model, facts = metadata.model, _recipe(metadata.config)
        if score := best_score(checkpoint):
            facts["accuracy"] = score
    else:
        raise ExportError(f"model_path={path} must be a checkpoint (.ckpt) or weights in layer order (.npz)")
    if spoilt := not_finite(backbone.state_dict()):
        raise ExportError(
            f"{path} is spoilt: {len(spoilt)} of its tensors hold NaN or infinity ({', '.join(spoilt[:3])}); its "
            "training went wrong, and only a checkpoint from before that is worth exporting"
        )
    return Source(backbone, contract, model, {"checkpoint": weights_hash(backbone.state_dict()), **facts})


def _recipe(text: str) -> dict[str, str]:
    """Head, optimiser and data in a line each, of a run's configuration as YAML; another line of text as it is.

    The text is a stranger's: it is read as plain data, and nothing in it is looked up or resolved.
    """
    run = _parsed(text)
    if "head" not in run:
        line = next(iter(text.splitlines()), "")
        return {"recipe": line[:_LONGEST]} if line else {}
    parts = [
        _called(run["head"], "scale", "margin"),
        _called(run.get("optimizer"), "lr"),
        _called(run.get("scheduler")),
    ]
    facts = {"recipe": ", ".join(filter(None, parts))}
    data = run.get("data")
    source = data.get("source") if isinstance(data, dict) else None
    if isinstance(source, dict):
        root = next((Path(str(source[key])).name for key in ("root", "path") if _is_stated(source.get(key))), "")
        facts["data"] = f"{_called(source)} {root}".strip()
    return facts


def _parsed(text: str) -> dict[str, Any]:
    """What YAML of a usual size holds; empty where it is none, or no mapping."""
    try:
        plain = yaml.load(text, _WithoutAliases) if len(text) <= _LARGEST else None
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return plain if isinstance(plain, dict) else {}


class _WithoutAliases(yaml.SafeLoader):
    """Plain values alone: a few aliases of aliases are more than memory holds."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias")
        return super().compose_node(parent, index)


def _called(part: object, *keys: str) -> str:
    """A part of a configuration as ``Name(key=value)``."""
    if not isinstance(part, dict):
        return ""
    target = part.get("_target_")
    name = target.rpartition(".")[2][:_LONGEST] if isinstance(target, str) else ""
    values = ", ".join(f"{key}={str(part[key])[:_LONGEST]}" for key in keys if _is_stated(part.get(key)))
    return f"{name}({values})" if values else name


def _is_stated(value: object) -> bool:
    return isinstance(value, str | float) or (isinstance(value, int) and abs(value) < 1e9)
