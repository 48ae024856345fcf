"""``mfn compare``: two or more networks on the same pairs, and whether one is worse than a report beyond chance.

``mfn compare A B --benchmark lfw --root DIR`` judges all of them on the same pairs and writes what differs.
``mfn compare --against report.json FILE --max-drop 0.002 --benchmark lfw --root DIR`` ends with an error where FILE is
worse than the network of the report: where its accuracy dropped by more than ``--max-drop`` and the 95 % interval of
the change leaves zero out.
"""

import argparse
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from mfn.benchmarks.chosen import only_pairs
from mfn.benchmarks.verification import VerificationSet
from mfn.commands.screen import plain_program
from mfn.config.build import build
from mfn.config.compose import composed
from mfn.config.evaluate import FitRule
from mfn.config.quoting import quoted
from mfn.errors import CheckpointError, ConfigError, MfnError
from mfn.evaluation.compared import Compared, compared, scored_pairs
from mfn.evaluation.fitted_sets import fitted_sets
from mfn.evaluation.pair_scores import PairScores
from mfn.files.owned_folder import refuse_others
from mfn.inference.embedder import FaceEmbedder
from mfn.inspection.networks import stated_contract
from mfn.report.compared import MAKER, difference_rows, network_rows, write_comparison
from mfn.report.judged import read_judged
from mfn.report.kept_scores import read_scores
from mfn.report.regression import verdict
from mfn.report.tables import table

log = logging.getLogger(__name__)

_FLIPS = ("none", "sum", "concat")


def main(arguments: Sequence[str], verb: str = "compare") -> None:
    """Runs the command."""
    with plain_program():
        options = parser(verb).parse_args(arguments)
        if options.samples < 0 or options.batch_size < 1 or options.num_workers < 0:
            raise ConfigError("--samples and --num-workers must not be negative, and --batch-size at least 1")
        if options.against is not None:
            _guard(options)
        else:
            _compare(options)


