"""Where each image of a set of tar shards lies: by its index, or by looking through the shards."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfn.errors import DataError
from mfn.images.passed_over import PassedOver
from mfn.packs.tarshards.shard_index import INDEX, SAMPLES, ShardIndex, key_name, read_samples_file
from mfn.packs.tarshards.tar_members import BLOCK
from mfn.packs.tarshards.tar_samples import TarSamples
from mfn.sources.labels import labels_of
from mfn.sources.shard_places import Shards

_READERS = 4


@dataclass(frozen=True, slots=True)
class ShardTable:
    """N images.

    Attributes:
        labels: int64 (N,), raw.
        label_names: Of each raw label, or None.
        shards: int32 (N,), number of the shard of each.
        starts: int64 (N,), byte at which it begins there.
        lengths: int64 (N,), its bytes.
        keys: Of each in its shard; int64 (N,) where they count, str otherwise.
    """

    labels: np.ndarray
    label_names: dict[int, str] | None
    shards: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    keys: np.ndarray

    def __len__(self) -> int:
        return self.labels.size

    def key(self, index: int) -> str:
        """What an image is called in its shard."""
        key = self.keys[index]
        return str(key) if self.keys.dtype.kind == "U" else key_name(int(key))


def scanned(shards: Shards, passed_over: PassedOver) -> ShardTable:
    """Looks through the headers of all shards, some ten thousands a second.

    The images are in the order of their keys, so that it does not matter how a set is cut into shards.

    Raises:
        DataError: There is no image with a label, or fewer of them than of others.
    """
    found = list[TarSamples]()
    with ThreadPoolExecutor(_READERS) as pool:  # what lies elsewhere comes faster several at a time
        for samples, passed in pool.map(shards.samples, range(len(shards.names))):
            found.append(samples)
            passed_over.merge(passed)
    keys = [key for each in found for key in each.keys]
    lost = {
        reason: count
        for reason, count in passed_over.counts.items()
        if "label" in reason or reason in ("shards that are damaged or cut short", "images that a shard's end cuts off")
    }
    if len(keys) <= sum(lost.values()):
        what = passed_over.sentence() or "no entries"
        raise DataError(
            f"{shards.name} holds {len(keys)} images with a label, as KEY.jpg beside KEY.cls, KEY.json or KEY.txt in "
            f"*.tar shards; found {what}: look at a shard with tar -tf"
        )
    labels, label_names = labels_of([identity for each in found for identity in each.identities])
    if label_names is None:
        label_names = _names_of(np.unique(labels).tolist(), found)
    where = np.repeat(np.arange(len(found), dtype=np.int32), [len(each.keys) for each in found])
    starts = np.array([start for each in found for start in each.starts], np.int64)
    lengths = np.array([length for each in found for length in each.lengths], np.int64)
    named = np.array(keys)
    order = np.argsort(named, kind="stable")
    return ShardTable(labels[order], label_names, where[order], starts[order], lengths[order], named[order])


def _names_of(labels: Sequence[int], found: Sequence[TarSamples]) -> dict[int, str] | None:
    """The names that the shards tell of people that are numbers, where they tell one for each."""
    names: dict[int, str] = {}
    for each in found:
        names = each.names | names
    return {label: names[label] for label in labels} if names.keys() >= {*labels} else None


def indexed(shards: Shards, index: ShardIndex) -> ShardTable:
    """What the index says of the shards that are there.

    Raises:
        DataError: The index is damaged.
    """
    placed = read_samples_file(shards.beside(SAMPLES), index, f"{shards.name}/{SAMPLES}")
    number = {name: position for position, name in enumerate(shards.names)}
    renumbered = np.array([number.get(shard.name, -1) for shard in index.shards], np.int32)
    if (renumbered < 0).any():
        placed = placed.take(renumbered[placed.shard] >= 0)
    people, labels = index.people, np.unique(placed.label).tolist()
    known = people is not None and all(label in people for label in labels)
    names = {label: people[label] for label in labels} if known and people else None
    return ShardTable(placed.label, names, renumbered[placed.shard], placed.start, placed.length, placed.key)


def without_cut_off(table: ShardTable, shards: Shards, index: ShardIndex, passed_over: PassedOver) -> ShardTable:
    """The images that are whole in shards on this machine, of which the index may tell too much.

    Raises:
        DataError: A shard is another one than the index describes.
    """
    described = {shard.name: shard for shard in index.shards}
    sizes = np.array([shards.path(number).stat().st_size for number in range(len(shards.names))])
    ends = table.starts + table.lengths
    is_whole = ends <= sizes[table.shards]
    first, last = _ends_of_shards(table.shards, is_whole)
    for number, name in enumerate(shards.names):
        path, told = shards.path(number), described[name].size
        is_other = sizes[number] > told or not all(
            _names(path, int(table.starts[row]), table.key(int(row)))
            for row in (first[number], last[number])
            if row >= 0
        )
        if is_other:
            raise DataError(
                f"{path} is another file than {INDEX} describes: fetch it again, or remove {INDEX} and {SAMPLES} to "
                "have the shards read as they are"
            )
        if gone := int((~is_whole & (table.shards == number)).sum()) if sizes[number] < told else 0:
            passed_over.add(name, "images that a shard's end cuts off", gone)
    if 2 * is_whole.sum() <= is_whole.size:
        raise DataError(
            f"{shards.name}: {int((~is_whole).sum())} of {is_whole.size} images are cut off: fetch it again"
        )
    return table if is_whole.all() else _some(table, is_whole)


def _some(table: ShardTable, chosen: np.ndarray) -> ShardTable:
    columns = (table.shards, table.starts, table.lengths, table.keys)
    return ShardTable(table.labels[chosen], table.label_names, *(column[chosen] for column in columns))


def _ends_of_shards(shards: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A chosen row of each shard, twice; -1 where there is none."""
    count = int(shards.max(initial=0)) + 1
    first, last = np.full(count, -1), np.full(count, -1)
    rows = np.flatnonzero(chosen)
    last[shards[rows]] = rows
    first[shards[rows[::-1]]] = rows[::-1]
    return first, last


def _names(path: Path, start: int, key: str) -> bool:
    """Whether the header before an image calls it by its key."""
    if start < BLOCK:
        return False
    with path.open("rb") as file:
        file.seek(start - BLOCK)
        return file.read(100).startswith(key.encode() + b".")
