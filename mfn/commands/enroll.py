"""``mfn enroll``: people to a gallery, from folders of photos, single photos, a CSV or a pack."""

import argparse
import logging
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from mfn.align.choose import SEVERAL
from mfn.commands.recognising import (
    DEFAULT_FPIR,
    add_detector,
    add_json,
    add_model,
    embedder_of,
    in_words,
    pipeline_of,
    two_columns,
    write_csv,
)
from mfn.commands.screen import plain_program
from mfn.contract import InputContract
from mfn.errors import BrokenImageError, ConfigError, DataError
from mfn.files.ownership import write_json
from mfn.images.files import IMAGE_SUFFIXES
from mfn.images.passed_over import PassedOver
from mfn.inference.quality import quality_network
from mfn.progress import counting
from mfn.recognition.enrolment import Enrolment, Gate, enroll
from mfn.recognition.gallery import Gallery
from mfn.recognition.picture import Aligned, Picture, picture_files, pictures_of
from mfn.recognition.thresholds import scores_for, threshold_of_gallery
from mfn.report.tables import table
from mfn.sources.folder_dataset import FolderDataset
from mfn.sources.record_dataset import RecordDataset
from mfn.text import printable

log = logging.getLogger(__name__)

_SHOWN = 20
_OFF = -1.0
_HEADERS = ("name", "person", "identity", "label")


def main(arguments: Sequence[str], verb: str = "enroll") -> None:
    """Runs the command."""
    with plain_program():
        options = parser(verb).parse_args(arguments)
        with in_words(options):
            run(options)


def parser(verb: str = "enroll") -> argparse.ArgumentParser:
    """What there is to type."""
    words = argparse.ArgumentParser(f"mfn {verb}", description=__doc__)
    words.add_argument(
        "place",
        type=Path,
        help="folder with one folder of photos for each person; with --name a photo or a folder of one person; a CSV "
        "of path and name; or an InsightFace pack",
    )
    words.add_argument("--gallery", type=Path, required=True, metavar="FILE", help="is made where it is missing")
    words.add_argument("--name", help="of the one person who is on all of it")
    words.add_argument("--keep-crops", action="store_true", help="keep the aligned faces, for mfn gallery migrate")
    words.add_argument("--csv", type=Path, help="write what was refused, and why")
    add_json(words)
    add_model(words)
    add_detector(words)
    words.add_argument("--several", choices=SEVERAL, default="skip", help="which of several faces is meant")
    gate = words.add_argument_group("quality; -1 asks nothing")
    usual = Gate()
    gate.add_argument("--min-eye-distance", type=float, default=usual.eye_distance, help="pixels between the eyes")
    gate.add_argument("--min-sharpness", type=float, default=usual.sharpness, help="variance of the Laplacian")
    gate.add_argument("--max-turn", type=float, default=usual.turn, help="0 from the front, 0.3 half turned away")
    gate.add_argument("--min-score", type=float, default=_OFF, help="of the detector")
    gate.add_argument(
        "--min-quality",
        type=float,
        help="length of the embedding, or what --quality says; mfn evaluate quality.by tells",
    )
    gate.add_argument("--quality", metavar="FILE", help="network that gives the quality, for --min-quality")
    return words


def run(options: argparse.Namespace) -> None:
    """Enrols what the words say.

    Raises:
        MfnError: Nothing is there, or it does not fit the gallery.
    """
    count, pictures = named_pictures(options)
    gate = gate_of(options)
    if options.quality is not None and gate.quality is None:
        raise ConfigError("--quality says whose quality --min-quality asks: give --min-quality too, or leave it out")
    embedder = embedder_of(options)
    judge = None if options.quality is None else quality_network(options.quality, embedder.contract)
    with Gallery.open(options.gallery, embedder, flip=options.flip) as gallery:
        pipeline = pipeline_of(options, embedder, gallery.flip)
        with counting(count, "pictures", "enrolling") as told:
            result = enroll(
                gallery,
                pipeline,
                pictures,
                gate=gate,
                several=options.several,
                keep_crops=options.keep_crops,
                judge=judge,
                alike=partial(_alike, embedder.contract),
                told=told,
            )
        _tell(result, gallery, options, _alike(embedder.contract, gallery))


def _alike(contract: InputContract, gallery: Gallery) -> float | None:
    """The cosine from which two of so many people are hardly two; None where the network was never measured."""
    if scores_for(contract, gallery.flip) is not None:
        people = max(1, gallery.comparisons("centroid"))
        return threshold_of_gallery(contract, people, flip=gallery.flip, fpir=DEFAULT_FPIR).cosine
    return contract.threshold


