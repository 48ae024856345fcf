"""The cosine of two mean faces from which they count as one person, however the network's scores are spread."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from mfn.contract import InputContract, MeasuredScores
from mfn.metrics.comparisons import all_comparisons, fmr_points
from mfn.recognition.thresholds import Threshold, fmr_for, scores_for, threshold_of_gallery, threshold_of_pair

DEFAULT_FPIR = 0.01
_LOWEST = 1e-4
"""Rate below which the curve goes on in a straight line: a training set that holds some people twice, under two
numbers, has few such pairs among all its pairs of people, but they are the most alike of all."""
_ENOUGH = 50_000
"""Comparisons of the training set's people with one another that tell the curve down to there."""


def overlap_threshold(
    contract: InputContract,
    training: NDArray[np.float32],
    name: str,
    *,
    flip: str,
    threshold: float | None = None,
    fpir: float | None = None,
) -> Threshold:
    """The threshold for people of a benchmark among the people of a training set.

    Without a threshold it is measured on the training set's own people, who are different people but for a few: their
    mean faces are compared with one another. A set of too few people takes what the network's file knows.

    Args:
        contract: Of the network.
        training: The mean face of each person of the training set, float32 (C, D), of unit length.
        name: Of the training set.
        flip: How embeddings are made.
        threshold: As the user says.
        fpir: Or the share of people who are not in the training set that may be taken for one of its people.

    Raises:
        ConfigError: Both are given, one makes no sense, or there is nothing to take a threshold from.
    """
    if threshold is not None:
        return threshold_of_pair(contract, flip=flip, threshold=threshold, fmr=fpir)
    share = DEFAULT_FPIR if fpir is None else fpir
    people = len(training)
    fmr = fmr_for(share, people)
    if people * (people - 1) // 2 >= _ENOUGH:
        measured = own_scores(training, name, flip)
        source = f"{share:g} of people who are not among these {people:,} are taken for one; {measured.source}"
        return Threshold(measured.threshold_at(fmr), fmr, source)
    if scores_for(contract, flip) is not None:
        return threshold_of_gallery(contract, people, flip=flip, fpir=share)
    found = threshold_of_pair(contract, flip=flip)
    doubt = f"the network's threshold is for two photos; among {people:,} people more strangers pass for one of them"
    return dataclasses.replace(found, warning=found.warning or doubt)


def own_scores(training: NDArray[np.float32], name: str, flip: str) -> MeasuredScores:
    """How the mean faces of different people score, from those of a training set; see `_LOWEST`."""
    impostor = all_comparisons(training, np.arange(len(training))).impostor
    points = fmr_points(impostor)
    kept = tuple(point for point in points if point[0] >= _LOWEST) or points
    count = round(1 / kept[-1][0])
    return MeasuredScores(f"measured on the people of {name}", flip, count, count, kept, ((1.0, 1.0),))
