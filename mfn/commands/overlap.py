"""``mfn overlap``: people and images of a benchmark that are in a training set, and the training set without them.

Near copies of images are found by a hash and then by their pixels, people by the mean face of each under any network;
without ``--model`` nobody is looked for by face. A figure on a benchmark whose people were trained on says little of
strangers.
"""

import argparse
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mfn.commands.recognising import embedder_of
from mfn.commands.screen import plain_program
from mfn.config.evaluate import FitRule
from mfn.errors import ConfigError, DataError
from mfn.files.owned_folder import refuse_others
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.onnx_network import PROVIDERS
from mfn.prepare.overlap.filtered import refuse_filled, write_filtered
from mfn.prepare.overlap.found import Overlap, PeopleFound
from mfn.prepare.overlap.near_copies import MOST_BITS, near_copies
from mfn.prepare.overlap.output import MAKER, write_overlap, write_record
from mfn.prepare.overlap.people import Centres, alike_people, person_centres
from mfn.prepare.overlap.sides import Side, benchmark_side, training_side
from mfn.prepare.overlap.threshold import overlap_threshold
from mfn.report.tables import table
from mfn.sources.fit import Fit, Fitted
from mfn.sources.sizes import check_sizes

log = logging.getLogger(__name__)
_FLIPS = ("none", "sum", "concat")


def main(arguments: Sequence[str], verb: str = "overlap") -> None:
    """Runs the command."""
    with plain_program():
        options = parser(verb).parse_args(arguments)
        _check(options)
        training = training_side(options.pack)
        benchmark = benchmark_side(options.benchmark, options.name)
        found = look_for(training, benchmark, options)
        filtered = None if options.filtered is None else write_filtered(found, options.filtered)
        if options.filtered is not None:
            write_record(options.filtered, found, filtered)
        write_overlap(options.output, found, filtered)
        _tell(found, options, filtered)


