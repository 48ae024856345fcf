"""Checkpoints: what they say about themselves, how they are written, and how a backbone comes out of one again.

A checkpoint of ours is a Lightning checkpoint with one more entry, ``"mfn"``: the model's configuration, the input
contract, the label map and the run's configuration. Files load with ``weights_only``, and a model's ``_target_`` can
only be a network of :mod:`mfn.models` (:mod:`mfn.checkpoint.backbone`), so a file cannot name code to run.
"""

import hashlib
import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

import torch
from pydantic import ConfigDict, TypeAdapter, ValidationError, create_model
from torch import Tensor, nn

from mfn.about import mfn_version
from mfn.checkpoint.backbone import is_whole, stored_backbone
from mfn.checkpoint.folder import read_folder
from mfn.checkpoint.folder_names import folder_at
from mfn.checkpoint.format_number import FORMAT, format_of, if_newer, warn_of_newer
from mfn.contract import InputContract
from mfn.errors import CheckpointError, first_line
from mfn.files.atomic import replacing

BACKBONE = "backbone."
HEAD = "head."


@dataclass(frozen=True, slots=True)
class CheckpointMetadata:
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
        format: See :mod:`mfn.checkpoint.format_number`.
    """

    model: dict[str, Any]
    contract: dict[str, Any]
    label_map: list[int] = field(default_factory=list)
    label_names: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)
    config: str = ""
    version: str = field(default_factory=mfn_version)
    format: int = FORMAT

    @classmethod
    def of(cls, checkpoint: Mapping[str, Any], path: Path | str) -> "CheckpointMetadata":
        """The metadata of a loaded checkpoint; what only a newer version knows is left out with a warning.

        Fields that an older version did not write have their defaults.

        Raises:
            CheckpointError: There is none, or a field is missing or of another type.
        """
        plain = checkpoint.get("mfn")
        if not isinstance(plain, dict):
            raise CheckpointError(
                f"{path} is not a checkpoint of mfn (no metadata of mfn in it); `mfn import` makes one of weights of "
                "others, and `mfn evaluate` judges exported files as they are"
            )
        names = [each.name for each in fields(cls)]
        known: dict[str, Any] = {"version": ""} | {name: plain[name] for name in names if name in plain}
        known["format"] = format_of(plain)
        warn_of_newer(plain, names, path)
        try:
            _typed(cls).validate_python(known)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise CheckpointError(f"{path} has damaged metadata: {where}: {first['msg']}{if_newer(plain)}") from error
        return cls(**known)

    def same_people(self, other: "CheckpointMetadata") -> bool:
        """Whether the classes of both are, as far as can be told, the same people in the same order.

        Names tell. Without them the numbers must agree, and since most packs count from 0, so must most of the pictures
        of these people that one of the two knows.
        """
        if self.label_names or other.label_names or self.label_map != other.label_map:
            return (self.label_map, self.label_names) == (other.label_map, other.label_names)
        ours, theirs = (metadata.data.get("pictures") or [] for metadata in (self, other))
        alike = sum(one == another for one, another in zip(ours, theirs, strict=False))
        return 2 * alike >= max(len(ours), len(theirs))

    def to_dict(self) -> dict[str, Any]:
        """Plain values that ``weights_only`` loading admits."""
        return asdict(self)


def read_checkpoint(path: Path | str) -> dict[str, Any]:
    """Loads a checkpoint on the CPU without running any code in it.

    Args:
        path: A checkpoint, or a folder of :mod:`mfn.checkpoint.folder`, which comes in the same form.

    Raises:
        CheckpointError: The file is missing, damaged, or holds anything but tensors and plain values.
    """
    if folder := folder_at(Path(path)):
        return read_folder(folder)
    try:
        _check_size(Path(path))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # how to load it unsafely
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no checkpoint at {path}") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or first_line(error)})") from error
    except CheckpointError:
        raise
    except Exception as error:  # what the unpickler makes of damaged bytes
        if named := re.search(r"GLOBAL ([\w.]+)", str(error)):
            raise CheckpointError(
                f"{path} cannot be read: it names code ({named[1]}), and mfn runs nothing out of a file"
            ) from error
        if "TorchScript" in str(error):
            raise CheckpointError(f"{path} cannot be read as a checkpoint: it is a program (TorchScript)") from error
        raise CheckpointError(f"{path} cannot be read as a checkpoint: it is damaged, or of another kind") from error
    if not isinstance(checkpoint, dict):
        raise CheckpointError(f"{path} holds a {type(checkpoint).__name__}, expected a checkpoint")
    return checkpoint


def _check_size(path: Path) -> None:
    """Refuses an archive that would unpack to much more than it is."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > 4 * path.stat().st_size + 2**20:
            raise CheckpointError(f"{path} would unpack to {unpacked:,} bytes: it is no checkpoint")


