"""``mfn verify``: whether two photos show one person.

The exit status is 0 for the same person, 1 for different people, and 2 where there is no answer: the similarity is too
near to the threshold (``--band``), a face was not found, or an error. With ``--pairs`` it is 0 where every pair has an
answer and 2 where one has none.
"""

import argparse
import logging
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mfn.align.choose import SEVERAL
from mfn.commands.recognising import (
    add_detector,
    add_json,
    add_model,
    add_threshold,
    check_picture,
    embedder_of,
    in_words,
    pair_threshold,
    pipeline_of,
    two_columns,
    write_csv,
)
from mfn.commands.screen import plain_program
from mfn.errors import ConfigError, DataError
from mfn.files.ownership import write_json
from mfn.progress import tracked
from mfn.recognition.picture import pictures_of
from mfn.recognition.pipeline import FacePipeline, Seen
from mfn.recognition.thresholds import DIFFERENT, NOT_SURE, SAME, Threshold, scores_for
from mfn.recognition.verification import UNDECIDED, Compared, Shown, compared, compared_pairs, shown
from mfn.report.comparison import comparison_figure, write_figure
from mfn.report.tables import table
from mfn.text import printable

log = logging.getLogger(__name__)

_STATUS = {SAME: 0, DIFFERENT: 1}
_NO_ANSWER = 2
_SHOWN = 10


def main(arguments: Sequence[str], verb: str = "verify") -> None:
    """Runs the command."""
    with plain_program(_NO_ANSWER):
        options = parser(verb).parse_args(arguments)
        with in_words(options):
            status = _pairs(options) if options.pairs else _two(options)
        sys.exit(status)


def parser(verb: str = "verify") -> argparse.ArgumentParser:
    """What there is to type."""
    words = argparse.ArgumentParser(f"mfn {verb}", description=__doc__)
    words.add_argument("photos", nargs="*", type=Path, metavar="PHOTO", help="two photos")
    words.add_argument("--pairs", type=Path, metavar="FILE.csv", help="many pairs, two paths a line")
    words.add_argument("--csv", type=Path, help="with --pairs: write the answers here")
    words.add_argument("--show", type=Path, metavar="FILE.png", help="draw photos, faces and score")
    add_json(words)
    add_model(words)
    add_detector(words)
    words.add_argument("--several", choices=SEVERAL, default="largest", help="which of several faces is meant")
    add_threshold(words, of_gallery=False)
    return words


def _two(options: argparse.Namespace) -> int:
    if len(options.photos) != 2:
        raise ConfigError(f"give two photos, got {len(options.photos)}; many pairs go into a file for --pairs")
    if options.csv is not None:
        raise ConfigError("--csv goes with --pairs; --json writes one answer")
    if options.show is not None:
        check_picture(options.show)
    embedder = embedder_of(options)
    pipeline = pipeline_of(options, embedder)
    threshold = pair_threshold(options, embedder.contract, pipeline.flip)
    first, second = (
        shown(seen, options.several) for seen in pipeline.many(pictures_of(options.photos, options.aligned))
    )
    found = compared(first, second, threshold.cosine, options.band)
    log.info("%s", sentence(found))
    log.info("%s", threshold.sentence())
    for each in (first, second):
        if len(each.seen.found) > 1 and each.face is not None:
            log.info("%s: %d faces, the %s was taken", each.seen.name, len(each.seen.found), options.several)
    if options.json is not None:
        write_json(options.json, answered(found, threshold) | {"faces": [_faces(first), _faces(second)]})
    if options.show is not None:
        _draw(options.show, (first, second), found, threshold, pipeline)
    return _STATUS.get(found.answer, _NO_ANSWER)


def _pairs(options: argparse.Namespace) -> int:
    if options.photos or options.show is not None:
        raise ConfigError("--pairs takes neither photos nor --show beside it")
    pairs = read_pairs(options.pairs)
    embedder = embedder_of(options)
    pipeline = pipeline_of(options, embedder)
    threshold = pair_threshold(options, embedder.contract, pipeline.flip)

    def told(seen: Iterable[Seen]) -> Iterable[Seen]:
        return tracked(seen, len({file for pair in pairs for file in pair}), "photos", lambda _: 1)

    answers = list(
        compared_pairs(
            pipeline,
            pairs,
            threshold.cosine,
            band=options.band,
            several=options.several,
            opened=lambda files: pictures_of(map(Path, files), options.aligned),
            told=told,
        )
    )
    rows = [{**asdict(found), "threshold": threshold.cosine} for found in answers]
    if options.csv is not None:
        write_csv(options.csv, rows)
    if options.json is not None:
        write_json(options.json, rows)
    counts = {word: sum(found.answer == word for found in answers) for word in (SAME, DIFFERENT, NOT_SURE, UNDECIDED)}
    log.info(table(f"{len(answers)} pairs at {threshold.sentence()}", [counts]))
    problems = dict.fromkeys(found.problem for found in answers if found.problem)
    for problem in list(problems)[:_SHOWN]:
        log.warning("%s", problem)
    if len(problems) > _SHOWN:
        log.warning("and %d more; --csv tells all", len(problems) - _SHOWN)
    return 0 if all(found.answer in _STATUS for found in answers) else _NO_ANSWER


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Pairs of picture files, two a line, relative to the file's folder; a first line that names no file is a header.

    Raises:
        DataError: The file cannot be read, has no pair, or a line is none.
    """
    rows = two_columns(path, "two paths")
    pairs = [(str(path.parent / one), str(path.parent / two)) for one, two in rows]
    if pairs and not Path(pairs[0][0]).suffix and not Path(pairs[0][0]).exists():
        del pairs[0]
    if not pairs:
        raise DataError(f"{path} names no pair: two paths a line are wanted, divided by a comma")
    return pairs


def sentence(found: Compared) -> str:
    """The answer in words."""
    if found.similarity is None:
        return f"no answer: {found.problem}"
    words = {SAME: "the same person", DIFFERENT: "different people", NOT_SURE: "not sure"}
    return f"{words[found.answer]}: similarity {found.similarity:.4f}"


def answered(found: Compared, threshold: Threshold) -> dict[str, Any]:
    """The same for programs."""
    return {**asdict(found), "threshold": threshold.cosine, "fmr": threshold.fmr, "threshold_from": threshold.source}


def _faces(each: Shown) -> list[dict[str, Any]]:
    return [
        {
            "box": [round(float(value), 2) for value in face.box],
            "score": None if face.score != face.score else face.score,
            "quality": round(face.quality.overall, 4),
            "compared": face is each.face,
        }
        for face in each.seen.found
    ]


def _draw(
    path: Path, sides: tuple[Shown, Shown], found: Compared, threshold: Threshold, pipeline: FacePipeline
) -> None:
    photos = [side.seen.pixels for side in sides]
    if photos[0] is None or photos[1] is None:
        log.warning("%s is not drawn: a photo could not be read", path)
        return
    meant = [next((number for number, face in enumerate(side.seen.found) if face is side.face), None) for side in sides]
    figure = comparison_figure(
        [photo for photo in photos if photo is not None],
        [[face.box for face in side.seen.found] for side in sides],
        meant,
        [None if side.face is None else side.face.crop for side in sides],
        printable(sentence(found)),
        score=found.similarity,
        threshold=threshold.cosine,
        measured=scores_for(pipeline.embedder.contract, pipeline.flip),
    )
    write_figure(figure, path)
    log.info("written: %s", path)