def parser(verb: str = "compare") -> argparse.ArgumentParser:
    """What there is to type."""
    words = argparse.ArgumentParser(
        f"mfn {verb}", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words.add_argument("files", nargs="+", metavar="FILE", help="networks: files of mfn, or names of mfn fetch")
    words.add_argument("--output", type=Path, metavar="DIR", help="folder to write; comparison without")
    group = words.add_argument_group("pairs")
    group.add_argument(
        "--benchmark", nargs="+", default=["lfw"], metavar="NAME", help="as in mfn evaluate benchmark=NAME; lfw without"
    )
    group.add_argument("--root", required=True, metavar="DIR", help="the folder of the sets, or a file")
    group.add_argument("--allow-missing", action="store_true", help="leave out pairs whose images are not there")
    group.add_argument("--fit", choices=FitRule.__args__, default="exact", help="images of another size; exact without")
    group = words.add_argument_group("networks")
    group.add_argument("--flip", choices=_FLIPS, help="the mirrored face; sum without, or as in the report")
    group.add_argument("--contract", nargs="+", default=[], metavar="KEY=VALUE", help="of files that do not say it")
    group.add_argument("--device", default="cpu", help="of checkpoints: cpu | cuda | mps")
    group.add_argument("--batch-size", type=int, default=32)
    group.add_argument("--num-workers", type=int, default=0, help="processes that decode")
    group.add_argument("--samples", type=int, default=1000, help="draws of people for the intervals; 1000 without")
    group = words.add_argument_group("guard")
    group.add_argument("--against", type=Path, metavar="report.json", help="of mfn evaluate; FILE is compared with it")
    group.add_argument("--max-drop", type=float, metavar="SHARE", help="of accuracy that may be lost; 0 without")
    return words


def _compare(options: argparse.Namespace) -> None:
    if len(options.files) < 2:
        raise ConfigError("name at least two networks to compare, or give --against report.json for one")
    if options.max_drop is not None:
        raise ConfigError("--max-drop goes with --against report.json")
    output = options.output or Path("comparison")
    refuse_others(output, MAKER)
    flip, sets, names = options.flip or "sum", _sets(options), _names(options.files)
    embedders = [_loaded(options, file) for file in options.files]  # what one lacks is told before the work
    scored = [_scored(options, embedder, sets, flip) for embedder in embedders]
    found = [compared(sets[key], names, [each[key] for each in scored], options.samples) for key in sets]
    for each in found:
        _tell(each)
    settings = {"files": options.files, "flip": flip, "samples": options.samples, "root": str(options.root)}
    write_comparison(output, found, settings)
    log.info("%s", output)


def _guard(options: argparse.Namespace) -> None:
    """Raises where the one network is worse than the report."""
    if len(options.files) != 1:
        raise ConfigError(f"--against takes one network beside the report, got {len(options.files)}")
    if options.output is not None:
        raise ConfigError("--output goes with two or more networks: --against writes nothing")
    max_drop = 0.0 if options.max_drop is None else options.max_drop
    if not 0 <= max_drop < 1 or math.isnan(max_drop):
        raise ConfigError(f"--max-drop is a share of the pairs from 0 to below 1, as 0.002, got {max_drop:g}")
    if options.samples < 100:
        raise ConfigError(f"--samples must be at least 100 to tell chance from a change, got {options.samples}")
    judged, kept = read_judged(options.against), read_scores(options.against.parent) or {}
    flip = options.flip or judged.flip or "sum"
    if judged.flip and flip != judged.flip:
        raise ConfigError(f"{options.against} was judged with flip={judged.flip}: leave --flip {flip} out")
    embedder, sets = _loaded(options, options.files[0]), _sets(options)
    scored = _scored(options, embedder, sets, flip)
    verdicts = [verdict(judged, kept.get(pairs.name), scored[key], pairs.name, options.samples)
                for key, pairs in sets.items()]  # fmt: skip
    for each in verdicts:
        log.info("%s", each.sentence())
    if worse := [each.sentence() for each in verdicts if each.is_worse(max_drop)]:
        raise MfnError(
            f"{options.files[0]} is worse than {options.against} by more than {100 * max_drop:g} points and beyond "
            f"chance: {'; '.join(worse)}"
        )
    log.info("not worse than %s by more than %g points beyond chance", options.against, 100 * max_drop)


def _sets(options: argparse.Namespace) -> dict[str, VerificationSet]:
    """The chosen sets of pairs.

    Raises:
        ConfigError: One is unknown, or none of pairs.
        DataError: One cannot be read.
    """
    names = [name for word in options.benchmark for name in word.split(",") if name]
    overrides = [
        f"benchmark=[{','.join(names)}]",
        f"benchmark.root={quoted(options.root)}",
        f"benchmark.allow_missing={str(options.allow_missing).lower()}",
    ]
    return only_pairs(build(composed("evaluate", overrides)["benchmark"]))


def _loaded(options: argparse.Namespace, file: str) -> FaceEmbedder:
    """One network; what is stated is for files that do not say what they expect."""
    stated = stated_contract([f"contract.{word.removeprefix('contract.')}" for word in options.contract])
    try:
        return FaceEmbedder.load(file).to(options.device)
    except CheckpointError:
        if not stated:
            raise
        return FaceEmbedder.load(file, stated).to(options.device)


def _scored(
    options: argparse.Namespace, embedder: FaceEmbedder, sets: Mapping[str, VerificationSet], flip: str
) -> dict[str, PairScores]:
    """The scores of one network on each set."""
    fitted = fitted_sets(sets, embedder.contract, options.fit, check_alignment=False)
    work = {"flip": flip, "batch_size": options.batch_size, "num_workers": options.num_workers}
    return {key: scored_pairs(embedder, pairs, **work) for key, pairs in fitted.items()}


def _names(files: Sequence[str]) -> list[str]:
    """What tables call the networks: names of files, or whole paths where two are the same."""
    names = [Path(file).name or file for file in files]
    return names if len(set(names)) == len(names) else list(files)


def _tell(found: Compared) -> None:
    log.info(table(f"Networks on {found.pairs.name}", network_rows(found)))
    first = found.networks[0].model
    log.info(
        table(f"Points above {first} on the same pairs (95 % interval, people drawn anew)", difference_rows(found))
    )
    for note in found.pairs.notes:
        log.warning("%s: %s", found.pairs.name, note)
