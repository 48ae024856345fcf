"""The benchmarks a configuration chose, by name."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from mfn.benchmarks.benchmark import KeepOrLeaveOut, read_at
from mfn.benchmarks.preconditions import check_benchmark
from mfn.benchmarks.root import given_root
from mfn.benchmarks.verification import VerificationSet
from mfn.errors import ConfigError, DataError
from mfn.text import printable


def chosen_benchmarks(root: str | None = None, allow_missing: bool = False, **sets: Any) -> dict[str, Any]:
    """The sets, once each can be judged, no two are the same pairs under two names, and names are different.

    Args:
        root: Where the sets were read from; the sets have it from the configuration.
        allow_missing: Likewise.
        sets: By name.

    Raises:
        DataError: A set can only fail (all such sets are named), or two names lead to the same pairs:
            `root/pairs.txt` cannot be both LFW and CALFW.
    """
    pairs = {name: benchmark for name, benchmark in sets.items() if isinstance(benchmark, VerificationSet)}
    seen: dict[tuple[object, ...], str] = {}
    for name, benchmark in pairs.items():
        images = tuple(map(benchmark.source.describe, range(len(benchmark.source))))
        key = (images, np.asarray(benchmark.pairs).tobytes(), np.asarray(benchmark.is_same).tobytes())
        if (other := seen.setdefault(key, name)) != name:
            raise DataError(f"{other} and {name} are the same pairs of {root}: put each in a folder of its name")
    problems = [problem for key, benchmark in sets.items() if (problem := _problem(benchmark, key))]
    if problems:
        raise DataError("; ".join(problems))
    return _named_apart(sets)


def chosen_pairs(root: str | None = None, allow_missing: bool = False, **sets: Any) -> dict[str, VerificationSet]:
    """The sets as `chosen_benchmarks` does, where only sets of pairs will do.

    Raises:
        ConfigError: One is no set of pairs.
        DataError: As `chosen_benchmarks`.
    """
    return only_pairs(chosen_benchmarks(root, allow_missing, **sets))


def only_pairs(sets: Mapping[str, Any]) -> dict[str, VerificationSet]:
    """The sets, once all are sets of pairs.

    Raises:
        ConfigError: One is not; evaluate.py takes every kind.
    """
    if other := [name for name, benchmark in sets.items() if not isinstance(benchmark, VerificationSet)]:
        raise ConfigError(
            f"benchmark={other[0]} is no set of pairs: leave it out here, and judge the finished network with "
            f"mfn evaluate model_path=FILE benchmark={other[0]}"
        )
    return dict(sets)


def read_file(
    path: str | None,
    allow_missing: bool = False,
    folds: int | None = None,
    odd_pairs: KeepOrLeaveOut = "leave_out",
    images: str | None = None,
) -> VerificationSet:
    """Reads one file of pairs, a `.bin` pack, a `.csv` or a list, under the file's own name; see `read_benchmark`.

    Raises:
        DataError: It is no file, or cannot be read.
    """
    file = given_root(path, "a .bin pack, a .csv or a list of pairs")
    if not file.is_file():
        raise DataError(f"benchmark.root={path} is no file: give a .bin pack, a .csv or a list of pairs")
    return read_at(file, printable(file.stem), "file", allow_missing, folds, odd_pairs, images)


def _problem(benchmark: Any, key: str) -> str:
    try:
        check_benchmark(benchmark, key)
    except DataError as error:
        return str(error)
    return ""


def _named_apart(sets: Mapping[str, Any]) -> dict[str, Any]:
    """The sets, each under a name of its own in tables and reports: `lfw` and `lfw (file)`."""
    taken: set[str] = set()
    apart = {}
    for key, benchmark in sets.items():
        name = benchmark.name if benchmark.name not in taken else f"{benchmark.name} ({key})"
        apart[key] = benchmark if name == benchmark.name else dataclasses.replace(benchmark, name=name)
        taken.add(name)
    return apart
