"""Which names exported files may have, and what of before they may take the place of."""

from collections.abc import Sequence
from pathlib import Path

from mfn.errors import DataError, ExportError
from mfn.export.validation import size_of
from mfn.files.ownership import json_at, refuse_to_replace
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

    That is what the JSON beside it says by name and size.

    Args:
        path: The file that is loaded first.
        parts: Names of all that belong to it, where they are known.

    Raises:
        DataError: Something else lies there.
    """
    beside, sizes = side_file(path), _sizes(path)

    def is_ours(file: Path) -> bool:
        return not file.is_symlink() and (bool(sizes) if file == beside else sizes.get(file.name) == size_of([file]))

    remedy = "choose another name= or paths.output=, or move it away"
    for file in {beside, path, *(path.with_name(part) for part in parts)}:
        if file.is_dir() and not is_ours(file):
            raise DataError(f"{file} is there already, and is not as mfn wrote it: {remedy}")
        refuse_to_replace(file, is_ours, remedy)


def check_proof(path: Path) -> None:
    """The same for the JSON of what all files were found to be.

    Raises:
        DataError: Something else lies there.
    """
    refuse_to_replace(path, _is_proof, "choose another paths.output=, or move it away")


def _is_proof(path: Path) -> bool:
    content = None if path.is_symlink() else json_at(path)
    return isinstance(content, dict) and {"files", "latency", "failed"} <= content.keys()


def _sizes(path: Path) -> dict[str, int]:
    """Bytes of each part of the file that lies at a path, by name, as the JSON beside it says."""
    content = json_at(side_file(path))
    proof = content.get("proof") if isinstance(content, dict) else None
    files = proof.get("files") if isinstance(proof, dict) else None
    return files if isinstance(files, dict) and path.name in files else {}