def gate_of(options: argparse.Namespace) -> Gate:
    """The gate that was chosen; a number below 0 asks nothing."""
    words = {
        "eye_distance": options.min_eye_distance,
        "sharpness": options.min_sharpness,
        "turn": options.max_turn,
        "score": options.min_score,
    }
    gate = {name: None if value == _OFF else value for name, value in words.items()}
    return Gate(**gate, quality=options.min_quality)


def named_pictures(options: argparse.Namespace) -> tuple[int, Iterator[tuple[str, Picture | Path]]]:
    """How many pictures there are, and each with the name of its person.

    Raises:
        DataError: There are none, or nobody says who they show.
    """
    place: Path = options.place
    if options.name is not None:
        passed_over = PassedOver()
        files = picture_files([place], passed_over)
        if sentence := passed_over.sentence():
            log.info("%s: passed over %s", printable(str(place)), sentence)
        return len(files), ((options.name, picture) for picture in pictures_of(files, options.aligned))
    if place.suffix.lower() == ".rec" or (place.is_dir() and any(place.glob("*.rec"))):
        return _of_pack(place)
    if place.is_dir():
        folder = FolderDataset(place)
        names = folder.label_names or {}
        people = [names[label] for label in folder.labels.tolist()]
        return len(folder), zip(people, pictures_of(map(Path, folder.paths), options.aligned), strict=True)
    if not place.is_file():
        raise DataError(f"there is neither a file nor a folder at {printable(str(place))}")
    if place.suffix.lower() in IMAGE_SUFFIXES:
        raise ConfigError(f"{printable(str(place))}: say whom it shows with --name")
    rows = two_columns(place, "a path and a name")
    if rows and rows[0][1].casefold() in _HEADERS:
        del rows[0]
    if not rows:
        raise DataError(f"{place} names no picture: a path and a name a line are wanted, divided by a comma")
    files = pictures_of((place.parent / path for path, _ in rows), options.aligned)
    return len(rows), zip([name for _, name in rows], files, strict=True)


def _of_pack(place: Path) -> tuple[int, Iterator[tuple[str, Picture | Path]]]:
    pack = RecordDataset(place)
    names = pack.label_names or {}

    def each() -> Iterator[tuple[str, Picture | Path]]:
        for row, label in enumerate(pack.labels.tolist()):
            name = names.get(label, str(label))
            try:
                yield name, Aligned(pack.image(row), pack.describe(row))
            except BrokenImageError as error:
                log.warning("%s is passed over", error)

    return len(pack), each()


def _tell(result: Enrolment, gallery: Gallery, options: argparse.Namespace, alike: float | None) -> None:
    refused = [
        {
            "picture": printable(each.picture),
            "name": printable(each.name),
            "reason": printable(each.reason),
            "quality": "" if each.quality is None else f"{each.quality:.6g}",
        }
        for each in result.refused
    ]
    alike_people = [
        {"name": printable(each.name), "nearly": printable(each.other), "similarity": f"{each.score:.3f}"}
        for each in result.alike
    ]
    doubts = [
        {
            "picture": printable(each.picture),
            "name": printable(each.name),
            "looks like": printable(each.other),
            "similarity": f"{each.score:.3f}",
            "to its own": f"{each.own:.3f}",
        }
        for each in result.doubts
    ]
    if refused:
        log.warning(table(f"Refused: {len(refused)}{_more(refused)}", refused[:_SHOWN]))
    if alike_people:
        title = f"Nearly one person, at {alike:.3f} or above: {len(alike_people)}{_more(alike_people)}"
        log.warning(table(title, alike_people[:_SHOWN]))
    if doubts:
        title = f"Maybe a wrong name, more like somebody else: {len(doubts)}{_more(doubts)}"
        log.warning(table(title, doubts[:_SHOWN]))
    if alike is None:
        log.warning("the network has no threshold, so that nobody was compared with those who are there")
    numbers = {
        "people": len(result.added),
        "faces": result.added.total(),
        "there already": result.known,
        "refused": len(refused),
        "nearly somebody else": len(alike_people),
        "maybe a wrong name": len(doubts),
        "people in the gallery": len(gallery),
    }
    log.info(table(f"Enrolled in {gallery.path}", [numbers]))
    if options.csv is not None:
        write_csv(options.csv, refused, ("picture", "name", "reason", "quality"))
    if options.json is not None:
        write_json(options.json, {**numbers, "refused pictures": refused, "alike": alike_people, "doubts": doubts})


def _more(rows: Sequence[object]) -> str:
    return f" (the first {_SHOWN})" if len(rows) > _SHOWN else ""
