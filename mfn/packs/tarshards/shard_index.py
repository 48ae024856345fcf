"""What `mfn prepare shards` writes beside its shards, so that nobody has to look through them.

`index.json` says which shards there are, how many images each holds, and who the people are; `samples.npz` where each
image lies. Both are data of a stranger: every number is held against the others before anything is made of it.
"""

import json
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mfn.errors import DataError, first_line

INDEX, SAMPLES = "index.json", "samples.npz"
MAKER = "mfn prepare shards"
FORMAT = 1
_COLUMNS = {"key": "<i8", "label": "<i8", "shard": "<i4", "start": "<i8", "length": "<i8"}
_SHARD_NAME = re.compile(r"[^/\\\0:]{1,200}\.tar")
_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Placed:
    """Where N images lie, in the order of their keys.

    Attributes:
        key: int64, position of each in what the shards were made of.
        label: int64, raw label of each.
        shard: int32, number of its shard.
        start: int64, byte in the shard at which it begins.
        length: int64, its bytes.
    """

    key: np.ndarray
    label: np.ndarray
    shard: np.ndarray
    start: np.ndarray
    length: np.ndarray

    def take(self, chosen: np.ndarray) -> "Placed":
        """Some of the images; bool (N,) or positions."""
        return Placed(*(getattr(self, name)[chosen] for name in _COLUMNS))


@dataclass(frozen=True, slots=True)
class ShardFile:
    """What the index says of one shard.

    Attributes:
        name: Of the file, beside the index.
        images: In it.
        size: Bytes.
        sha256: In hexadecimal.
    """

    name: str
    images: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """A set of shards.

    Attributes:
        shards: In the order of their numbers.
        people: Name of each raw label, None where they have none.
        has_copies: Whether a list of virtual copies lies beside it.
    """

    shards: Sequence[ShardFile]
    people: Mapping[int, str] | None
    has_copies: bool = False

    @property
    def images(self) -> int:
        """In all shards."""
        return sum(shard.images for shard in self.shards)

    def lists(self, names: Iterable[str]) -> bool:
        """Whether all of these shards are in it."""
        return {shard.name for shard in self.shards} >= {*names}


def key_name(key: int) -> str:
    """How a sample is called in a shard, without what says its kind."""
    return f"{key:0{_DIGITS}d}"


def write_index(folder: Path, index: ShardIndex, placed: Placed, about: Mapping[str, Any]) -> None:
    """Writes both files; the same index gives the same bytes.

    Args:
        folder: Of the shards.
        index: What `index.json` says.
        placed: What `samples.npz` says.
        about: Further plain values for people to read.
    """
    rows = [
        {"url": shard.name, "nsamples": shard.images, "filesize": shard.size, "sha256": shard.sha256}
        for shard in index.shards
    ]
    people = None if index.people is None else {str(label): name for label, name in sorted(index.people.items())}
    content = {
        "made_by": MAKER,
        "format": FORMAT,
        "images": index.images,
        "identities": int(np.unique(placed.label).size),
        "virtual_copies": index.has_copies,
        **about,
        "shardlist": rows,
        "people": people,
    }
    (folder / INDEX).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    with (folder / SAMPLES).open("wb") as file:
        np.savez(file, **{name: getattr(placed, name).astype(kind) for name, kind in _COLUMNS.items()})


def parse_index(data: bytes, name: str) -> ShardIndex | None:
    """Reads an `index.json`; None where it is somebody else's file of that name.

    Args:
        data: Its bytes.
        name: Where it lies, for messages.

    Raises:
        DataError: It is ours and damaged, or of a later version.
    """
    try:
        content: Any = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or content.get("made_by") != MAKER:
        return None
    if content.get("format") != FORMAT:
        raise DataError(f"{name} has format {content.get('format')!r}, and this version of mfn reads {FORMAT}: update")
    try:
        shards = [
            ShardFile(str(row["url"]), int(row["nsamples"]), int(row["filesize"]), str(row["sha256"]))
            for row in content["shardlist"]
        ]
        people = content["people"]
        names = None if people is None else {int(label): str(person) for label, person in people.items()}
        index = ShardIndex(shards, names, content["virtual_copies"] is True)
        names_of_shards = {shard.name for shard in shards}
        fits = len(names_of_shards) == len(shards) > 0 and content["images"] == index.images
        fits &= all(shard.images > 0 and shard.size > 0 for shard in shards)
        # A stranger's index may name files beside it and nothing else
        fits &= all(_SHARD_NAME.fullmatch(shard) and not shard.startswith(".") for shard in names_of_shards)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise DataError(f"{name} is damaged ({first_line(error)}): {_remedy(name)}") from None
    if not fits:
        raise DataError(f"{name} is damaged: what it says of its shards does not fit together: {_remedy(name)}")
    return index


def read_samples_file(path: Path, index: ShardIndex, name: str = "") -> Placed:
    """Reads a `samples.npz` and holds it against its index.

    Args:
        path: Of the file.
        index: The index beside it.
        name: What messages call it; its path where it is "".

    Raises:
        DataError: It is missing, damaged, or belongs to another index.
    """
    name = name or str(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            columns = [np.asarray(file[column]) for column in _COLUMNS]
    except FileNotFoundError:
        raise DataError(f"{name} is missing beside {INDEX}: {_remedy(name)}") from None
    except (OSError, ValueError, KeyError, EOFError, MemoryError, zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(f"{name} is damaged ({first_line(error)}): {_remedy(name)}") from None
    if any(column.shape != (index.images,) or column.dtype.kind != "i" for column in columns):
        raise DataError(f"{name} does not hold the {index.images} images of {INDEX}: {_remedy(name)}")
    placed = Placed(*(column.astype(kind) for column, kind in zip(columns, _COLUMNS.values(), strict=True)))
    sizes = np.array([shard.size for shard in index.shards])
    counts = [shard.images for shard in index.shards]
    is_right = (placed.shard >= 0) & (placed.shard < sizes.size) & (placed.label >= 0) & (placed.length >= 0)
    is_right &= placed.start >= 0
    if (
        not is_right.all()
        or (np.diff(placed.key) <= 0).any()
        or np.bincount(placed.shard, minlength=sizes.size).tolist() != counts
        or (placed.length > sizes[placed.shard] - placed.start).any()
    ):
        raise DataError(f"{name} does not fit {INDEX}: {_remedy(name)}")
    return placed


def _remedy(name: str) -> str:
    what = "remove both to have the shards read as they are, or fetch them again"
    return "fetch it again, or name the shards themselves" if "://" in name else what
