"""What a network file remembers of how its scores fell on a set."""

import numpy as np
from numpy.typing import NDArray

from mfn.benchmarks.verification import VerificationSet
from mfn.contract import MeasuredScores
from mfn.evaluation.pair_scores import PairScores
from mfn.metrics.comparisons import all_comparisons, counted, fmr_points, fnmr_points


def measured_scores(
    pairs: VerificationSet,
    positions: NDArray[np.int64],
    embeddings: NDArray[np.float32],
    scored: PairScores,
    flip: str,
) -> MeasuredScores:
    """The curves of a set: over all comparisons of its images where it names the people, else over its pairs.

    Args:
        pairs: The set.
        positions: Which image each embedding is of, (N,).
        embeddings: (N, D), of unit length.
        scored: The pairs' scores.
        flip: How the embeddings were made.
    """
    if pairs.identities is None:
        counts = counted(scored.cosines, scored.is_same)
    else:
        counts = all_comparisons(embeddings, pairs.identities[positions])
    return MeasuredScores(
        source=pairs.name,
        flip=flip,
        impostors=int(counts.impostor.sum()),
        genuine=int(counts.genuine.sum()),
        fmr=fmr_points(counts.impostor),
        fnmr=fnmr_points(counts.genuine),
    )
