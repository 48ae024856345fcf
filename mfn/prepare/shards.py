"""Results of the work on photos, in files of a fixed number of rows each.

Which rows a file holds depends on their position only, so the same files come out of any number of workers, and a run
that was killed goes on with those that are missing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfn.errors import DataError, first_line
from mfn.files.atomic import replacing

_JPEGS, _ENDS, _PLAN = "crops", "ends", "plan"


@dataclass(frozen=True, slots=True)
class Shards:
    """Where the results lie.

    Attributes:
        folder: Holds ``000000.npz``, ``000001.npz``, ...
        rows: Rows of the whole table.
        plan: Tells the settings of the work, so that results of other settings are not taken for ours.
        size: Rows of one file.
    """

    folder: Path
    rows: int
    plan: str = ""
    size: int = 32

    def __len__(self) -> int:
        return -(-self.rows // self.size)

    def span(self, shard: int) -> range:
        """The rows of the table in a file."""
        return range(shard * self.size, min(self.rows, (shard + 1) * self.size))

    def missing(self) -> list[int]:
        """Files that are not there yet, are damaged, or belong to another plan."""
        found = {path.name for path in self.folder.glob("*.npz")}
        return [shard for shard in range(len(self)) if self._path(shard).name not in found or not self._is_whole(shard)]

    def write(self, shard: int, columns: Mapping[str, NDArray[Any]], crops: Sequence[bytes]) -> None:
        """Writes one file whole or not at all.

        Args:
            shard: Its number.
            columns: Each of as many rows as `span` says.
            crops: The encoded crop of each of these rows, empty where there is none.
        """
        ends = np.cumsum([len(crop) for crop in crops], dtype=np.int64)
        with replacing(self._path(shard)) as temporary:
            jpegs = np.frombuffer(b"".join(crops), np.uint8)
            np.savez(temporary, **columns, **{_JPEGS: jpegs, _ENDS: ends, _PLAN: np.array(self.plan)})

    def columns(self, shards: Sequence[int] | None = None) -> dict[str, NDArray[Any]]:
        """The columns of some files, or of all, one after the other.

        A column that an earlier version did not write is not in all files of a run that goes on, and is left out.

        Raises:
            DataError: A file is missing or damaged.
        """
        parts = [_columns(self._path(shard)) for shard in (range(len(self)) if shards is None else shards)]
        every = [name for name in (parts[0] if parts else ()) if all(name in part for part in parts)]
        return {name: np.concatenate([part[name] for part in parts]) for name in every}

    def crop(self, row: int) -> bytes:
        """The encoded crop of a row of the table; reading rows in order reads each file once.

        Raises:
            DataError: Its file is missing or damaged.
        """
        shard, position = divmod(row, self.size)
        path = self._path(shard)
        jpegs, ends = _crops(path, path.stat().st_mtime_ns)
        return jpegs[ends[position - 1] if position else 0 : ends[position]].tobytes()

    def _is_whole(self, shard: int) -> bool:
        try:
            content = _read(self._path(shard), lambda name: True)
        except DataError:
            return False
        if {_PLAN, _JPEGS, _ENDS} - content.keys() or content.pop(_PLAN).tolist() != self.plan:
            return False
        jpegs, rows = content.pop(_JPEGS), len(self.span(shard))
        fits = all(values.ndim and len(values) == rows for values in content.values())
        return fits and content[_ENDS][-1] == jpegs.size

    def _path(self, shard: int) -> Path:
        return self.folder / f"{shard:06d}.npz"


def _columns(path: Path) -> dict[str, NDArray[Any]]:
    return _read(path, lambda name: name not in (_JPEGS, _ENDS, _PLAN))


@lru_cache(maxsize=4)
def _crops(path: Path, written: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    read = _read(path, lambda name: name in (_JPEGS, _ENDS))
    return read[_JPEGS], read[_ENDS]


def _read(path: Path, wanted: Callable[[str], bool]) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files if wanted(name)}
    except Exception as error:  # zip, zlib, struct, tokenize and NumPy each have their own for a damaged file
        raise DataError(f"{path} is damaged ({first_line(error)}): the same command makes it again") from None
