"""Looking at packs, folders and TFRecords, whatever holds faces with their identities."""

import dataclasses
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mfn.images.copies import read_copies
from mfn.inspection.inspection import Inspection, megabytes
from mfn.inspection.pixels import look_at, spread
from mfn.packs.insightface import read_property
from mfn.packs.lmdb.place import existing_database
from mfn.packs.pack_files import beside, existing_pack, find_pack
from mfn.packs.pack_list import EXACT, read_pack_list
from mfn.sources.folder_dataset import FolderDataset
from mfn.sources.image_folder import ImageFolder
from mfn.sources.lmdb_dataset import LmdbDataset
from mfn.sources.parquet_dataset import ParquetDataset
from mfn.sources.record_dataset import RecordDataset
from mfn.sources.shard_dataset import ShardDataset
from mfn.sources.source import FaceSource
from mfn.sources.tfrecord_dataset import TFRecordDataset
from mfn.text import printable


def inspect_pack(place: Path, most: int) -> Inspection:
    """Looks at a pack, its folder or a file of it; raises as RecordDataset does."""
    records = existing_pack(place)
    source, folder, pack = RecordDataset(records), records.parent, records.stem
    facts: dict[str, object] = {"file": f"{records.name}, {megabytes(records)}"}
    problems = [] if beside(records, ".idx").is_file() else [f"{pack}.idx is missing; keys count from 0 without it"]
    problems += [f"{what}: {told}" for what, told in source.passed_over.rows("left out ").items()]
    numbers = np.unique(source.labels)
    if not np.array_equal(numbers, np.arange(numbers.size)):
        facts["labels"] = (
            f"{numbers.size:,} from {numbers[0]} to {numbers[-1]}, with gaps: other tools may want 0, 1, 2 ..."
        )
    is_main = source.is_main
    if (copies := read_copies(folder, source.keys) if is_main else None) is not None:
        kinds = Counter(copies.variants[copies.variants != ""].tolist())
        facts["virtual copies"] = ", ".join(f"{kind} {number:,}" for kind, number in kinds.most_common())
    if is_main and (folder / "property").is_file():
        claimed = read_property(folder / "property")
        facts["property"] = f"{claimed.num_classes} classes, {claimed.height}x{claimed.width}"
        if claimed.num_classes != numbers.size:
            problems.append(f"property says {claimed.num_classes} classes, the records hold {numbers.size}")
    packs = (path for path in sorted(folder.iterdir()) if path.suffix.lower() in (".rec", ".bin"))
    if others := [path.name for path in packs if path != records]:
        facts["beside it"] = ", ".join(others)
    return _faces(str(place), f"InsightFace pack ({pack})", source, facts, problems, most)


def inspect_folder(folder: Path, most: int) -> Inspection:
    """Looks at one folder of pictures per person; raises as FolderDataset does."""
    source = FolderDataset(folder)
    return _faces(str(folder), "folders of identities", source, source.passed_over.rows("passed over, "), [], most)


def inspect_images(folder: Path, most: int) -> Inspection:
    """Looks at a folder of images that tells no identities; raises as ImageFolder does."""
    source = ImageFolder(folder)
    found, broken = look_at(source, spread(len(source), most))
    facts = {"images": len(source), **source.passed_over.rows("passed over, "), **found}
    return Inspection(str(folder), "folder of images", facts, broken, images=source, captions=source.names)


def inspect_tfrecord(path: Path, most: int) -> Inspection:
    """Looks at TFRecord files; raises as TFRecordDataset does."""
    source = TFRecordDataset(path)
    problems = [f"{what}: {told}" for what, told in source.passed_over.rows("left out ").items()]
    return _faces(str(path), "TFRecord", source, {}, problems, most)


def inspect_shards(path: Path, most: int) -> Inspection:
    """Looks at tar shards; raises as ShardDataset does."""
    source = ShardDataset(path)
    shards = source.shards
    sizes = [shards.path(number).stat().st_size for number in range(len(shards.names))]
    facts = {
        "shards": f"{len(sizes)}, {sum(sizes) / 1e6:,.2f} MB",
        "index": "none: looked through" if shards.index is None else "of mfn prepare shards",
    }
    problems = [f"{what}: {told}" for what, told in source.passed_over.rows("left out ").items()]
    return _faces(str(path), "tar shards (WebDataset)", source, facts, problems, most)


def inspect_lmdb(path: Path, most: int) -> Inspection:
    """Looks at an LMDB pack; raises as LmdbDataset does."""
    source = LmdbDataset(path)
    problems = [f"{what}: {told}" for what, told in source.passed_over.rows("left out ").items()]
    return _faces(str(path), "LMDB pack", source, {"file": megabytes(existing_database(path))}, problems, most)


def inspect_parquet(path: Path, most: int) -> Inspection:
    """Looks at Parquet files of an image set, of several splits at the training one; raises as ParquetDataset does."""
    source = ParquetDataset(path)
    problems = [f"{what}: {told}" for what, told in source.passed_over.rows("left out ").items()]
    files = {"files": f"{len(source.paths)}, {sum(file.stat().st_size for file in source.paths) / 1e6:,.2f} MB"}
    return _faces(str(path), "Parquet image set", source, files, problems, most)


def inspect_list(path: Path, most: int) -> Inspection:
    """Looks at the list of a pack, and at the pack where it is there.

    Raises:
        DataError: It is no such list.
    """
    listed = read_pack_list(path)[0]
    counts = np.unique(listed.labels, return_counts=True)[1].astype(np.int64)
    facts: dict[str, object] = {
        "file": megabytes(path),
        "columns": listed.form,
        "images": listed.labels.size,
        "identities": counts.size,
        "labels": f"from {listed.labels.min()} to {listed.labels.max()}",
    }
    if listed.labels.max() >= EXACT:
        facts["labels"] = f"{facts['labels']}, more than a pack's own fields can hold: keep this list beside its pack"
    if (records := find_pack(path)) is None:
        return Inspection(str(path), "list of a pack", facts | {"the pack": "is not beside it"}, [], counts)
    pack = inspect_pack(records, most)
    return dataclasses.replace(pack, path=str(path), kind=f"list of an {pack.kind}", facts={**facts, **pack.facts})


def _faces(
    path: str, kind: str, source: FaceSource, facts: Mapping[str, object], problems: list[str], most: int
) -> Inspection:
    labels, counts = np.unique(source.labels, return_counts=True)
    found, broken = look_at(source, spread(len(source), most))
    numbers: dict[str, object] = {
        "images": len(source),
        "identities": labels.size,
        "of each": f"{counts.min()} to {counts.max()} images, median {np.median(counts):g}, mean {counts.mean():.1f}",
    }
    names = source.label_names or {}
    captions = [printable(str(names.get(label, label))) for label in source.labels.tolist()]
    return Inspection(
        path, kind, {**numbers, **facts, **found}, [*problems, *broken], counts.astype(np.int64), source, captions
    )
