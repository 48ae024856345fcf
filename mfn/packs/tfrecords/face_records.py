"""The faces in TFRecord files, found by the heads of their records."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mfn.errors import DataError
from mfn.images.passed_over import PassedOver
from mfn.packs.tfrecords.example import Example, ExampleError
from mfn.packs.tfrecords.face_example import identity_in, path_in
from mfn.packs.tfrecords.named_files import SAMPLE
from mfn.packs.tfrecords.tfrecord import scan_records

logger = logging.getLogger(__name__)

_GZIP = b"\x1f\x8b"


@dataclass(slots=True)
class FaceRecords:
    """N faces in some files.

    Attributes:
        shards: The file of each.
        numbers: Its place among the records of that file.
        bounds: Where its data starts and ends.
        identities: Whom it shows.
        folders: The folder of an identity's file names, "" where they tell none.
        paths: Of images that are not in their records; a sample.
    """

    shards: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    bounds: list[tuple[int, int]] = field(default_factory=list)
    identities: list[int | str] = field(default_factory=list)
    folders: dict[int | str, str] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)


def find_faces(paths: Sequence[Path], files: Sequence[memoryview], passed_over: PassedOver) -> FaceRecords:
    """Finds the faces; what is damaged, or no face, is counted.

    Args:
        paths: Of the files.
        files: What is in them.
        passed_over: Gets what is passed over.

    Raises:
        DataError: There are none, or at least as many records are none.
    """
    faces = FaceRecords()
    problems: list[str] = []
    for shard, (path, file) in enumerate(zip(paths, files, strict=True)):
        bounds, gaps = scan_records(file)
        for gap in gaps:
            passed_over.add(f"{path.name} from byte {gap.start} to {gap.end}", "stretches of files that are no records")
            hint = "; it is compressed: unpack it with gunzip" if file[:2] == _GZIP else ""
            problems.append(f"{path} is damaged or no TFRecord file: {gap.reason}{hint}")
        if not len(file):
            passed_over.add(path.name, "empty files")
            problems.append(f"{path} is empty")
        for number, (start, end) in enumerate(bounds.tolist()):
            try:
                _take(faces, Example(file[start:end]))
            except ExampleError as error:
                passed_over.add(f"{path.name} record {number}", "records that hold no face with its label")
                problems.append(f"{path} record {number}: {error}")
                continue
            faces.shards.append(shard)
            faces.numbers.append(number)
            faces.bounds.append((start, end))
    if len(faces.shards) <= passed_over.counts["records that hold no face with its label"]:
        raise DataError(problems[0] if problems else f"{paths[0]} holds no record")
    return faces


def _take(faces: FaceRecords, example: Example) -> None:
    identity, folder = identity_in(example)
    path = path_in(example) if len(faces.paths) < SAMPLE else ""
    known = faces.folders.setdefault(identity, folder)
    if known != folder and known:
        logger.warning("%r is called %s in one record and %s in another", identity, known, folder)
        faces.folders[identity] = ""
    faces.identities.append(identity)
    if path:
        faces.paths.append(path)
