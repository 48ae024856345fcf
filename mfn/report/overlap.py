"""What a report says of people who are in a benchmark and in the training set: what was found, or that nobody looked.

The records are the ``overlap.json`` of `mfn overlap`. A checkpoint says how many images and people it learnt from;
where a record is of a training set of another size, that is said too.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mfn.checkpoint.format import CheckpointMetadata, read_checkpoint
from mfn.errors import DataError
from mfn.files.ownership import json_at
from mfn.text import printable

NOT_CHECKED = "not checked whether people of the benchmarks were trained on: mfn overlap PACK BENCHMARK does that"
_COUNTS = ("benchmark_images", "benchmark_people", "training_images", "training_people", "shared_training_people")


def overlap_said(files: Sequence[str], model: str) -> str:
    """One sentence for each record, or that there is none.

    Args:
        files: Paths of ``overlap.json`` files.
        model: The judged file.

    Raises:
        DataError: A file is missing or no record of `mfn overlap`.
    """
    if not files:
        return NOT_CHECKED
    trained = trained_on(Path(model).expanduser())
    return "; ".join(_sentence(read_record(Path(file).expanduser()), trained) for file in files)


def read_record(path: Path) -> Mapping[str, Any]:
    """Reads an ``overlap.json``, or that of a folder that holds one.

    Raises:
        DataError: It is missing or none.
    """
    place = path / "overlap.json" if path.is_dir() else path
    content = json_at(place)
    if (
        not isinstance(content, dict)
        or not all(isinstance(content.get(key), int) for key in _COUNTS)
        or not isinstance(content.get("copies"), dict)
        or not isinstance(content.get("people"), dict | None)
    ):
        raise DataError(f"{place} is no record of mfn overlap: give the overlap.json that lies in the folder it wrote")
    return content


def trained_on(model: Path) -> tuple[int, int] | None:
    """How many images and people a checkpoint says it learnt from; None for other files."""
    if model.suffix.lower() != ".ckpt" or not model.is_file():
        return None
    data = CheckpointMetadata.of(read_checkpoint(model), model).data
    counts = data.get("images"), data.get("identities")
    return (counts[0], counts[1]) if all(isinstance(count, int) for count in counts) else None  # type: ignore[return-value]


def _sentence(record: Mapping[str, Any], trained: tuple[int, int] | None) -> str:
    people, copies, filtered = record["people"], record["copies"], record.get("filtered_images")
    images, persons = record["training_images"], record["training_people"]
    by_face = (
        "people were not looked for by face"
        if people is None
        else f"{people.get('benchmark_people')} of its {record['benchmark_people']:,} people look like people of the "
        f"training set (mean faces, cosine {people.get('threshold')}, {people.get('model')})"
    )
    said = (
        f"checked for overlap with {record.get('benchmark')} on {str(record.get('written'))[:10]}: of {images:,} "
        f"images of {persons:,} people in {record.get('training')} {copies.get('training_images')} are near copies of "
        f"its images, and {by_face}"
    )
    if isinstance(filtered, int):
        said += f"; a training set without these people has {filtered:,} images"
    if trained is not None and trained[0] not in (images, filtered):
        said += f"; this network says that it learnt from {trained[0]:,} images of {trained[1]:,} people"
    return printable(said)
