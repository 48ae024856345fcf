"""What became of every photo of a set, as a CSV beside the report."""

import csv
import re
from pathlib import Path

import numpy as np

from mfn.benchmarks.preconditions import Benchmark
from mfn.benchmarks.verification import VerificationSet
from mfn.evaluation.acquisition import BROKEN, MISSING
from mfn.evaluation.photos import PhotoFaces
from mfn.files.atomic import replacing

COLUMNS = ("photo", "acquired", "reason", "second_try", "score", "faces", "pairs")


def write_photos(folder: Path, benchmark: Benchmark) -> Path | None:
    """Writes ``photos_NAME.csv``: one line for each photo, those that were not there last.

    Its columns are the photo; 1 where it gave a face; why it did not; the second try that found it; how sure the
    detector was; how many faces it saw; and how many pairs of the set the photo is part of, empty where nobody counted.

    Args:
        folder: Of the report.
        benchmark: Judged on the faces of photos.

    Returns:
        The file; None for sets of crops.
    """
    source = benchmark.source
    if not isinstance(source, PhotoFaces):
        return None
    found = source.found
    pairs = np.full(len(source), "", object)
    if isinstance(benchmark, VerificationSet):
        pairs[:] = np.bincount(benchmark.pairs.ravel(), minlength=len(source))
    path = folder / ("photos_" + re.sub(r"[^\w.-]", "_", benchmark.name) + ".csv")
    with (
        replacing(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for at, (reason, by, score, faces) in enumerate(
            zip(found.reason.tolist(), found.found_by.tolist(), found.score.tolist(), found.faces.tolist(), strict=True)
        ):
            sure = "" if np.isnan(score) else f"{score:.4f}"
            seen = "" if reason == BROKEN else faces
            writer.writerow([source.describe(at), int(not reason), reason, by, sure, seen, pairs[at]])
        missing = benchmark.missing if isinstance(benchmark, VerificationSet) else ()
        writer.writerows([photo, 0, MISSING, "", "", "", ""] for photo in missing)
    return path
