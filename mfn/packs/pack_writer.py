"""Writing InsightFace packs."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from mfn.errors import DataError
from mfn.files.atomic import clear_left_behind, hidden_folder
from mfn.files.lines import as_field, open_lines
from mfn.files.ownership import refuse_if_taken
from mfn.images import copies
from mfn.packs import pack_names
from mfn.packs.pack_list import EXACT
from mfn.packs.record import Record
from mfn.packs.recordio import RecordWriter

_RECORD_0_LABELS = 8 + 24
"""Their byte offset in the `.rec`, after the frame's head and the image header."""


class PackWriter:
    """Write a pack that InsightFace's tools read; see `mfn.packs.insightface` for how it lies in its records.

    `NAME.rec`, `NAME.idx` and `NAME.lst` (lines of `1<TAB>name<TAB>label`) are written, and beside `train.rec` also
    `property` and, where there is something for them, `names.txt` and `variants.tsv`. They grow in a hidden folder
    and get their names when the `with` block ends, the `.rec` last, so that nobody takes half a pack for one; an
    exception inside the block removes them. The same calls give the same bytes.

    Args:
        folder: Where the pack goes; made where it is missing. Nothing there is replaced.
        image_size: (height, width) that `property` tells.
        name: `train`, or that of another pack beside it, such as `val`.
        label_names: The identity of each label from 0 on.

    Raises:
        DataError: The folder holds a file of that name already.
    """

    def __init__(
        self,
        folder: str | Path,
        image_size: tuple[int, int],
        *,
        name: str = "train",
        label_names: Sequence[str] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.image_size = image_size
        self.name = name
        self.label_names = label_names
        self._label: int | None = None
        self._starts: list[int] = []  # first key of each identity
        self._next_key = 0
        self._copies: list[tuple[str, str]] = []
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._work = self._open.enter_context(_published(self.folder, self.name))
        rec, idx, lst = (self._work / (self.name + suffix) for suffix in (".rec", ".idx", ".lst"))
        self._records = self._open.enter_context(RecordWriter(rec, idx))
        self._list = self._open.enter_context(open_lines(lst, "w"))
        self._write(2, np.zeros(2), b"")  # record 0 comes first, its counts are known at the end
        return self

    def add(self, label: int, encoded: bytes, name: str = "", variants: Sequence[str] = ()) -> int:
        """Appends one image.

        Args:
            label: From 0 to 2**24 - 1, not below the one before. InsightFace's tools take labels for classes: 0, 1, ...
                without gaps.
            encoded: A JPEG, or whatever else the readers of the pack can decode.
            name: What the `.lst` calls it; its key by default.
            variants: Its virtual copies, for `train` only.

        Returns:
            The image's key.

        Raises:
            DataError: The labels are out of order, or a float32 does not hold this one.
        """
        if not 0 <= label < EXACT:
            raise DataError(f"{self.name}.rec cannot hold the label {label}: number people from 0 to {EXACT - 1}")
        if self._label is not None and label < self._label:
            raise DataError(f"{self.name}.rec: label {label} follows {self._label}: images must come in label order")
        if label != self._label:
            self._starts.append(self._next_key)
            self._label = label
        key = self._write(0, np.array([label]), encoded)
        self._list.write(f"1\t{as_field(name) or key}\t{label}\n")
        self._copies += [(str(key), variant) for variant in variants]
        return key

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._open:
            if error is not None:
                raise error
            self._finish()

    def _write(self, flag: int, labels: np.ndarray, payload: bytes) -> int:
        key = self._next_key
        self._records.write(key, Record(flag, labels, key, 0, payload))
        self._next_key += 1
        return key

    def _finish(self) -> None:
        end = self._next_key
        if not self._starts:
            raise DataError(f"{self.folder / self.name}.rec: there is no image to pack")
        for start, stop in zip(self._starts, [*self._starts[1:], end], strict=True):
            self._write(2, _held([start, stop]), b"")
        self._records.close()
        with (self._work / f"{self.name}.rec").open("rb+") as file:
            file.seek(_RECORD_0_LABELS)
            file.write(_held([end, self._next_key]).astype("<f4").tobytes())
        if self.name == "train":
            height, width = self.image_size
            (self._work / "property").write_text(f"{len(self._starts)},{height},{width}\n", encoding="ascii")
            if self.label_names is not None:
                pack_names.write_names(self._work, self.label_names)
            if self._copies:
                copies.write_copies(self._work, self._copies)


def _held(keys: Sequence[int]) -> np.ndarray:
    """The largest numbers up to `keys` that a float32 holds, float32 (N,).

    Past 2**24 records a key may lie between two of them. Those who believe the lower one miss an image or two, which
    our own reader finds by their records; the higher one would make them take an identity record for an image.
    """
    exact = np.array(keys, np.int64)
    nearest = exact.astype(np.float32)
    return np.where(nearest.astype(np.int64) > exact, np.nextafter(nearest, np.float32(0)), nearest)


@contextmanager
def _published(folder: Path, name: str) -> Iterator[Path]:
    """Gives a hidden folder; what lies in it goes to `folder` once the block ends well."""
    was_there = folder.exists()
    _refuse_to_replace(folder, name)
    clear_left_behind(folder)
    try:
        with hidden_folder(folder / name) as work:
            yield work
            _refuse_to_replace(folder, name)
            # Without its records nobody takes what else is there for a pack.
            for path in sorted(work.iterdir(), key=lambda path: path.suffix == ".rec"):
                with path.open("rb+") as file:
                    os.fsync(file.fileno())
                path.replace(folder / path.name)
    except BaseException:
        if not was_there:
            with suppress(OSError):  # there is something else in it
                folder.rmdir()
        raise


def _refuse_to_replace(folder: Path, name: str) -> None:
    beside_train = ("property", pack_names.FILE, copies.FILE) if name == "train" else ()
    refuse_if_taken(folder, (*(name + suffix for suffix in (".rec", ".idx", ".lst")), *beside_train))
