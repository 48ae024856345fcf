"""Which names exported files may have, and what of before they may take the place of."""

from collections.abc import Sequence
from pathlib import Path

from mfn.errors import ExportError
from mfn.export.validation import size_of
from mfn.files.ownership import json_at
from mfn.inference.file_contract import side_file
from mfn.inference.loading import SUFFIXES


def file_stem(name: object, checkpoint: Path) -> str:
    """What the names of all files begin with.

    Args:
        name: As configured; None takes the checkpoint's name.
        checkpoint: The file that is exported.

    Raises:
        ExportError: The name is no plain file name.
    """
    if name is None:
        return checkpoint.stem
    text = str(name)
    is_plain = text == Path(text).name == text.strip() and text.isprintable() and 0 < len(text) <= 100
    if not is_plain or text.startswith(".") or "\\" in text or Path(text).suffix.lower() in SUFFIXES:
        raise ExportError(
            f"name={text!r} must be a plain name without folder and suffix: files are called "
            "NAME_TARGET_PRECISION.SUFFIX, and paths.output=DIR says in which folder"
        )
    return text


def check_replaceable(path: Path, parts: Sequence[str] = ()) -> None:
    """Makes sure that nothing is lost where a file is to be written: only what an earlier export wrote may go.

    That is what the JSON beside it tells by name and size.

    Args:
        path: The file that is loaded first.
        parts: Names of all that belong to it, where they are known.

    Raises:
        ExportError: Something else lies there.
    """
    beside, told = side_file(path), _told(path)
    for file in {beside, path, *(path.with_name(part) for part in parts)}:
        if not (file.exists() or file.is_symlink()):
            continue
        ours = told and not file.is_symlink() and (file == beside or told.get(file.name) == size_of([file]))
        if not ours:
            raise ExportError(f"{file} was not exported by mfn and stays: choose another name= or paths.output=")


def check_proof(path: Path) -> None:
    """The same for the proof of all files.

    Raises:
        ExportError: Something else lies there.
    """
    if path.exists() or path.is_symlink():
        content = None if path.is_symlink() else json_at(path)
        if not isinstance(content, dict) or not {"files", "latency", "failed"} <= content.keys():
            raise ExportError(f"{path} was not written by an export and stays: choose another paths.output=")


def _told(path: Path) -> dict[str, int]:
    """Names and bytes of each part of the file that lies at a path, as its JSON tells them."""
    content = json_at(side_file(path))
    proof = content.get("proof") if isinstance(content, dict) else None
    files = proof.get("files") if isinstance(proof, dict) else None
    return files if isinstance(files, dict) and path.name in files else {}
