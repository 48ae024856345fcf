"""Pairs that say nothing of a network, or say it twice: an image with itself, repeats, pairs called both kinds."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mfn.benchmarks.verification import VerificationSet
from mfn.sources.content import digests, is_stored

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class OddPairs:
    """Which of P pairs are odd; a pair is of one kind at most.

    Attributes:
        selves: bool (P,), both images are one and the same: right at any threshold, or never where called impostor.
        disputed: bool (P,), the two images are called one person in one pair and two people in another.
        repeats: bool (P,), the same two images, in either order, made a pair before.
    """

    selves: np.ndarray
    disputed: np.ndarray
    repeats: np.ndarray

    @property
    def any(self) -> np.ndarray:
        """All of them, bool (P,)."""
        return self.selves | self.disputed | self.repeats

    def counts(self) -> dict[str, int]:
        """The number of each kind that there is."""
        kinds = {"self_pairs": self.selves, "disputed_pairs": self.disputed, "repeated_pairs": self.repeats}
        return {name: int(kind.sum()) for name, kind in kinds.items() if kind.any()}


def find_odd_pairs(pairs: VerificationSet) -> OddPairs:
    """Looks at all pairs; two names of one content are one image, as far as images are stored encoded."""
    return odd_among(_one_for_each_content(pairs)[pairs.pairs], pairs.is_same)


def odd_among(pairs: np.ndarray, is_same: np.ndarray | Sequence[bool]) -> OddPairs:
    """Looks at pairs of numbered images, int64 (P, 2), equal numbers being one image; `is_same` is bool (P,)."""
    first, second = np.sort(pairs, axis=1).T
    _, before, code = np.unique(first * (pairs.max(initial=0) + 1) + second, return_index=True, return_inverse=True)
    genuine = np.bincount(code, is_same)
    selves = first == second
    disputed = ((genuine > 0) & (genuine < np.bincount(code)))[code] & ~selves
    repeats = (before[code] != np.arange(code.size)) & ~selves & ~disputed
    return OddPairs(selves, disputed, repeats)


def settled(pairs: VerificationSet, keep: bool, key: str = "", *, unless_needed: bool = False) -> VerificationSet:
    """Counts the odd pairs of a set in a note, in the log, and leaves them out unless they are to be kept.

    A published set is judged with every pair it has, since its figures are known so. Of any other set odd pairs say
    nothing: one with itself is right whatever the network, a repeat counts twice, and a disputed one is wrong once.

    Args:
        pairs: The set.
        keep: Whether odd pairs stay.
        key: The set's name in the configuration, to say how they are left out.
        unless_needed: Keep them where nothing could be judged without them, as in a pack of a few images over and over.
    """
    odd = find_odd_pairs(pairs)
    needed = unless_needed and not _suffices(pairs.is_same[~odd.any], pairs.fold_of[~odd.any])
    if not odd.any.any():
        noted = pairs
    else:
        what = f"they count (benchmark.{key}.odd_pairs=leave_out judges without them)" if keep else "left out"
        if needed:
            keep, what = True, "they count, since there would be nothing to judge by without them"
        notes = (*pairs.notes, f"of {len(pairs.pairs):,} pairs {in_words(odd.counts())}: {what}")
        left_out = pairs.left_out + (0 if keep else int(odd.any.sum()))
        noted = pairs if keep else pairs.take(np.flatnonzero(~odd.any))
        noted = dataclasses.replace(noted, odd=odd.counts(), notes=notes, left_out=left_out)
    for note in noted.notes:
        logger.warning("%s: %s", noted.name, note)
    return noted


def _suffices(is_same: np.ndarray, fold_of: np.ndarray) -> bool:
    """Whether there are pairs of both kinds in two folds, one to be judged and one for the threshold."""
    return all(np.unique(fold_of[is_same == kind]).size > 1 for kind in (True, False))


def in_words(counts: Mapping[str, int]) -> str:
    """What a set's odd pairs are, for a sentence."""
    words = {
        "self_pairs": "of an image with itself",
        "disputed_pairs": "called both one person and two",
        "repeated_pairs": "made before of the same images",
    }
    return ", ".join(f"{number:,} {'is' if number == 1 else 'are'} {words[kind]}" for kind, number in counts.items())


def _one_for_each_content(pairs: VerificationSet) -> np.ndarray:
    """One image for all images of the same content, int64 (N,)."""
    images = np.arange(len(pairs.source))
    if not is_stored(pairs.source):
        return images
    used = np.unique(pairs.pairs).tolist()
    seen: dict[bytes, int] = {}
    for index, digest in zip(used, digests(pairs.source, used), strict=True):
        images[index] = seen.setdefault(digest, index)
    return images