def _typed(metadata: type[CheckpointMetadata]) -> TypeAdapter[Any]:
    """Checks the types of metadata's fields, without turning one type into another."""
    hints = get_type_hints(metadata)
    types: dict[str, Any] = {
        each.name: (hints[each.name], ... if each.default is each.default_factory is MISSING else None)
        for each in fields(metadata)
    }
    return TypeAdapter(create_model("metadata", __config__=ConfigDict(strict=True), **types))


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
    metadata = CheckpointMetadata.of(checkpoint, path)
    try:
        backbone = stored_backbone(metadata.model, part_of_state(checkpoint, BACKBONE))
        contract = InputContract.from_dict(metadata.contract)
        _check_agreement(backbone, contract)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    return backbone, contract


def _check_agreement(backbone: nn.Module, contract: InputContract) -> None:
    """Whether a network takes and gives what its contract says."""
    built_for = {name: getattr(backbone, name, None) for name in ("embedding_dim", "input_size")}
    stated = {"embedding_dim": contract.embedding_dim, "input_size": (contract.height, contract.width)}
    for name, value in built_for.items():
        if value is not None and value != stated[name]:
            raise CheckpointError(f"its model has {name}={value}, its contract {stated[name]}")


def part_of_state(checkpoint: Mapping[str, Any], prefix: str) -> dict[str, Tensor]:
    """The tensors of one part (``"backbone."`` or ``"head."``), names without the prefix."""
    state = checkpoint.get("state_dict")
    named = state.items() if isinstance(state, Mapping) else ()
    return {
        name.removeprefix(prefix): value for name, value in named if isinstance(name, str) and name.startswith(prefix)
    }


def not_finite(tensors: Mapping[str, Tensor]) -> list[str]:
    """Names of the tensors in which a number is NaN or infinite."""
    whole = {name: value for name, value in tensors.items() if is_whole(value) and value.is_floating_point()}
    plain = {name: value.float() if value.itemsize == 1 else value for name, value in whole.items()}  # of 8 bits
    return [name for name, value in plain.items() if not torch.isfinite(value).all()]


def best_score(checkpoint: Mapping[str, Any]) -> str | None:
    """The best value of the metric that a run watched, as ``"val/lfw/accuracy 0.9950"``; None where there is none."""
    callbacks = checkpoint.get("callbacks")
    for state in callbacks.values() if isinstance(callbacks, Mapping) else ():
        score = state.get("best_model_score") if isinstance(state, Mapping) else None
        if isinstance(score, Tensor) and score.numel() == 1 and isinstance(state.get("monitor"), str):
            return f"{state['monitor']} {float(score):.4f}"
    return None


def weights_hash(state: Mapping[str, Any]) -> str:
    """SHA-256 over names and bytes of all tensors, shortened to 16 digits: equal weights, equal hash."""
    digest = hashlib.sha256()
    for name, value in sorted(state.items()):
        if isinstance(value, Tensor):
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]
