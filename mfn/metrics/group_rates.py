"""Error rates of each group at one common threshold: differential performance.

The words are those of ISO/IEC 19795-10 (biometric performance variation across demographic groups): the false match
rate (FMR) and the false non-match rate (FNMR) of each group at the same threshold, and their differentials between
groups. The ratio of the worst to the best group, and of the worst to the geometric mean over groups, are the measures
of NIST's face recognition reports (NISTIR 8429).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfn.metrics.bootstrap import percentile_interval
from mfn.metrics.error_counts import comparisons_needed, rule_of_3
from mfn.metrics.group_tally import GENUINE, IMPOSTOR, Tally

FEW_PEOPLE = 10
"""A group of fewer people is too small whatever its comparisons."""


@dataclass(frozen=True, slots=True)
class Rate:
    """An error rate with what it was counted on.

    Attributes:
        errors: False matches or false non-matches.
        comparisons: Impostor or genuine comparisons.
        low: Lower end of the 95 % interval over people, None without one.
        high: Upper end.
        enough: Whether so many comparisons without an error would show a rate below that of everybody (rule of 3), and
            the group has at least `FEW_PEOPLE` people. Others take no part in ratios.
    """

    errors: int
    comparisons: int
    low: float | None
    high: float | None
    enough: bool

    @property
    def value(self) -> float | None:
        """The rate, 0 to 1, None without comparisons."""
        return self.errors / self.comparisons if self.comparisons else None


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group, or what lies between two groups.

    Attributes:
        name: Of the group, or of both.
        people: Different persons in it.
        fmr: False match rate.
        fnmr: False non-match rate.
        impostor_shift: Mean impostor score less that of everybody; above 0 they look more alike to the network.
        genuine_shift: Mean genuine score less that of everybody; below 0 they are harder to recognise.
    """

    name: str
    people: int
    fmr: Rate
    fnmr: Rate
    impostor_shift: float | None
    genuine_shift: float | None


@dataclass(frozen=True, slots=True)
class Differential:
    """How far apart groups lie in one rate, among those with comparisons enough.

    Attributes:
        worst: The group with the highest rate.
        best: The one with the lowest.
        ratio: Worst to best; None where the best group has no error at all. Of groups that do not differ it is above 1
            too, since the worst and the best are picked after the fact.
        low: Lower end of the 95 % interval over people of the ratio of these two groups, None without one.
        high: Upper end, None without one or where it has no bound.
        at_least: Where the best group has no error: worst to the rate that the rule of 3 leaves it.
        to_mean: Worst to the geometric mean over groups, None where one has no error.
    """

    worst: str
    best: str
    ratio: float | None
    low: float | None
    high: float | None
    at_least: float | None
    to_mean: float | None


@dataclass(frozen=True, slots=True)
class GroupRates:
    """A set's groups at one threshold.

    Attributes:
        overall: All comparisons, those of no known group too.
        groups: Comparisons within each group.
        between: Comparisons across two groups.
        fmr: Differential of the false match rate, None with fewer than two groups that are large enough.
        fnmr: Of the false non-match rate.
    """

    overall: GroupRow
    groups: tuple[GroupRow, ...]
    between: tuple[GroupRow, ...]
    fmr: Differential | None
    fnmr: Differential | None


def group_rates(tally: Tally, names: Sequence[str], people: ArrayLike, groups: int, everybody: int) -> GroupRates:
    """What a tally says.

    Args:
        tally: Cells of the groups first, then those between groups, and last that of no known group.
        names: Of all cells but the last.
        people: Persons in each of these, int (C - 1,).
        groups: How many of the cells are groups.
        everybody: Persons in all.
    """
    errors, comparisons = tally.errors.sum(axis=1), tally.comparisons.sum(axis=1)
    means = [tally.scores[kind].sum() / max(1, comparisons[kind]) for kind in (IMPOSTOR, GENUINE)]
    limits = [errors[kind] / comparisons[kind] if errors[kind] else None for kind in (IMPOSTOR, GENUINE)]
    counts = np.asarray(people, np.int64)
    rows = []
    for cell, name in enumerate(names):
        found = [_rate(tally, kind, cell, int(counts[cell]), limits[kind]) for kind in (IMPOSTOR, GENUINE)]
        shifts = [
            float(tally.scores[kind, cell] / found[kind].comparisons - means[kind]) if found[kind].comparisons else None
            for kind in (IMPOSTOR, GENUINE)
        ]
        rows.append(GroupRow(name, int(counts[cell]), found[IMPOSTOR], found[GENUINE], *shifts))
    whole = [Rate(int(errors[kind]), int(comparisons[kind]), None, None, True) for kind in (IMPOSTOR, GENUINE)]
    within = rows[:groups]
    return GroupRates(
        overall=GroupRow("everybody", everybody, whole[IMPOSTOR], whole[GENUINE], 0.0, 0.0),
        groups=tuple(within),
        between=tuple(row for row in rows[groups:] if row.fmr.comparisons or row.fnmr.comparisons),
        fmr=_differential([(row.name, row.fmr) for row in within], tally.replicates[:, IMPOSTOR]),
        fnmr=_differential([(row.name, row.fnmr) for row in within], tally.replicates[:, GENUINE]),
    )


def _rate(tally: Tally, kind: int, cell: int, people: int, overall: float | None) -> Rate:
    comparisons = int(tally.comparisons[kind, cell])
    low, high = percentile_interval(tally.replicates[:, kind, cell], 2.5)
    known = (
        bool(np.isfinite(low)) and tally.errors[kind, cell] > 0
    )  # without errors the rule of 3 says how high it may be
    needed = comparisons_needed(overall) if overall else np.inf
    return Rate(
        errors=int(tally.errors[kind, cell]),
        comparisons=comparisons,
        low=low if known else None,
        high=high if known else None,
        enough=people >= FEW_PEOPLE and comparisons >= needed,
    )


def _differential(rates: Sequence[tuple[str, Rate]], replicates: NDArray[np.float64]) -> Differential | None:
    taken = [cell for cell, (_, rate) in enumerate(rates) if rate.enough]
    if len(taken) < 2:
        return None
    values = np.array([rates[cell][1].value for cell in taken], np.float64)
    worst, best = taken[int(values.argmax())], taken[int(values.argmin())]
    high, low = float(values.max()), float(values.min())
    above = rates[best][1]
    drawn = replicates[:, [worst, best]]
    drawn = drawn[(drawn.sum(axis=1) > 0)]  # without nan, and not both without errors
    ratios = np.sort(np.divide(drawn[:, 0], drawn[:, 1], out=np.full(len(drawn), np.inf), where=drawn[:, 1] > 0))
    ends = [float(ratios[int(share * (len(ratios) - 1))]) for share in (0.025, 0.975)] if len(ratios) else []
    bounds = [end if np.isfinite(end) else None for end in ends] or [None, None]
    return Differential(
        worst=rates[worst][0],
        best=rates[best][0],
        ratio=high / low if low > 0 else None,
        low=bounds[0],
        high=bounds[1],
        at_least=None if low > 0 or high == 0 else high / rule_of_3(above.comparisons),
        to_mean=float(high / np.exp(np.log(values).mean())) if low > 0 else None,
    )
