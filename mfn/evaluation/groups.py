"""Rates by group of a judged set: at the threshold of a false match rate over everybody, and at the stored one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mfn.benchmarks.attributes import AttributeTable, matched
from mfn.benchmarks.verification import VerificationSet
from mfn.errors import DataError
from mfn.evaluation.all_groups import PairCut, all_images, rates_of_cut
from mfn.evaluation.groupings import Grouping, gap_edges, gap_groups, image_groups, labelled_groups, same_groups
from mfn.evaluation.pair_scores import PairScores
from mfn.metrics.all_tally import all_tally
from mfn.metrics.comparisons import threshold_at
from mfn.metrics.group_rates import GroupRates, group_rates
from mfn.metrics.group_tally import Tally, cell_table, pair_tally
from mfn.metrics.verification import roc

Comparisons = Literal["pairs", "all"]


@dataclass(frozen=True, slots=True)
class GroupChoice:
    """What groups are wanted.

    Attributes:
        by: Columns to group images by, crossed where there are two.
        gap: A column of numbers: pairs by how far apart.
        same: A column: pairs that share its value.
        bins: Edges for numbers of `by`.
        gap_bins: Edges for `gap`.
        comparisons: The set's list of pairs, or every image with every other.
        fmr: The false match rate over everybody whose threshold is taken.
        stored: The threshold that the network is used with, a cosine, None where it has none.
        table: Of a CSV; the set's own attributes are used where it lacks a column.
    """

    by: Sequence[str] = ()
    gap: str | None = None
    same: str | None = None
    bins: Sequence[float] | None = None
    gap_bins: Sequence[float] | None = None
    comparisons: Comparisons = "pairs"
    fmr: float = 1e-3
    stored: float | None = None
    table: AttributeTable | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are needed."""
        return tuple(dict.fromkeys([*self.by, *(name for name in (self.gap, self.same) if name)]))


@dataclass(frozen=True, slots=True)
class GroupReport:
    """The rates of one grouping at one threshold.

    Attributes:
        by: What the groups are by.
        comparisons: Of the list of pairs, or of every image with every other.
        at: What the threshold stands for, in words.
        threshold: A cosine.
        rates: Of everybody, each group and between groups.
        unknown: Comparisons that count for no group.
    """

    by: str
    comparisons: Comparisons
    at: str
    threshold: float
    rates: GroupRates
    unknown: int


def values_of(pairs: VerificationSet, choice: GroupChoice) -> dict[str, NDArray[np.str_]]:
    """The values of the wanted columns for each image, str (N,), from the CSV or from the set itself.

    Raises:
        DataError: Neither has a column, or the CSV knows none of the set's images.
    """
    listed = [] if choice.table is None else [name for name in choice.columns if name in choice.table.columns]
    own = [name for name in choice.columns if name not in listed]
    if lacking := [name for name in own if name not in pairs.attributes]:
        has = [*(() if choice.table is None else choice.table.columns), *pairs.attributes]
        raise DataError(
            f"nothing says {lacking[0]} of the images of {pairs.name}: "
            + (f"known are {', '.join(has)}" if has else "give groups.file=FILE.csv with a column of that name")
        )
    found = {} if choice.table is None or not listed else matched(choice.table, pairs, listed)
    if found and all((values == "").all() for values in found.values()) and choice.table is not None:
        what = "images" if choice.table.of_images else "persons"
        raise DataError(
            f"{choice.table.path} names none of the {what} of {pairs.name}: it has "
            f"{next(iter(choice.table.rows), 'none')}, the set {pairs.source.describe(0)}"
        )
    return {name: found[name] if name in found else pairs.attributes[name] for name in choice.columns}


