"""Looking at packs, folders and TFRecords."""

from collections import Counter
from pathlib import Path

import numpy as np

from mfn.data.copies import read_copies
from mfn.data.folder_dataset import FolderDataset
from mfn.data.pack import read_property
from mfn.data.record_dataset import RecordDataset
from mfn.data.source import FaceSource
from mfn.data.tfrecords.tfrecord_dataset import TFRecordDataset
from mfn.inspection.inspection import Inspection, megabytes
from mfn.inspection.pixels import look_at, spread


def inspect_pack(folder: Path, pack: str, most: int) -> Inspection:
    """Look at `folder/pack.rec`; raises as RecordDataset does."""
    source = RecordDataset(folder, pack)
    facts: dict[str, object] = {"file": f"{pack}.rec, {megabytes(folder / f'{pack}.rec')}"}
    problems = [] if (folder / f"{pack}.idx").is_file() else [f"{pack}.idx is missing; keys count from 0 without it"]
    numbers = np.unique(source.labels)
    if not np.array_equal(numbers, np.arange(numbers.size)):
        facts["labels"] = (
            f"{numbers.size:,} from {numbers[0]} to {numbers[-1]}, with gaps: other tools may want 0, 1, 2 ..."
        )
    if (copies := read_copies(folder, source.keys) if pack == "train" else None) is not None:
        kinds = Counter(copies.variants[copies.variants != ""].tolist())
        facts["virtual copies"] = ", ".join(f"{kind} {number:,}" for kind, number in kinds.most_common())
    if pack == "train" and (folder / "property").is_file():
        claimed = read_property(folder / "property")
        facts["property"] = f"{claimed.num_classes} classes, {claimed.height}x{claimed.width}"
        if claimed.num_classes != numbers.size:
            problems.append(f"property says {claimed.num_classes} classes, the records hold {numbers.size}")
    beside = [path.name for path in sorted(folder.iterdir()) if path.suffix in (".rec", ".bin") and path.stem != pack]
    if beside:
        facts["beside it"] = ", ".join(beside)
    return _faces(str(folder), f"InsightFace pack ({pack})", source, facts, problems, most)


def inspect_folder(folder: Path, most: int) -> Inspection:
    """Look at one folder of pictures per person; raises as FolderDataset does."""
    return _faces(str(folder), "folders of identities", FolderDataset(folder), {}, [], most)


def inspect_tfrecord(path: Path, most: int) -> Inspection:
    """Look at TFRecord files; raises as TFRecordDataset does."""
    return _faces(str(path), "TFRecord", TFRecordDataset(path), {}, [], most)


def _faces(
    path: str, kind: str, source: FaceSource, facts: dict[str, object], problems: list[str], most: int
) -> Inspection:
    labels, counts = np.unique(source.labels, return_counts=True)
    found, broken = look_at(source, spread(len(source), most))
    numbers: dict[str, object] = {
        "images": len(source),
        "identities": labels.size,
        "of each": f"{counts.min()} to {counts.max()} images, median {np.median(counts):g}, mean {counts.mean():.1f}",
    }
    names = source.label_names or {}
    captions = [str(names.get(label, label)) for label in source.labels.tolist()]
    return Inspection(
        path, kind, numbers | facts | found, [*problems, *broken], counts.astype(np.int64), source, captions
    )
