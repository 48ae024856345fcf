"""The scores of a report's pairs, in a file beside ``report.json``, so that a later network can be compared on them."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mfn.errors import DataError
from mfn.evaluation.outcome import Result
from mfn.evaluation.verification_result import VerificationResult
from mfn.files.atomic import replacing

FILE = "scores.npz"
_REMEDY = "remove it to compare without pairs, or evaluate that network again"


@dataclass(frozen=True, slots=True)
class KeptScores:
    """The scores of one set.

    Attributes:
        kept: int64 (P,), which pairs of the set these are, rising.
        scores: Cosines, float32 (P,).
        is_same: bool (P,).
    """

    kept: NDArray[np.int64]
    scores: NDArray[np.float32]
    is_same: NDArray[np.bool_]


def write_scores(folder: Path, results: Sequence[Result]) -> None:
    """Writes ``scores.npz`` with the scores of all 1:1 sets of images; nothing where there are none."""
    judged = [result for result in results if isinstance(result, VerificationResult)]
    if not judged:
        return
    columns: dict[str, NDArray[np.generic]] = {"names": np.array([result.name for result in judged], np.str_)}
    for number, result in enumerate(judged):
        columns |= {f"kept_{number}": result.kept, f"scores_{number}": result.scores, f"same_{number}": result.is_same}
    with replacing(folder / FILE) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **columns)


def read_scores(folder: Path) -> dict[str, KeptScores] | None:
    """Reads it; None where there is none.

    Raises:
        DataError: It is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            names = [str(name) for name in file["names"]]
            found = {name: _read(file, number) for number, name in enumerate(names)}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(f"{path} is damaged ({type(error).__name__}): {_REMEDY}") from error
    return found


def _read(file: "np.lib.npyio.NpzFile", number: int) -> KeptScores:
    kept, scores, same = (file[f"{name}_{number}"] for name in ("kept", "scores", "same"))
    of_one_length = kept.ndim == 1 and kept.shape == scores.shape == same.shape
    if not of_one_length or kept.dtype.kind != "i" or scores.dtype.kind != "f" or same.dtype != bool:
        raise ValueError("columns do not fit")
    if not np.isfinite(scores).all() or np.any(np.diff(kept) <= 0):
        raise ValueError("scores are not finite, or pairs not in order")
    return KeptScores(kept.astype(np.int64), scores.astype(np.float32), same)