def group_reports(
    pairs: VerificationSet,
    positions: NDArray[np.int64],
    embeddings: NDArray[np.float32],
    scored: PairScores,
    choice: GroupChoice,
    samples: int = 0,
) -> tuple[tuple[GroupReport, ...], tuple[str, ...]]:
    """The rates of every grouping that is wanted or that the set has, and notes on those that cannot be.

    Args:
        pairs: The set.
        positions: Which image each embedding is of, (N,).
        embeddings: (N, D), of unit length.
        scored: The pairs' scores.
        choice: What is wanted.
        samples: Draws of the bootstrap over people; 0: no intervals.

    Raises:
        DataError: As `values_of`, or columns that do not do for groups.
    """
    values = values_of(pairs, choice)
    images = pairs.pairs[scored.kept]
    of_pairs: list[Grouping] = []
    if scored.groups is not None:
        of_pairs.append(labelled_groups(scored.groups))
    if choice.comparisons == "pairs":
        of_pairs += [cut(images) for cut in pair_cuts(values, choice, images)]
    reports: list[GroupReport] = []
    notes: list[str] = []
    impostors = int(np.count_nonzero(~scored.is_same))
    curve = roc(scored.cosines, scored.is_same)
    thresholds = _thresholds(choice, impostors, lambda: curve.at_far(choice.fmr).threshold)
    if choice.fmr * impostors < 1 and (of_pairs or (choice.by and choice.comparisons == "pairs")):
        notes.append(_too_few(choice.fmr, impostors))
    for grouping in of_pairs:
        reports += [
            _of_pairs(scored, grouping.by, grouping.names, grouping.codes % (len(grouping.names) + 1),
                      len(grouping.names), at, threshold, samples)
            for at, threshold in thresholds.items()
        ]  # fmt: skip
    everything = (
        None if choice.comparisons == "pairs" or not choice.columns else all_images(pairs, positions, embeddings)
    )
    if everything is not None:
        impostors = int(everything.impostors.sum())
        thresholds = _thresholds(choice, impostors, lambda: threshold_at(everything.impostors, choice.fmr))
        notes += [] if choice.fmr * impostors >= 1 else [_too_few(choice.fmr, impostors)]
        for cut in pair_cuts(values, choice, images):
            for at, threshold in thresholds.items():
                by, tally, rates = rates_of_cut(everything, cut, threshold)
                reports.append(_report(by, "all", at, threshold, tally, rates))
    if not choice.by:
        return tuple(reports), tuple(notes)
    grouping = image_groups({name: values[name] for name in choice.by}, choice.bins)
    unknown = int(np.count_nonzero(grouping.codes < 0))
    if unknown:
        of = f"{unknown:,} of {len(grouping.codes):,} images"
        notes.append(f"of {of} the {grouping.by} is not known: their pairs count for no group")
    table, cells = cell_table(len(grouping.names))
    names = [
        between(grouping.names[one], grouping.names[two]) if one != two else grouping.names[one] for one, two in cells
    ]
    codes = grouping.codes[positions]
    if everything is None:
        held = table[codes[scored.rows[:, 0]], codes[scored.rows[:, 1]]]
        reports += [_of_pairs(scored, grouping.by, names, held, len(grouping.names), at, threshold, samples)
                    for at, threshold in thresholds.items()]  # fmt: skip
        return tuple(reports), tuple(notes)
    people, codes = everything.people, codes[everything.chosen]
    persons = [len(np.unique(people[np.isin(codes, cell)])) for cell in cells]
    for at, threshold in thresholds.items():
        tally = all_tally(everything.rows, people, codes, len(grouping.names), threshold, samples)
        rates = group_rates(tally, names, persons, len(grouping.names), len(np.unique(people)))
        reports.append(_report(grouping.by, "all", at, threshold, tally, rates))
    return tuple(reports), tuple(notes)


def pair_cuts(values: Mapping[str, NDArray[np.str_]], choice: GroupChoice, pairs: NDArray[np.int64]) -> list[PairCut]:
    """What puts pairs into groups: how far apart a number of theirs is, and whether they share a value.

    Args:
        values: Of the columns for each image.
        choice: Which columns.
        pairs: The set's own, (P, 2), of which quarters are made where no edges are given.
    """
    cuts: list[PairCut] = []
    if choice.gap:
        edges = gap_edges(choice.gap, values[choice.gap], pairs, choice.gap_bins)
        cuts.append(partial(gap_groups, choice.gap, values[choice.gap], edges=edges))
    if choice.same:
        cuts.append(partial(same_groups, choice.same, values[choice.same]))
    return cuts


def _of_pairs(
    scored: PairScores, by: str, names: Sequence[str], cells: NDArray[np.int64], groups: int, at: str, threshold: float,
    samples: int,
) -> GroupReport:  # fmt: skip
    count = len(names) + 1
    tally = pair_tally(scored.cosines, scored.is_same, scored.identities, cells, count, threshold, samples)
    persons = [len(np.unique(scored.identities[cells == cell])) for cell in range(len(names))]
    everybody = len(np.unique(scored.identities))
    return _report(by, "pairs", at, threshold, tally, group_rates(tally, names, persons, groups, everybody))


def _report(
    by: str, comparisons: Comparisons, at: str, threshold: float, tally: Tally, rates: GroupRates
) -> GroupReport:
    return GroupReport(by, comparisons, at, threshold, rates, int(tally.comparisons[:, -1].sum()))


def _thresholds(choice: GroupChoice, impostors: int, at_fmr: Callable[[], float]) -> Mapping[str, float]:
    found = {f"FMR {choice.fmr:g} over everybody": at_fmr()} if choice.fmr * impostors >= 1 else {}
    return found if choice.stored is None else found | {"the stored threshold": choice.stored}


def _too_few(fmr: float, impostors: int) -> str:
    return (
        f"{impostors:,} impostor comparisons are too few for the threshold of FMR {fmr:g} over everybody: no rates by "
        "group at it; raise groups.fmr, or take groups.comparisons=all"
    )


def between(one: str, two: str) -> str:
    """The name of what lies between two groups."""
    return f"{one} / {two}"
