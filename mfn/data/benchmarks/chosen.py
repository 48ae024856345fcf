"""The benchmarks a configuration chose, by name."""

from pathlib import Path
from typing import Any

import numpy as np

from mfn.data.benchmarks.benchmark import read_benchmark
from mfn.data.verification import VerificationSet
from mfn.errors import DataError


def chosen_benchmarks(root: str | None = None, allow_missing: bool = False, **sets: Any) -> dict[str, Any]:
    """Return the sets, once no two of them are the same pairs under two names.

    Args:
        root: where the sets were read from; the sets have it from the configuration.
        allow_missing: likewise.
        sets: by name.

    Raises:
        DataError: two names lead to the same pairs: `root/pairs.txt` cannot be both LFW and CALFW.
    """
    pairs = {name: benchmark for name, benchmark in sets.items() if isinstance(benchmark, VerificationSet)}
    seen: dict[tuple[str, bytes], str] = {}
    for name, benchmark in pairs.items():
        key = (benchmark.source.describe(0), np.asarray(benchmark.pairs).tobytes())
        if (other := seen.setdefault(key, name)) != name:
            raise DataError(f"{other} and {name} are the same pairs of {root}: put each in a folder of its name")
    return sets


def read_file(path: str | None, allow_missing: bool = False, folds: int = 10) -> VerificationSet:
    """Read one file of pairs, a `.bin` pack, a `.csv` or a list, under the file's own name.

    Raises:
        DataError: it is no file, or cannot be read.
    """
    if path is None or not Path(path).is_file():
        raise DataError(f"benchmark.root={path} is no file: give a .bin pack, a .csv or a list of pairs")
    return read_benchmark(Path(path).stem, path, allow_missing, folds)
