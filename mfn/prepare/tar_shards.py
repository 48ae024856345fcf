"""`mfn prepare shards`: the images of any source as tar shards, byte for byte, going on where a run was stopped."""

import hashlib
import json
import logging
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mfn.errors import BrokenImageError, DataError
from mfn.files.atomic import replacing
from mfn.images.copies import write_copies
from mfn.images.passed_over import PassedOver
from mfn.packs.tarshards.shard_index import INDEX, Placed, ShardFile, ShardIndex, key_name, write_index
from mfn.packs.tarshards.shard_writer import ShardWriter, tar_writer
from mfn.packs.tarshards.tar_samples import read_samples
from mfn.prepare.workspace import Workspace
from mfn.progress import Count, counting
from mfn.sources.encode import encoded, suffix_of
from mfn.sources.source import FaceSource, copies_of, passed_over_of

log = logging.getLogger(__name__)

_UNREADABLE = "images that cannot be read"
_END = 10_240
"""Bytes to which the end of a tar file is filled up."""


@dataclass(frozen=True, slots=True)
class ShardRules:
    """How images are put into shards.

    Attributes:
        shard_mb: Most megabytes (of a million bytes) of a shard; one image may be more.
        shard_samples: Most images of a shard; None: as many as fit.
        shuffle: A seeded order, so that each shard holds a random share; otherwise that of the source.
        seed: Of the order.
        label: What lies beside each image: cls (its number) | json (number, name, place in the source).
    """

    shard_mb: float = 256.0
    shard_samples: int | None = None
    shuffle: bool = True
    seed: int = 0
    label: str = "cls"


@dataclass(slots=True)
class _Written:
    """What is in the shards so far."""

    keys: array = field(default_factory=lambda: array("q"))
    shards: array = field(default_factory=lambda: array("q"))
    starts: array = field(default_factory=lambda: array("q"))
    lengths: array = field(default_factory=lambda: array("q"))

    def add(self, key: int, shard: int, start: int, length: int) -> None:
        for column, value in zip(
            (self.keys, self.shards, self.starts, self.lengths), (key, shard, start, length), strict=True
        ):
            column.append(value)


def write_shards(
    source: FaceSource, rules: ShardRules, workspace: Workspace, inputs: Mapping[str, Any], *, overwrite: bool = False
) -> dict[str, Any]:
    """Writes shards and their index; both appear together once all is done.

    Args:
        source: The images; its virtual copies become lines of a list, not images.
        rules: How.
        workspace: Where to.
        inputs: What the source is, to know the same run again.
        overwrite: Whether an earlier output of ours may go.

    Returns:
        What was written, for a table.

    Raises:
        MfnError: What is there does not fit, or no image can be read; the message says what to do.
    """
    settings = {**inputs, "align": None, "shards": asdict(rules)}
    if workspace.is_finished(settings, overwrite) and workspace.is_tidy():
        return _nothing_to_do(workspace)
    tar_writer()
    if (np.asarray(source.labels) < 0).any():
        raise DataError(f"{source.name} has a label below 0, which names nobody: number people from 0 on")
    with workspace.alone():
        workspace.recover()
        if workspace.is_finished(settings, overwrite):
            workspace.tidy(keep_work=False)
            return _nothing_to_do(workspace)
        workspace.begin(settings)
        left_out = PassedOver()
        written = _write_all(source, rules, workspace.shards, left_out)
        if not written.keys:
            raise DataError(
                f"{source.name} holds no image that can be read ({left_out.sentence()}): look at the source"
            )
        hashes = _finish(source, written, workspace, left_out)
        workspace.finish(settings, hashes, overwrite=overwrite, keep_work=False)
    return told(workspace.output)


def told(output: Path) -> dict[str, Any]:
    """What a finished output holds, for a table."""
    content = json.loads((output / INDEX).read_text(encoding="utf-8"))
    sizes = [row["filesize"] for row in content["shardlist"]]
    return {
        "images": content["images"],
        "people": content["identities"],
        "shards": len(sizes),
        "MB": f"{sum(sizes) / 1e6:,.1f}",
        **{f"left out: {reason}": number for reason, number in content["left_out"].items()},
        "written": str(output),
    }


def shard_name(number: int) -> str:
    """What a shard is called."""
    return f"shard-{number:06d}.tar"


def _nothing_to_do(workspace: Workspace) -> dict[str, Any]:
    log.info("%s is finished, there is nothing to do", workspace.output)
    return told(workspace.output)


def _write_all(source: FaceSource, rules: ShardRules, folder: Path, left_out: PassedOver) -> _Written:
    copies = copies_of(source)
    count = len(source) if copies is None else int((copies.codes == 0).sum())
    order = np.random.default_rng(rules.seed).permutation(count) if rules.shuffle else np.arange(count)
    written = _Written()
    done = _written_before(folder, order, written)
    if written.keys:
        log.info("going on: %d of %d images are done", len(written.keys), count)
    number = written.shards[-1] + 1 if written.keys else 0
    with counting(count, "images") as progress:
        progress(done, fresh=False)
        images = _images(source, order[done:].tolist())
        ahead = next(images, None)
        while ahead is not None:
            ahead = _write_shard(source, rules, folder / shard_name(number), number, written, images, ahead, progress)
            number += 1
    for key in np.setdiff1d(np.arange(count), np.frombuffer(written.keys, np.int64)).tolist():
        left_out.add(source.describe(key), _UNREADABLE)
    return written


