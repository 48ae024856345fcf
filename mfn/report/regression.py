"""Whether a network is worse than a report by more than is allowed, beyond what chance would do."""

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from mfn.errors import DataError
from mfn.evaluation.pair_scores import PairScores
from mfn.metrics.bootstrap import identity_intervals
from mfn.metrics.paired import Difference, paired_differences, unpaired_difference
from mfn.metrics.verification import kfold_accuracy
from mfn.report.judged import Judged
from mfn.report.kept_scores import KeptScores


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a set says of a network beside a report.

    Attributes:
        name: The set.
        before: Accuracy of the report, on the pairs compared where these are paired.
        now: Accuracy of the network.
        change: ``now - before``, with its 95 % interval.
        paired: Whether the very pairs were compared, or only figures with their intervals.
        pairs: How many pairs were compared.
    """

    name: str
    before: float
    now: float
    change: Difference
    paired: bool
    pairs: int

    def is_worse(self, max_drop: float) -> bool:
        """Whether the accuracy dropped by more than `max_drop` and the interval of the change leaves zero out."""
        return -self.change.value > max_drop and self.change.high < 0

    def sentence(self) -> str:
        """The change in words, in percent and points."""
        how = "on the same pairs" if self.paired else "from the intervals of both, as the report keeps no scores"
        low, high = 100 * self.change.low, 100 * self.change.high
        return (
            f"{self.name}: accuracy {100 * self.before:.2f} % before, {100 * self.now:.2f} % now, a change of "
            f"{100 * self.change.value:+.2f} points ({low:+.2f} to {high:+.2f}, {how})"
        )


def verdict(judged: Judged, kept: KeptScores | None, scored: PairScores, name: str, samples: int) -> Verdict:
    """Compares a network's scores with a report.

    Args:
        judged: The report.
        kept: Its scores of the set's pairs; None where it keeps none.
        scored: The network's scores of the set.
        name: Of the set.
        samples: Draws of the bootstrap.

    Raises:
        DataError: The report is of other pairs or has no such set, or says too little.
    """
    if name not in judged.sets:
        there = ", ".join(judged.sets) or "none"
        raise DataError(f"the report has no set {name}: name one of those it has ({there}) with --benchmark")
    if kept is None:
        return _from_intervals(judged, scored, name, samples)
    common = np.intersect1d(kept.kept, scored.kept)
    mine, theirs = np.searchsorted(scored.kept, common), np.searchsorted(kept.kept, common)
    if not common.size or not np.array_equal(kept.is_same[theirs], scored.is_same[mine]):
        raise DataError(f"the report's {name} has other pairs than this one: give the --root it was judged on")
    same, fold = scored.is_same[mine], scored.fold_of[mine]
    sides = kept.scores[theirs], scored.cosines[mine]
    change = paired_differences(*sides, same, fold, scored.identities[mine], (), samples)["accuracy"]
    before, now = (kfold_accuracy(scores, same, fold).mean for scores in sides)
    return Verdict(name, before, now, change, paired=True, pairs=common.size)


def _from_intervals(judged: Judged, scored: PairScores, name: str, samples: int) -> Verdict:
    said = judged.sets[name]
    if not {"accuracy", "accuracy_low", "accuracy_high", "pairs"} <= set(said):
        raise DataError(
            f"the report keeps neither the scores of {name} (scores.npz beside it) nor an interval of its accuracy: "
            "evaluate that network again, with bootstrap=1000"
        )
    if said["pairs"] != len(scored.cosines):
        raise DataError(
            f"the report judged {said['pairs']:.0f} pairs of {name}, and here are {len(scored.cosines)}: give the "
            "--root it was judged on"
        )
    same, fold, scores = scored.is_same, scored.fold_of, scored.cosines
    now = kfold_accuracy(scores, same, fold).mean
    interval = identity_intervals(scores, same, fold, scored.identities, (), samples)["accuracy"]
    before = said["accuracy"], (said["accuracy_low"], said["accuracy_high"])
    change = unpaired_difference(*before, now, interval)
    if math.isnan(change.low):
        change = dataclasses.replace(change, low=-math.inf, high=math.inf)
    return Verdict(name, before[0], now, change, paired=False, pairs=len(scores))
