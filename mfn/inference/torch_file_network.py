"""TorchScript (``.pt``) and torch.export (``.pt2``) files, run by PyTorch itself."""

import hashlib
import logging
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mfn.errors import CheckpointError, first_line
from mfn.inference.file_contract import CONTRACT_KEY

_LONGEST_NOTE = 2**20
_CODE = ("aotinductor", ".so", "custom_obj", "opaque_obj")


class TorchFileNetwork:
    """A ``.pt`` or ``.pt2`` file with one image input and one embedding output.

    A ``.pt2`` may hold pickles and compiled libraries, which loading would run; such files are refused. A ``.pt`` is a
    program: whoever opens it trusts it, see :func:`mfn.inference.loading.load_network`.

    Args:
        path: The file.
        threads: Not used: PyTorch has one number for all its networks.

    Raises:
        CheckpointError: The file is missing, damaged, no such network, or could run code.
    """

    device = torch.device("cpu")

    def __init__(self, path: Path, threads: int | None = None) -> None:
        notes = {CONTRACT_KEY: "", "mfn.input": ""}
        load = _load_program if path.suffix.lower() == ".pt2" else _load_script
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._run = load(path, notes)
            self.fingerprint = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        except CheckpointError:
            raise
        except Exception as error:  # what loaders make of damaged bytes
            raise CheckpointError(f"{path} cannot be run by PyTorch ({first_line(error)})") from error
        self.contract_json: str | None = _text(notes[CONTRACT_KEY]) or None
        self.takes_pixels = _text(notes["mfn.input"]) == "uint8"
        self.input_size: tuple[int, int] | None = None
        self.embedding_dim: int | None = None

    def __call__(self, batch: Tensor) -> Tensor:
        """Raw embeddings, float32 (N, D)."""
        with torch.no_grad():
            return self._run(batch.contiguous()).float()


def notes_of_program(path: Path) -> dict[str, str]:
    """What a TorchScript file says about itself, by name, without running it; names begin with ``mfn.``.

    Raises:
        CheckpointError: The file is no TorchScript.
    """
    notes = {}
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            for name in names if any("/code/" in name for name in names) else ():
                _, is_note, note = name.partition("/extra/")
                if is_note and note.startswith("mfn.") and archive.getinfo(name).file_size < _LONGEST_NOTE:
                    notes[note] = _text(archive.read(name))
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}") from error
    except Exception as error:  # what a damaged archive comes to
        raise CheckpointError(f"{path} is no TorchScript: {first_line(error)}") from error
    if not any("/code/" in name for name in names):
        raise CheckpointError(f"{path} is no TorchScript: there is no code in it")
    return notes


def _load_script(path: Path, notes: dict[str, Any]) -> Callable[[Tensor], Tensor]:
    """TorchScript."""
    return torch.jit.load(str(path), map_location="cpu", _extra_files=notes).eval()


def _load_program(path: Path, notes: dict[str, Any]) -> Callable[[Tensor], Tensor]:
    """An exported program."""
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            pickled = entry.filename.endswith((".pt", ".pkl")) and entry.file_size > 0
            config = archive.read(entry) if entry.filename.endswith("_config.json") else b""
            if pickled or b'"use_pickle": true' in config or any(word in entry.filename for word in _CODE):
                raise CheckpointError(f"{path} holds {entry.filename}, which loading would run as code; export it anew")
    log = logging.getLogger("torch.export")
    level = log.level
    log.setLevel(logging.CRITICAL)  # it logs tracebacks of what it raises
    try:
        return torch.export.load(path, extra_files=notes).module()
    finally:
        log.setLevel(level)


def _text(note: str | bytes) -> str:
    return note.decode("utf-8", "replace") if isinstance(note, bytes) else note
