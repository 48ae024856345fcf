"""``mfn identify``: who of a gallery is on photos. Every face gets a name, or is unknown."""

import argparse
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfn.commands.recognising import (
    add_detector,
    add_json,
    add_model,
    add_threshold,
    check_picture,
    embedder_of,
    gallery_threshold,
    in_words,
    pipeline_of,
    write_csv,
)
from mfn.commands.screen import plain_program
from mfn.errors import ConfigError
from mfn.files.ownership import write_json
from mfn.images.passed_over import PassedOver
from mfn.progress import tracked
from mfn.recognition.approximate import SEARCHES
from mfn.recognition.drawing import KNOWN, UNKNOWN, draw_face
from mfn.recognition.gallery import Gallery
from mfn.recognition.naming import Named, named
from mfn.recognition.picture import picture_files, pictures_of
from mfn.recognition.pipeline import Found, Seen
from mfn.recognition.thresholds import Threshold
from mfn.report.contact_sheet import write_png
from mfn.report.tables import table
from mfn.text import printable

log = logging.getLogger(__name__)

_SHOWN = 30


def main(arguments: Sequence[str], verb: str = "identify") -> None:
    """Runs the command."""
    with plain_program():
        options = parser(verb).parse_args(arguments)
        with in_words(options):
            run(options)


def parser(verb: str = "identify") -> argparse.ArgumentParser:
    """What there is to type."""
    words = argparse.ArgumentParser(f"mfn {verb}", description=__doc__)
    words.add_argument("places", nargs="+", type=Path, metavar="PHOTO|DIR", help="photos, or folders of them")
    words.add_argument("--gallery", type=Path, required=True, metavar="FILE", help="of mfn enroll")
    words.add_argument("-k", type=int, default=3, help="how many people to tell for each face")
    words.add_argument(
        "--search", choices=SEARCHES, default="auto", help="of millions; approximate makes a graph first"
    )
    words.add_argument("--csv", type=Path, help="write one line a face")
    words.add_argument("--show", type=Path, metavar="FILE.png", help="draw the names on a photo")
    add_json(words)
    add_model(words)
    add_detector(words)
    add_threshold(words, of_gallery=True)
    return words


def run(options: argparse.Namespace) -> None:
    """Names the faces.

    Raises:
        MfnError: Nothing is there, or photos and gallery do not fit the network.
    """
    passed_over = PassedOver()
    files = picture_files(options.places, passed_over)
    if options.show is not None:
        if len(files) != 1:
            raise ConfigError(f"--show draws one photo, got {len(files)}")
        check_picture(options.show)
    embedder = embedder_of(options)
    rows: list[dict[str, Any]] = []
    with Gallery.open(options.gallery, embedder, flip=options.flip, create=False) as gallery:
        pipeline = pipeline_of(options, embedder, gallery.flip)
        threshold = gallery_threshold(options, embedder.contract, gallery, options.by)
        looked = pipeline.many(pictures_of(files, options.aligned))
        for seen in tracked(looked, len(files), "photos", lambda _: 1):
            names = named(
                gallery,
                seen.found,
                threshold.cosine,
                k=options.k,
                by=options.by,
                search=options.search,
                band=options.band,
            )
            rows += _rows(seen, names)
            if options.show is not None and seen.pixels is not None:
                write_png(options.show, _drawn(seen.pixels, seen.found, names))
    _tell(rows, threshold, len(files), passed_over)
    if options.csv is not None:
        write_csv(options.csv, [{**row, "others": " ".join(f"{n}:{s:.4f}" for n, s in row["others"])} for row in rows])
    if options.json is not None:
        write_json(options.json, {"threshold": threshold.cosine, "fmr": threshold.fmr, "faces": rows})


def _drawn(photo: NDArray[np.uint8], faces: Sequence[Found], names: Sequence[Named]) -> NDArray[np.uint8]:
    """A photo with the names of its faces."""
    picture = photo.copy()
    for face, each in zip(faces, names, strict=True):
        text = each.name if each.score is None else f"{each.name} {each.score:.2f}"
        draw_face(picture, face.box.astype(np.float64), text, KNOWN if each.is_known else UNKNOWN)
    return picture


def _rows(seen: Seen, names: Sequence[Named]) -> list[dict[str, Any]]:
    """One for each face, or one that tells why there is none."""
    nobody = {
        "photo": seen.name,
        "face": None,
        "box": None,
        "name": "",
        "known": False,
        "similarity": None,
        "quality": None,
    }
    if not names:
        return [{**nobody, "others": [], "problem": seen.problem or "no face was found"}]
    return [
        {
            "photo": seen.name,
            "face": number,
            "box": [round(float(value), 1) for value in face.box],
            "name": each.name,
            "known": each.is_known,
            "similarity": each.score,
            "quality": round(face.quality.overall, 4),
            "others": [(match.name, match.score) for match in each.matches],
            "problem": "",
        }
        for number, (face, each) in enumerate(zip(seen.found, names, strict=True))
    ]


def _tell(rows: Sequence[dict[str, Any]], threshold: Threshold, photos: int, passed_over: PassedOver) -> None:
    shown = [
        {
            "photo": printable(row["photo"]),
            "face": "" if row["face"] is None else row["face"],
            "name": printable(row["name"]) or row["problem"],
            "similarity": "" if row["similarity"] is None else f"{row['similarity']:.3f}",
            "most like": printable(", ".join(f"{name} {score:.2f}" for name, score in row["others"])),
        }
        for row in rows[:_SHOWN]
    ]
    more = f" (the first {_SHOWN} of {len(rows)} lines; --csv writes all)" if len(rows) > _SHOWN else ""
    log.info(table(f"{photos} photos{more}", shown))
    kinds = ("no face" if row["face"] is None else "name" if row["known"] else row["name"] for row in rows)
    counts = Counter(kinds)
    numbers = {
        "faces": sum(row["face"] is not None for row in rows),
        "with a name": counts["name"],
        **{word: counts[word] for word in ("unknown", "not sure")},
        "photos without a face": counts["no face"],
    }
    log.info(table(threshold.sentence(), [numbers]))
    if sentence := passed_over.sentence():
        log.info("passed over %s", sentence)
