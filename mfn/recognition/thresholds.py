"""The cosine from which two faces count as one person: for a pair, and for a gallery of many people.

A stranger who is compared with N people gets a name when any of N comparisons is a false match: with a probability of
1 - (1 - FMR)^N where they are independent. A threshold for pairs is far too low for a gallery.
"""

import math
from dataclasses import dataclass

from mfn.contract import InputContract, MeasuredScores
from mfn.errors import ConfigError

SAME, DIFFERENT, NOT_SURE = "same", "different", "not sure"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold and what it stands for.

    Attributes:
        cosine: Faces at and above it count as one person.
        fmr: False match rate of one comparison there; None where nobody measured it.
        source: Where that is from, in words.
        warning: What to know of it, a sentence; "" where there is nothing.
    """

    cosine: float
    fmr: float | None
    source: str
    warning: str = ""

    def sentence(self) -> str:
        """All of it in words."""
        rate = "an unknown false match rate" if self.fmr is None else f"a false match rate of {self.fmr:.2g}"
        return f"threshold {self.cosine:.4f}, which stands for {rate} of one comparison ({self.source})"


def answer(cosine: float, threshold: float, band: float = 0.0) -> str:
    """`SAME`, `DIFFERENT` or, within `band` of the threshold on either side, `NOT_SURE`."""
    if band and abs(cosine - threshold) < band:
        return NOT_SURE
    return SAME if cosine >= threshold else DIFFERENT


def threshold_of_pair(
    contract: InputContract, *, flip: str, threshold: float | None = None, fmr: float | None = None
) -> Threshold:
    """The threshold for two faces.

    Args:
        contract: Of the network.
        flip: How the embeddings are made.
        threshold: As the user says.
        fmr: Or the false match rate that the user accepts.

    Raises:
        ConfigError: Both are given, one makes no sense, or there is nothing to take a threshold from.
    """
    measured = scores_for(contract, flip)
    if threshold is not None and fmr is not None:
        raise ConfigError("give the threshold or the false match rate, not both")
    if threshold is not None:
        if not -1 <= threshold <= 1:
            raise ConfigError(f"the threshold is a cosine from -1 to 1, got {threshold:g}")
        return Threshold(threshold, measured and measured.fmr_at(threshold), "as you said")
    if fmr is not None:
        if measured is None:
            raise ConfigError(f"no threshold for a false match rate of {fmr:g}: {_remedy()}")
        return _measured_at(measured, fmr)
    if contract.threshold is None:
        raise ConfigError(f"this network has no threshold yet: {_remedy()}; or give one")
    warning = ""
    if contract.threshold_flip not in (None, flip):
        warning = f"the threshold was measured with flip={contract.threshold_flip} and not with flip={flip}"
    far = None if warning else contract.threshold_far
    return Threshold(contract.threshold, far, "stored with the network", warning)


def threshold_of_gallery(
    contract: InputContract, comparisons: int, *, flip: str, fpir: float, own: MeasuredScores | None = None
) -> Threshold:
    """The threshold at which strangers get a name as rarely as asked for.

    Args:
        contract: Of the network.
        comparisons: With how many people or images a face is compared.
        flip: How the embeddings are made.
        fpir: Share of strangers that may get a name, between 0 and 1.
        own: How the gallery's own people score against one another, for networks that nobody measured.

    Raises:
        ConfigError: The rate is none, or no scores are known.
    """
    fmr = fmr_for(fpir, comparisons)
    measured = scores_for(contract, flip) or own
    if measured is None:
        raise ConfigError(f"no threshold for fpir={fpir:g}: {_remedy()}; or give a threshold")
    found = _measured_at(measured, fmr)
    source = f"{fpir:g} of strangers get a name among {comparisons}; {found.source}"
    return Threshold(found.cosine, found.fmr, source, found.warning)


def fmr_for(fpir: float, comparisons: int) -> float:
    """The false match rate of one comparison that keeps `fpir` over so many, were they independent.

    Raises:
        ConfigError: The rate is none.
    """
    if not 0 < fpir < 1:
        raise ConfigError(f"fpir is a share of strangers between 0 and 1, got {fpir:g}")
    return -math.expm1(math.log1p(-fpir) / max(1, comparisons))


def _measured_at(measured: MeasuredScores, fmr: float) -> Threshold:
    warning = ""
    if fmr < measured.least_fmr:
        warning = (
            f"the network was never measured at a false match rate of {fmr:.2g}: {measured.source} has "
            f"{measured.impostors:,} comparisons of two people, which tell rates from {measured.least_fmr:.2g} on; the "
            "threshold goes on from there in a straight line"
        )
    return Threshold(measured.threshold_at(fmr), fmr, f"measured on {measured.source}", warning)


def scores_for(contract: InputContract, flip: str) -> MeasuredScores | None:
    """How scores fell for embeddings made like that; None where nobody measured it."""
    return contract.measured if contract.measured is not None and contract.measured.flip == flip else None


def _remedy() -> str:
    return "`mfn evaluate model_path=FILE benchmark=lfw benchmark.root=DIR store_threshold=1e-3` measures it"
