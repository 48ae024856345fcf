"""Whether a network is given faces the way it was trained: its contract judged beside wrong conventions."""

import logging

import numpy as np
from numpy.typing import NDArray

from mfn.benchmarks.verification import VerificationSet
from mfn.errors import ConfigError, DataError
from mfn.evaluation.contract_report import ContractReport, Fit
from mfn.evaluation.conventions import Convention, PlacedFaces, crop_conventions, pixel_conventions, pixel_name
from mfn.evaluation.embedding import embed_images
from mfn.evaluation.pair_scores import PairScores, pair_scores
from mfn.inference.embedder import FaceEmbedder
from mfn.metrics.verification import best_threshold
from mfn.ranks import Ranks

log = logging.getLogger(__name__)


def check_contract(
    embedder: FaceEmbedder,
    pairs: VerificationSet,
    sample: int = 300,
    batch_size: int = 32,
    seed: int = 0,
    share: Ranks = Ranks(),  # noqa: B008 - a tuple
) -> ContractReport:
    """Judges a network under its own contract and under wrong ones.

    Args:
        embedder: The network with its contract.
        pairs: Aligned faces of a verification set.
        sample: How many pairs to take, half of them genuine; fewer where the set has fewer.
        batch_size: Images at a time.
        seed: Of the sample and of the simulated crops.
        share: Which process this is, among those that all call this and embed a part each.

    Raises:
        DataError: The set lacks one kind of pair, or a broken image in a strict set.
    """
    chosen = sample_pairs(pairs, sample, seed)
    declared = Convention(pixel_name(embedder.contract), embedder.contract)
    right = _scores(embedder, declared, chosen, batch_size, share)
    others, skipped = [], []
    for convention in pixel_conventions(embedder.contract) + crop_conventions(embedder.contract, seed):
        try:
            scored = _scores(embedder.with_contract(convention.contract), convention, chosen, batch_size, share)
        except ConfigError:
            skipped.append(convention.name)
        except DataError as error:  # pixels out of all range may give no numbers
            log.warning("contract check, %s: %s", convention.name, error)
        else:
            others.append(_fit(convention, scored, right))
    others.sort(key=lambda fit: -fit.difference)
    return ContractReport(len(right.cosines), _fit(declared, right, right), tuple(others), tuple(skipped))


def sample_pairs(pairs: VerificationSet, sample: int, seed: int) -> VerificationSet:
    """As many genuine as impostor pairs of a set, drawn without repeats, with only the images they need."""
    rng = np.random.default_rng(seed)
    kinds = [rng.permutation(np.flatnonzero(pairs.is_same == same))[: max(2, sample // 2)] for same in (True, False)]
    if min(map(len, kinds)) < 2:
        raise DataError(
            f"{pairs.name} has {len(kinds[0])} genuine and {len(kinds[1])} impostor pairs; its check needs 2"
        )
    return pairs.take(np.sort(np.concatenate(kinds)))


def _scores(
    embedder: FaceEmbedder, convention: Convention, pairs: VerificationSet, batch_size: int, share: Ranks
) -> PairScores:
    source = pairs.source
    if convention.place is not None:
        source = PlacedFaces(source, (embedder.contract.height, embedder.contract.width), convention.place)
    embedded = embed_images(embedder, source, batch_size=batch_size, strict=pairs.strict, share=share)
    return pair_scores(pairs, embedded.positions, embedded.unit("none"))


def _fit(convention: Convention, scored: PairScores, right: PairScores) -> Fit:
    same = scored.is_same
    change = scored.cosines - right.cosines
    return Fit(
        name=convention.name,
        accuracy=best_threshold(scored.cosines, same)[1],
        genuine=float(scored.cosines[same].mean()),
        impostor=float(scored.cosines[~same].mean()),
        difference=float(change[same].mean() - change[~same].mean()),
        error=_standard_error(change[same], change[~same]),
    )


def _standard_error(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    return float(np.sqrt(first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second)))