def _images(source: FaceSource, order: list[int]) -> Iterator[tuple[int, bytes]]:
    for key in order:
        try:
            yield key, encoded(source, key)
        except BrokenImageError:
            continue


def _write_shard(
    source: FaceSource,
    rules: ShardRules,
    path: Path,
    number: int,
    written: _Written,
    images: Iterator[tuple[int, bytes]],
    ahead: tuple[int, bytes] | None,
    progress: Count,
) -> tuple[int, bytes] | None:
    """Fills one shard; gives the image that comes first in the next one."""
    most = rules.shard_samples or np.iinfo(np.int64).max
    with replacing(path) as partial, ShardWriter(partial) as shard:
        samples = 0
        while ahead is not None and samples < most:
            key, data = ahead
            label = _label(source, key, rules.label)
            if samples and shard.size + len(data) + len(label) + 4 * 512 + _END > rules.shard_mb * 1e6:
                break
            start = shard.add(key_name(key), (suffix_of(data)[1:], data), (rules.label, label))
            written.add(key, number, start, len(data))
            samples += 1
            progress(1)
            ahead = next(images, None)
    return ahead


def _label(source: FaceSource, key: int, kind: str) -> bytes:
    label = int(source.labels[key])
    if kind == "cls":
        return str(label).encode()
    name = (source.label_names or {}).get(label)
    content = {"label": label, "index": key} | ({} if name is None else {"name": name})
    return json.dumps(content, sort_keys=True).encode()


def _written_before(folder: Path, order: np.ndarray, written: _Written) -> int:
    """Takes over the shards of a run that was stopped; gives how many places of the order they are made of."""
    place = np.empty(order.size, np.int64)
    place[order] = np.arange(order.size)
    done, number = 0, 0
    while (path := folder / shard_name(number)).is_file():
        found, damage = _scanned(path, order.size)
        places = place[found[0]] if not damage else np.empty(0, np.int64)
        if not places.size or places[0] < done or (np.diff(places) <= 0).any():
            break
        for key, start, length in zip(*(column.tolist() for column in found), strict=True):
            written.add(key, number, start, length)
        done, number = int(places[-1]) + 1, number + 1
    return done


def _scanned(path: Path, count: int) -> tuple[np.ndarray, bool]:
    """Keys, starts and lengths in a shard, int64 (3, N), and whether it is none of ours."""
    passed_over = PassedOver()
    samples = read_samples(path, passed_over)
    keys = [int(key) if key.isdecimal() else -1 for key in samples.keys]
    columns = np.array([keys, samples.starts, samples.lengths], np.int64).reshape(3, -1)
    return columns, bool(passed_over.counts) or bool(((columns[0] < 0) | (columns[0] >= count)).any())


def _finish(source: FaceSource, written: _Written, workspace: Workspace, left_out: PassedOver) -> dict[str, str]:
    """Moves the shards into the result and writes what belongs beside them; gives their hashes."""
    columns = [
        np.frombuffer(column, np.int64) for column in (written.keys, written.shards, written.starts, written.lengths)
    ]
    order = np.argsort(columns[0])
    key, shard, start, length = (column[order] for column in columns)
    labels = np.asarray(source.labels)[key]
    placed = Placed(key, labels, shard, start, length)
    counts = np.bincount(shard)
    files, hashes = [], dict[str, str]()
    for number, images in enumerate(counts.tolist()):
        path = workspace.shards / shard_name(number)
        with path.open("rb") as file:
            hashes[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
        files.append(ShardFile(path.name, images, path.stat().st_size, hashes[path.name]))
    names = source.label_names
    people = None if names is None else {label: names[label] for label in np.unique(labels).tolist()}
    listed = _copies(source, key)
    if listed:
        write_copies(workspace.result, listed)
    about = {"name": source.name, "left_out": dict(passed_over_of(source).counts + left_out.counts)}
    write_index(workspace.result, ShardIndex(files, people, bool(listed)), placed, about)
    for file in files:
        (workspace.shards / file.name).rename(workspace.result / file.name)
    return hashes


def _copies(source: FaceSource, keys: np.ndarray) -> list[tuple[str, str]]:
    """Key and variant of each virtual copy of an image that was written."""
    copies = copies_of(source)
    if copies is None:
        return []
    there = np.isin(copies.origins, keys) & (copies.codes > 0)
    return [
        (key_name(origin), variant)
        for origin, variant in zip(copies.origins[there].tolist(), copies.variants[there].tolist(), strict=True)
    ]
