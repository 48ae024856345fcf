"""``mfn card``: a model card of a checkpoint or an exported file, with what was measured and what was not."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from mfn.checkpoint.card import NOT_STATED, Card, Score, is_card_of_ours, render_card, usage
from mfn.commands.card_facts import Described, describe, times
from mfn.commands.screen import plain_program
from mfn.errors import ConfigError, DataError
from mfn.files.ownership import refuse_to_replace, writing
from mfn.inspection.networks import stated_contract
from mfn.report.judged import Judged, group_rows, read_judged, result_rows
from mfn.report.overlap import NOT_CHECKED

log = logging.getLogger(__name__)


def main(arguments: Sequence[str], verb: str = "card") -> None:
    """Runs the command."""
    with plain_program():
        options = parser(verb).parse_args(arguments)
        if options.threads < 1:
            raise ConfigError(f"--threads must be at least 1, got {options.threads}")
        if options.output is not None:
            refuse_to_replace(options.output, is_card_of_ours)
        reports = [read_judged(path) for path in options.report]
        stated = stated_contract([f"contract.{word.removeprefix('contract.')}" for word in options.contract])
        found = describe(options.file, stated, options.threads if options.time else None)
        for path, judged in zip(options.report, reports, strict=True):
            _check(found, path, judged)
        if options.time:
            found.speed = times(found, options.threads)
        text = render_card(card_of(found, reports, options))
        if options.output is None:
            sys.stdout.write(text)
            return
        with writing(options.output, is_card_of_ours) as temporary:
            temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
        log.info("%s", options.output)


def parser(verb: str = "card") -> argparse.ArgumentParser:
    """What there is to type."""
    words = argparse.ArgumentParser(f"mfn {verb}", description=__doc__)
    words.add_argument("file", metavar="FILE", help="a checkpoint, an exported file or folder, or a name of mfn fetch")
    words.add_argument("--output", type=Path, metavar="FILE.md", help="write the card here; to the screen without")
    words.add_argument("--name", help="of the network; that of the file without")
    words.add_argument("--licence", help="of the weights, as apache-2.0")
    words.add_argument("--data-licence", metavar="TEXT", help="of the data it was trained on")
    words.add_argument("--data", metavar="TEXT", help="that it was trained on; as its file says without")
    words.add_argument(
        "--report",
        type=Path,
        metavar="report.json",
        action="append",
        default=[],
        help="figures of mfn evaluate; may be given more than once",
    )
    words.add_argument("--time", action="store_true", help="measure here how long one face takes")
    words.add_argument("--threads", type=int, default=1, help="with --time; 1 without")
    words.add_argument(
        "--contract",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="what the network expects and its file does not say",
    )
    return words


def card_of(found: Described, reports: Sequence[Judged], options: argparse.Namespace) -> Card:
    """Everything on its place."""
    entry = found.entry
    training = {"data": NOT_STATED, "licence of the data": NOT_STATED, "recipe": NOT_STATED, **found.training}
    training |= {"data": options.data} if options.data else {}
    training |= {"licence of the data": options.data_licence} if options.data_licence else {}
    licence = options.licence or (entry.weights if entry is not None else NOT_STATED)
    notes = [note for judged in reports for note in judged.notes]
    notes += [judged.overlap for judged in reports if _was_checked(judged)]
    if any(judged.groups[name] for judged in reports for name in judged.groups):
        notes.append("Groups of few pairs differ by chance; look at their numbers of pairs.")
    return Card(
        name=options.name or found.name,
        network=found.about,
        contract=found.contract,
        usage=usage(entry.name if entry is not None else found.path.name, found.contract, _said(found)),
        library="onnx" if found.path.suffix.lower() == ".onnx" and (found.contract is None or found.stated) else "mfn",
        licence=licence,
        training=training,
        results=[row for judged in reports for row in result_rows(judged)],
        groups=[row for judged in reports for row in group_rows(judged)],
        results_notes=notes,
        scores=[
            Score(name, "accuracy", figures["accuracy"])
            for judged in reports
            for name, figures in judged.sets.items()
            if 0 <= figures.get("accuracy", -1.0) <= 1
        ],
        sizes=found.sizes,
        speed=found.speed,
        not_measured=not_measured(found, reports, training, licence),
    )


def not_measured(found: Described, reports: Sequence[Judged], training: dict[str, object], licence: str) -> list[str]:
    """A sentence for everything that nobody measured or stated."""
    contract, sets = found.contract, [figures for judged in reports for figures in judged.sets.values()]
    missing = []
    if not reports:
        missing.append("Accuracy: no report of mfn evaluate was given for this card.")
    others = sorted({judged.model for judged in reports if Path(judged.model).name != found.path.name})
    if others:
        missing.append(f"Accuracy of this very file: the figures are those of {', '.join(others)}.")
    if sets and not all("accuracy_low" in figures for figures in sets):
        missing.append(
            "How sure the figures are: at least one has no confidence interval (mfn evaluate bootstrap=1000)."
        )
    if sets and not all(_was_checked(judged) for judged in reports if judged.sets):
        missing.append("Whether people of the sets above were trained on (mfn overlap PACK BENCHMARK).")
    if not any(groups for judged in reports for groups in judged.groups.values()):
        missing.append(
            "Differences between groups of people, as age, sex and skin tone: no set with groups was judged."
        )
    if not any(judged.identification for judged in reports):
        missing.append("Search for a person among many (1:N).")
    if contract is None or contract.threshold is None:
        missing.append("A threshold.")
    elif contract.measured is None and contract.threshold_far is None:
        missing.append("The false match rate of the threshold.")
    elif contract.measured is None:
        missing.append("Thresholds for other false match rates: the file keeps no scores.")
    else:
        missing.append(f"False match rates below {contract.measured.least_fmr:.2g}.")
    missing.append("Faces with masks, of children, in the dark, or from cameras other than those of the sets above.")
    missing.append("Attacks: photos of photos, screens, masks, made faces.")
    missing.append("Time on any other processor." if found.speed else "Time: mfn card --time measures it.")
    unknown = [key for key in ("data", "licence of the data", "recipe") if training[key] == NOT_STATED]
    unknown += ["licence of the weights"] if licence == NOT_STATED else []
    return [*missing, *([f"Not stated by anybody: {', '.join(unknown)}."] if unknown else [])]


def _was_checked(judged: Judged) -> bool:
    """Whether a report says that its sets were looked for in the training set."""
    return judged.overlap not in ("", NOT_CHECKED)


def _check(found: Described, path: Path, judged: Judged) -> None:
    """Makes sure that a report can be of this network.

    Raises:
        DataError: It is of a network with another contract.
    """
    if found.contract is None:
        raise DataError(f"{found.name} says nothing of its input: state it with --contract to put {path} on its card")
    if differences := judged.contract.differences(found.contract):
        raise DataError(
            f"{path} is of another network than {found.name}: {'; '.join(differences)}; give the report of this one"
        )


def _said(found: Described) -> dict[str, object]:
    """What has to be stated to load the file; a fetched name knows it."""
    return {} if found.entry is not None else dict(found.stated)
