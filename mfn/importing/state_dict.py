"""Weights of PyTorch without a graph: state dicts, checkpoints of any usual form, safetensors."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from mfn.checkpoint.format import read_checkpoint
from mfn.errors import CheckpointError, first_line
from mfn.importing.layers import Foreign, Layer, normalisation

_WRAPPED = ("state_dict", "model", "model_state_dict", "net", "network", "backbone", "weights", "ema", "model_ema")
"""Entries of a checkpoint that hold the weights."""
_PREFIXES = ("module.", "model.", "backbone.", "_orig_mod.", "net.", "network.", "student.", "encoder.")
_EPS = 1e-5


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a PyTorch file, without what wraps them or their names.

    Raises:
        CheckpointError: It cannot be read, or holds no tensors.
    """
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        try:
            found: Mapping[str, Any] = load_file(path)
        except Exception as error:  # what a damaged file comes to
            raise CheckpointError(f"{path} cannot be read as safetensors ({first_line(error)})") from error
    else:
        found = read_checkpoint(path)
    for _ in range(3):
        inner = [found[key] for key in _WRAPPED if isinstance(found.get(key), Mapping)]
        found = inner[0] if inner else found  # pyright: ignore[reportAssignmentType]
    tensors = {str(name): value for name, value in found.items() if isinstance(value, Tensor)}
    if not any(value.ndim in (2, 4) for value in tensors.values()):
        raise CheckpointError(f"{path} holds no weights of a network")
    return without_prefixes(tensors)


def without_prefixes(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names without what wrappers put before all of them; where a part is the backbone, the others are left out."""
    found = dict(tensors)
    for prefix in ("backbone.", "model.backbone.", "module.backbone."):
        if 0 < sum(name.startswith(prefix) for name in found) < len(found):
            found = {name: value for name, value in found.items() if name.startswith(prefix)}
    while prefix := next((one for one in _PREFIXES if all(name.startswith(one) for name in found)), None):
        found = {name.removeprefix(prefix): value for name, value in found.items()}
    return {name.replace("_orig_mod.", ""): value for name, value in found.items()}


def layers_in(tensors: Mapping[str, Tensor]) -> Foreign:
    """The layers of a state dict in the order in which they are stored, and the blocks that hold them.

    Raises:
        CheckpointError: A group of tensors is no layer that is known here.
    """
    modules: dict[str, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        module, _, part = name.rpartition(".")
        modules.setdefault(module, {})[part] = value
    blocks: dict[str, list[Layer]] = {}
    for module, parts in modules.items():
        if (layer := _layer(module, parts)) is not None:
            blocks.setdefault(module.partition(".")[0], []).append(layer)
    sorted_blocks = [_paired(block) for block in blocks.values()]
    return Foreign([layer for block in sorted_blocks for layer in block], blocks=sorted_blocks, activations=False)


def _layer(module: str, parts: Mapping[str, Tensor]) -> Layer | None:
    weight, bias = (parts[key].double().numpy() if key in parts else None for key in ("weight", "bias"))
    if "running_mean" in parts and "running_var" in parts:
        mean, variance = (parts[key].double().numpy() for key in ("running_mean", "running_var"))
        return normalisation(module, weight, bias, mean, variance, _EPS)
    if weight is None:
        return None
    if weight.ndim == 4:
        return Layer("conv", module, weight, bias)
    if weight.ndim == 2:
        return Layer("linear", module, weight, bias)
    if weight.ndim == 1 and bias is None and "running_mean" not in parts:
        return Layer("prelu", module, weight)
    return None


def _paired(block: list[Layer]) -> list[Layer]:
    """Each convolution with its normalisation and its activation, where a module stores its kinds one after another."""
    weights = [layer for layer in block if layer.kind in ("conv", "linear")]
    norms = [layer for layer in block if layer.kind == "bn"]
    slopes = [layer for layer in block if layer.kind == "prelu"]
    if _alternates(block) or len(norms) != len(weights) or len(slopes) not in (0, len(weights)):
        return block
    if any(len(norm.weight) != len(weight.weight) for norm, weight in zip(norms, weights, strict=True)):
        return block
    rows = zip(weights, norms, slopes, strict=True) if slopes else zip(weights, norms, strict=True)
    return [layer for row in rows for layer in row]


def _alternates(block: list[Layer]) -> bool:
    """Whether no two convolutions follow one another while normalisations come later."""
    kinds = "".join({"conv": "c", "linear": "c", "bn": "b", "prelu": "p"}[layer.kind] for layer in block)
    return re.search(r"cc.*bb", kinds) is None
