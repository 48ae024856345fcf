"""A network as a folder: ``model.safetensors``, ``config.json`` and a card for people.

This is how networks are shared on the Hugging Face hub. Nothing in such a folder runs: the weights are a table of
numbers, and the configuration is read as data, by the rules of a checkpoint.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from mfn.about import mfn_version
from mfn.checkpoint.card import model_card
from mfn.checkpoint.folder_names import CARD, CONFIG, WEIGHTS
from mfn.checkpoint.format_number import FORMAT
from mfn.contract import InputContract
from mfn.errors import CheckpointError, first_line
from mfn.files.atomic import replacing

FILES = (WEIGHTS, CONFIG, CARD)
_LARGEST = 10_000_000
"""Bytes of a configuration that is read."""


def write_folder(
    folder: Path,
    state: Mapping[str, Tensor],
    model: Mapping[str, Any],
    contract: InputContract,
    facts: Mapping[str, str],
    dtype: torch.dtype = torch.float32,
) -> None:
    """Writes a network; files of these names that are there are replaced.

    Args:
        folder: Is made where it is missing.
        state: The backbone's tensors by name.
        model: ``_target_`` and arguments of the backbone.
        contract: What it expects.
        facts: What else is known of it, for the configuration and the card, as its recipe.
        dtype: Of the weights; what has one number for each channel stays as it is, since variances may be large.
    """
    tensors = {
        name: (value.to(dtype) if value.is_floating_point() and value.dim() > 1 else value).contiguous()
        for name, value in state.items()
    }
    config = {
        "format": FORMAT,
        "library_name": "mfn",
        "model": dict(model),
        "contract": contract.to_dict(),
        "version": mfn_version(),
        **facts,
    }
    card = model_card(model, contract, facts, sum(value.numel() for value in tensors.values()))
    for name, content in (
        (WEIGHTS, save(tensors, {"format": "pt"})),
        (CONFIG, json.dumps(config, indent=2).encode()),
        (CARD, card.encode()),
    ):
        with replacing(folder / name) as temporary:
            temporary.write_bytes(content)


def read_folder(folder: Path) -> dict[str, Any]:
    """The network as a checkpoint has it: ``state_dict`` (float32) and the fields under ``mfn``.

    Raises:
        CheckpointError: A file is missing, damaged or too large, or is none of a network.
    """
    config = _read_config(folder / CONFIG)
    state = {f"backbone.{name}": value for name, value in _read_weights(folder / WEIGHTS).items()}
    fields = {name: config[name] for name in ("format", "model", "contract", "version") if name in config}
    return {"state_dict": state, "mfn": fields | {"config": f"folder {folder.name}"}}


def store_contract_in(folder: Path, contract: InputContract) -> Path:
    """Writes another contract, such as one with a threshold, into the configuration; returns its path.

    Raises:
        CheckpointError: There is no configuration of a network.
    """
    path = folder / CONFIG
    config = _read_config(path) | {"contract": contract.to_dict()}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(config, indent=2), encoding="utf-8")
    return path


def _read_config(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST:
            raise CheckpointError(f"{path} is larger than {_LARGEST:,} bytes: it is no configuration of a network")
        config = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} cannot be read as JSON ({first_line(error)})") from error
    if not isinstance(config, dict) or not isinstance(config.get("model"), dict):
        raise CheckpointError(
            f"{path} describes no network of mfn: its `model` is missing; a folder of mfn is written by "
            "`mfn export target=safetensors`"
        )
    return config


def _read_weights(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read as safetensors ({first_line(error)})") from error
    return {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}