def parser(verb: str = "overlap") -> argparse.ArgumentParser:
    """What there is to type."""
    words = argparse.ArgumentParser(
        f"mfn {verb}", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words.add_argument("pack", type=Path, metavar="PACK", help="training set of any kind that mfn trains on")
    words.add_argument("benchmark", type=Path, metavar="BENCHMARK", help="pairs in any form, or people in folders")
    words.add_argument("--name", help="of the set of pairs at BENCHMARK, as lfw or cfp_fp; its folder's name without")
    words.add_argument("--output", type=Path, default=Path("overlap"), metavar="DIR", help="overlap without")
    words.add_argument("--filtered", type=Path, metavar="DIR", help="write PACK without these people there, as a pack")
    group = words.add_argument_group("near copies of images")
    group.add_argument("--bits", type=int, default=6, help="in which hashes of 64 may differ; 6 without")
    group.add_argument("--likeness", type=float, default=0.95, help="of the pixels, up to 1; 0.95 without")
    group = words.add_argument_group("people")
    group.add_argument("--model", metavar="FILE", help="network to look for people with: of mfn, or of mfn fetch")
    group.add_argument("--threshold", type=float, help="cosine of two mean faces from which they are one person")
    group.add_argument("--fpir", type=float, help="or the share of strangers that may be taken for one; 0.01 without")
    group.add_argument("--contract", nargs="+", default=[], metavar="KEY=VALUE", help="of a file that does not say it")
    group.add_argument("--flip", choices=_FLIPS, help="the mirrored face; as measured without")
    group.add_argument("--fit", choices=FitRule.__args__, default="exact", help="images of another size; exact without")
    group.add_argument("--device", default="cpu", help="of a checkpoint: cpu | cuda | mps")
    group.add_argument("--provider", choices=tuple(PROVIDERS), help="of an ONNX file")
    group.add_argument("--threads", type=int, help="of an ONNX file")
    group.add_argument("--batch-size", type=int, default=32)
    group.add_argument("--num-workers", type=int, default=0, help="processes that decode")
    return words


def look_for(training: Side, benchmark: Side, options: argparse.Namespace) -> Overlap:
    """Looks for images, and for people where a network is given.

    Raises:
        MfnError: The network does not work, or there is nothing to take a threshold from.
    """
    embedder = None if options.model is None else embedder_of(options)  # what is wrong with it is told first
    unreadable: dict[str, int] = {}
    copies = near_copies(training.source, benchmark.source, options.bits, options.likeness, unreadable)
    people = None if embedder is None else _people(training, benchmark, embedder, options)
    return Overlap(training, benchmark, copies, options.bits, options.likeness, people, unreadable)


def _people(training: Side, benchmark: Side, embedder: FaceEmbedder, options: argparse.Namespace) -> PeopleFound:
    flip = options.flip or embedder.contract.threshold_flip or "none"
    rule = Fit((embedder.contract.height, embedder.contract.width), options.fit)

    def centres(side: Side) -> Centres:
        told = check_sizes(side.source, rule)
        log.info("%s: %d images, %s", side.name, len(side.source), told)
        work = {"flip": flip, "batch_size": options.batch_size, "num_workers": options.num_workers}
        return person_centres(embedder, Fitted(side.source, rule), side.people, **work)

    theirs = centres(benchmark)  # the smaller one first: what is wrong shows early
    mine = centres(training)
    for side, found in ((training, mine), (benchmark, theirs)):
        if not found.people.size:
            raise DataError(f"{side.name} holds no image that can be read and embedded")
    threshold = overlap_threshold(
        embedder.contract, mine.directions, training.name, flip=flip, threshold=options.threshold, fpir=options.fpir
    )
    if threshold.warning:
        log.warning("%s", threshold.warning)
    alike = alike_people(mine.directions, theirs.directions, threshold.cosine)
    model = Path(options.model).name or str(options.model), embedder.network.fingerprint
    return PeopleFound(mine, theirs, alike, threshold.cosine, threshold.source, model)


def _check(options: argparse.Namespace) -> None:
    """Finds what cannot be done before images are read, which may take hours."""
    if not 0 <= options.bits <= MOST_BITS:
        raise ConfigError(f"--bits must be from 0 to {MOST_BITS}, got {options.bits}")
    if not -1 <= options.likeness <= 1:
        raise ConfigError(f"--likeness is a correlation from -1 to 1, got {options.likeness:g}")
    if options.batch_size < 1 or options.num_workers < 0:
        raise ConfigError("--batch-size must be at least 1, and --num-workers not negative")
    if options.model is None and (options.threshold is not None or options.fpir is not None):
        raise ConfigError("--threshold and --fpir go with --model FILE, which people are looked for with")
    if options.fpir is not None and not 0 < options.fpir < 1:
        raise ConfigError(f"--fpir is a share of people between 0 and 1, got {options.fpir:g}")
    if options.threshold is not None and options.fpir is not None:
        raise ConfigError("give --threshold or --fpir, not both")
    refuse_others(options.output, MAKER)
    if options.filtered is None:
        return
    refuse_filled(options.filtered)
    output, filtered = options.output.resolve(), options.filtered.resolve()
    if os.path.commonpath([output, filtered]) in (str(output), str(filtered)):
        raise ConfigError("--output and --filtered must be two folders, none inside the other")


def _tell(found: Overlap, options: argparse.Namespace, filtered: int | None) -> None:
    copies, people = found.copies, found.people
    sides = [
        {"set": side.name, "images": len(side.source), "people": side.people_count, "near copies": near}
        for side, near in (
            (found.training, int(copies.rows.size)),
            (found.benchmark, int(np.unique(copies.images).size)),
        )
    ]
    if people is not None:
        for row, column in zip(sides, (0, 1), strict=True):
            row["people alike"] = int(np.unique(people.alike.pairs[:, column]).size)
    log.info(table(f"{found.benchmark.name} in {found.training.name}", sides))
    if people is None:
        log.warning("people were not looked for by face: --model FILE does that")
    else:
        log.info("people are alike from a cosine of %.4f on (%s)", people.threshold, people.source)
    for name, count in found.unreadable.items():
        if count:
            log.warning("%s: %d images cannot be read and were not looked for", name, count)
    for note in found.benchmark.notes:
        log.warning("%s: %s", found.benchmark.name, note)
    if filtered is not None:
        log.info("%s: %d images without the %d people found", options.filtered, filtered, found.shared_people.size)
    log.info("%s", options.output)
