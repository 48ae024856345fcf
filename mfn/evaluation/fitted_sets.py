"""Benchmarks with their images at the size of a network."""

import dataclasses
import logging
from collections.abc import Mapping
from typing import TypeVar

from mfn.benchmarks.gallery import IdentificationSet
from mfn.benchmarks.verification import VerificationSet
from mfn.contract import InputContract
from mfn.evaluation.alignment import a_few, warn_of_unaligned
from mfn.sources.fit import Fit, Fitted
from mfn.sources.sizes import check_sizes

log = logging.getLogger(__name__)

T = TypeVar("T")


def fitted_sets(sets: Mapping[str, T], contract: InputContract, fit: str, *, check_alignment: bool) -> dict[str, T]:
    """The sets as a network sees them; tells their sizes, and warns where faces do not look aligned.

    Args:
        sets: Of any kind; those of IJB bring landmarks along and are aligned by these.
        contract: Of the network.
        fit: How images of another size come to the network's, see `mfn.sources.fit.Fit`.
        check_alignment: Whether to look at where faces lie.

    Raises:
        ConfigError: There is no such fit.
        DataError: Images cannot be brought to the size that way.
    """
    rule = Fit((contract.height, contract.width), fit)
    fitted, sources = dict(sets), {}
    for name, images in sets.items():
        if isinstance(images, VerificationSet | IdentificationSet):
            told = check_sizes(images.source, rule, strict=images.strict)
            log.info("%s: %d images, %s", name, len(images.source), told)
            sources[name] = Fitted(images.source, rule)
            fitted[name] = dataclasses.replace(images, source=sources[name])
    if check_alignment:
        warn_of_unaligned({name: a_few(source) for name, source in sources.items()}, contract)
    return fitted
