"""Several networks on the same pairs of a set: their figures, and how each differs from the first."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from mfn.benchmarks.verification import VerificationSet
from mfn.errors import DataError
from mfn.evaluation.embedding import embed_images
from mfn.evaluation.pair_scores import PairScores, pair_scores
from mfn.evaluation.verification_result import FARS, Interval
from mfn.inference.embedder import FaceEmbedder
from mfn.metrics.bootstrap import identity_intervals
from mfn.metrics.paired import Difference, McNemar, mcnemar, paired_differences, right_in_folds
from mfn.metrics.verification import Roc, kfold_accuracy, roc


@dataclass(frozen=True)
class OnPairs:
    """One network on the pairs that all networks could score.

    Attributes:
        model: What it is called.
        scores: Cosines, float32 (P,).
        right: Whether each pair is judged right at the threshold picked on the other folds, bool (P,).
        threshold: Mean of these thresholds.
        accuracy: Mean over the folds.
        tar: True accept rate at each false accept rate that the set supports.
        intervals: 95 % intervals of these by bootstrap over people, where asked for.
        curve: Every operating point.
    """

    model: str
    scores: NDArray[np.float32]
    right: NDArray[np.bool_]
    threshold: float
    accuracy: float
    tar: Mapping[float, float]
    intervals: Mapping[str, Interval]
    curve: Roc


@dataclass(frozen=True)
class Against:
    """One network beside the first.

    Attributes:
        differences: Its figures less the first one's, under "accuracy" and "tar_at_far_1e-03" and so on.
        test: McNemar's on the pairs that only one of them judges right.
    """

    differences: Mapping[str, Difference]
    test: McNemar


@dataclass(frozen=True)
class Compared:
    """What a set says of several networks.

    Attributes:
        pairs: The set.
        kept: int64 (P,), the pairs of the set that all networks scored.
        is_same: bool (P,).
        networks: Each of them.
        against: Each but the first beside the first.
    """

    pairs: VerificationSet
    kept: NDArray[np.int64]
    is_same: NDArray[np.bool_]
    networks: Sequence[OnPairs]
    against: Sequence[Against]


def scored_pairs(
    embedder: FaceEmbedder, pairs: VerificationSet, *, flip: str, batch_size: int = 32, num_workers: int = 0
) -> PairScores:
    """Embeds every image of a set once and scores its pairs.

    Args:
        embedder: The network with its contract.
        pairs: The set, its images at the network's size.
        flip: What is done with the mirrored image's embedding: none | sum | concat.
        batch_size: Images at a time.
        num_workers: Processes that decode.

    Raises:
        DataError: An image of a strict set cannot be decoded.
    """
    options = {"flip": flip, "batch_size": batch_size, "num_workers": num_workers, "strict": pairs.strict}
    embedded = embed_images(embedder, pairs.source, **options)
    return pair_scores(pairs, embedded.positions, embedded.unit(flip))


def common_pairs(scored: Sequence[PairScores], name: str) -> list[PairScores]:
    """The scores of those pairs that every network scored, in one order.

    Raises:
        DataError: There are none.
    """
    kept = reduce(np.intersect1d, (each.kept for each in scored))
    if not kept.size:
        raise DataError(f"{name}: there is no pair that all networks could score")
    return [_taken(each, np.searchsorted(each.kept, kept)) for each in scored]


def compared(pairs: VerificationSet, models: Sequence[str], scored: Sequence[PairScores], samples: int) -> Compared:
    """Judges several networks on the pairs that all of them scored.

    Args:
        pairs: The set.
        models: What each network is called.
        scored: The scores of each.
        samples: Draws of the bootstrap for intervals; 0 leaves them out.

    Raises:
        DataError: No common pairs, or figures cannot be made of them.
    """
    scored = common_pairs(scored, pairs.name)
    first, *others = scored
    fars = supported_rates(first.is_same)
    networks = [_judged(model, each, fars, samples) for model, each in zip(models, scored, strict=True)]
    against = [
        Against(
            paired_differences(
                *(first.cosines, other.cosines, first.is_same, first.fold_of, first.identities, fars, samples)
            ),
            mcnemar(networks[0].right, judged.right),
        )
        for other, judged in zip(others, networks[1:], strict=True)
    ]
    return Compared(pairs, first.kept, first.is_same, networks, against)


def supported_rates(is_same: NDArray[np.bool_]) -> list[float]:
    """The false accept rates that are at least one of the impostor pairs."""
    return [far for far in FARS if far * np.count_nonzero(~is_same) >= 1]


def disagreements(found: Compared, other: int) -> NDArray[np.int64]:
    """Pairs that only one of two networks judges right, the worst mistake first.

    Args:
        found: The comparison.
        other: Number of the network that is beside the first, from 1.

    Returns:
        Positions in `Compared.kept`, int64; how bad a mistake is says the distance of the wrong score from its
        network's threshold.
    """
    first, second = found.networks[0], found.networks[other]
    positions = np.flatnonzero(first.right != second.right)
    first_is_wrong = ~first.right[positions]
    off = [np.abs(each.scores[positions] - each.threshold) for each in (first, second)]
    return positions[np.argsort(-np.where(first_is_wrong, *off), kind="stable")]


def _judged(model: str, scored: PairScores, fars: Sequence[float], samples: int) -> OnPairs:
    scores, same, fold = scored.cosines, scored.is_same, scored.fold_of
    accuracy, curve = kfold_accuracy(scores, same, fold), roc(scores, same)
    intervals = identity_intervals(scores, same, fold, scored.identities, fars, samples) if samples else {}
    return OnPairs(
        model=model,
        scores=scores,
        right=right_in_folds(scores, same, fold),
        threshold=accuracy.threshold,
        accuracy=accuracy.mean,
        tar={far: curve.at_far(far).tar for far in fars},
        intervals=intervals,
        curve=curve,
    )


def _taken(scored: PairScores, rows: NDArray[np.int64]) -> PairScores:
    return dataclasses.replace(
        scored,
        kept=scored.kept[rows],
        rows=scored.rows[rows],
        cosines=scored.cosines[rows],
        is_same=scored.is_same[rows],
        fold_of=scored.fold_of[rows],
        identities=scored.identities[rows],
        groups=None if scored.groups is None else scored.groups[rows],
    )
