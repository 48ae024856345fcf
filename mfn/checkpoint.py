"""Checkpoints: what they say about themselves, how they are written, and how a backbone comes out of one again.

A checkpoint of ours is a Lightning checkpoint with one more entry, ``"mfn"``: the model's configuration, the input
contract, the label map and the run's configuration. Files load with ``weights_only``, and a model's ``_target_`` is
followed only inside :mod:`mfn.models`, so a file cannot name code to run.
"""

import hashlib
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mfn.about import mfn_version
from mfn.contract import InputContract
from mfn.errors import CheckpointError, first_line
from mfn.files import replacing

BACKBONE = "backbone."
HEAD = "head."


@dataclass(frozen=True, slots=True)
class Passport:
    """What travels with the weights.

    Attributes:
        model: ``_target_`` and arguments of the backbone.
        contract: The input contract as plain values.
        label_map: Raw label of each class, empty for imported weights.
        label_names: Name of each class where the data has names, such as those of folders.
        data: What the training data was, see :func:`mfn.data.fingerprint.fingerprint`; empty where nobody knows.
        request: What the run was asked for, see :mod:`mfn.config.request`; empty where no command line asked.
        config: The run's configuration as YAML, or where imported weights come from.
        version: mfn's version.
    """

    model: dict[str, Any]
    contract: dict[str, Any]
    label_map: list[int] = field(default_factory=list)
    label_names: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)
    config: str = ""
    version: str = field(default_factory=mfn_version)

    @classmethod
    def of(cls, checkpoint: Mapping[str, Any], path: Path | str) -> "Passport":
        """The passport of a loaded checkpoint.

        Raises:
            CheckpointError: There is none, or it is not complete.
        """
        try:
            return cls(**checkpoint["mfn"])
        except (KeyError, TypeError) as error:
            raise CheckpointError(
                f"{path} is not a checkpoint of mfn (no passport in it); bring weights of others in with `mfn import`"
            ) from error

    def same_people(self, other: "Passport") -> bool:
        """Whether the classes of both are, as far as can be told, the same people in the same order.

        Names tell. Without them the numbers must agree, and since most packs count from 0, so must most of the pictures
        of these people that one of the two knows.
        """
        if self.label_names or other.label_names or self.label_map != other.label_map:
            return (self.label_map, self.label_names) == (other.label_map, other.label_names)
        ours, theirs = (passport.data.get("pictures") or [] for passport in (self, other))
        alike = sum(one == another for one, another in zip(ours, theirs, strict=False))
        return 2 * alike >= max(len(ours), len(theirs))

    def to_dict(self) -> dict[str, Any]:
        """Plain values that ``weights_only`` loading admits."""
        return asdict(self)


def read_checkpoint(path: Path | str) -> dict[str, Any]:
    """Loads a checkpoint on the CPU without running any code in it.

    Raises:
        CheckpointError: The file is missing, damaged, or holds anything but tensors and plain values.
    """
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no checkpoint at {path}") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path} cannot be read as a checkpoint ({first_line(error)})") from error
    if not isinstance(checkpoint, dict):
        raise CheckpointError(f"{path} holds a {type(checkpoint).__name__}, expected a checkpoint")
    return checkpoint


def write_atomically(content: Any, path: Path) -> None:
    """Saves a checkpoint whole or not at all; a failure leaves what was there before.

    Raises:
        CheckpointError: The disk is full or the folder cannot be written.
    """
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            torch.save(content, file)
    except (OSError, RuntimeError) as error:
        # PyTorch's writer trips over the half of a file that the system's error left
        cause = error if isinstance(error, OSError) else error.__context__
        if not isinstance(cause, OSError):
            raise
        raise CheckpointError(
            f"{path} could not be written ({cause.strerror}); free some space or choose another folder"
        ) from error


def build_backbone(checkpoint: Mapping[str, Any], path: Path | str) -> tuple[nn.Module, InputContract]:
    """Makes the backbone that a checkpoint describes, with its weights, in evaluation mode.

    Args:
        checkpoint: What :func:`read_checkpoint` gave.
        path: Its file, for messages.

    Raises:
        CheckpointError: The checkpoint is not ours or does not fit its own description.
    """
    passport = Passport.of(checkpoint, path)
    arguments = dict(passport.model)
    target = str(arguments.pop("_target_", ""))
    module, _, name = target.rpartition(".")
    if not module.startswith("mfn.models."):
        raise CheckpointError(f"{path} names {target!r} as its model; only classes of mfn.models are built from a file")
    try:
        backbone = getattr(import_module(module), name)(**arguments)
        backbone.load_state_dict(part_of_state(checkpoint, BACKBONE))
    except (ImportError, AttributeError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not fit its model {target} ({first_line(error)})") from error
    return backbone.eval(), InputContract.from_dict(passport.contract)


def part_of_state(checkpoint: Mapping[str, Any], prefix: str) -> dict[str, Tensor]:
    """The tensors of one part (``"backbone."`` or ``"head."``), names without the prefix."""
    state = checkpoint.get("state_dict", {})
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def weights_hash(state: Mapping[str, Any]) -> str:
    """SHA-256 over names and bytes of all tensors, shortened to 16 digits: equal weights, equal hash."""
    digest = hashlib.sha256()
    for name, value in sorted(state.items()):
        if isinstance(value, Tensor):
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]
