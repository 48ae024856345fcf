"""What is done for each of several sources by itself: splits, held-out people, rows of a table."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from mfn.benchmarks.held_out import FOLDS, held_out_set
from mfn.benchmarks.verification import VerificationSet
from mfn.data.mixture import Mixture, shares_of
from mfn.data.splits import SplitRules, Splits, split
from mfn.errors import ConfigError
from mfn.sources.concatenated import Concatenated
from mfn.sources.several import SeveralFaces
from mfn.sources.source import FaceSource, copies_of


def split_source(source: FaceSource, rules: SplitRules, seed: int) -> Splits:
    """Applies the rules to a source, or to each of several whose people are apart.

    So a source has the same people held out, and the same images kept for validation, as in a run of its own.
    """
    if not isinstance(source, SeveralFaces) or source.merge != "apart":
        copies = copies_of(source)
        return split(source.labels, rules, seed, copies.origins if copies else None)
    parts = [split_source(part, rules, seed) for part in source.parts.values()]
    rows = [source.rows.of(part) for part in range(len(parts))]
    train, validation, held_out = (
        np.sort(np.concatenate([of[chosen] for of, chosen in zip(rows, positions, strict=True)]))
        for positions in zip(*((part.train, part.validation, part.held_out) for part in parts), strict=True)
    )
    label_map = np.unique(source.labels[train])
    classes, validation_classes = (np.searchsorted(label_map, source.labels[rows]) for rows in (train, validation))
    return Splits(train, validation, held_out, classes, validation_classes, label_map)


def held_out_pairs(source: FaceSource, positions: np.ndarray, max_pairs: int, seed: int) -> VerificationSet:
    """The verification set of the held-out people; of several sources each has as many pairs, and figures of its own.

    Both images of a pair are of one source, since a person in two of them would be held for two people. A source whose
    held-out people make too few pairs has none.

    Args:
        source: Where the images are.
        positions: int64 (N,), the images of the held-out people.
        max_pairs: Number of pairs, where the images make as many.
        seed: Of the draw.

    Raises:
        ConfigError: No source makes one pair of each kind per fold.
    """
    if not isinstance(source, SeveralFaces):
        return held_out_set(source, positions, max_pairs, seed)
    of, share = source.rows.parts(positions), max(2 * FOLDS, max_pairs // len(source.parts))
    sets: dict[str, VerificationSet] = {}
    problems: list[ConfigError] = []
    for part, name in enumerate(source.parts):
        try:
            sets[name] = held_out_set(source, positions[of == part], share, seed)
        except ConfigError as error:
            problems.append(error)
    if not sets:
        raise problems[0]
    return joined(sets)


def joined(sets: dict[str, VerificationSet]) -> VerificationSet:
    """One set of the pairs of several, a group for each, in the same folds."""
    parts = list(sets.values())
    if len(parts) == 1:
        return parts[0]
    images = Concatenated(parts[0].name, {name: part.source for name, part in sets.items()})
    first = [int(images.rows.of(part)[0]) for part in range(len(parts))]
    identities = [part.identities for part in parts if part.identities is not None]
    return dataclasses.replace(
        parts[0],
        source=images,
        pairs=np.concatenate([part.pairs + start for part, start in zip(parts, first, strict=True)]),
        is_same=np.concatenate([part.is_same for part in parts]),
        fold_of=np.concatenate([part.fold_of for part in parts]),
        identities=np.concatenate(identities),
        groups=np.repeat(list(sets), [len(part.pairs) for part in parts]),
        left_out=sum(part.left_out for part in parts),
        odd=dict(sum((Counter(part.odd) for part in parts), Counter())),
        notes=tuple(f"{name}: {note}" for name, part in sets.items() for note in part.notes),
    )


def mixture_of(source: FaceSource, train: np.ndarray, weights: Mapping[str, float | None]) -> Mixture | None:
    """The mixture of several sources that weights ask for; None where there are none.

    Args:
        source: That trains.
        train: int64 (N,), the images of it that train.
        weights: By the name of a source.

    Raises:
        ConfigError: There is one source, or the weights make no shares.
    """
    if not isinstance(source, SeveralFaces):
        if weights:
            raise ConfigError("data.weights are of several sources, and there is one: leave them out")
        return None
    parts = source.rows.parts(train)
    counts = np.bincount(parts, minlength=len(source.parts)).tolist()
    shares = shares_of(dict(zip(source.parts, counts, strict=True)), weights)
    return None if shares is None else Mixture(parts, shares)


def rows_of_parts(source: FaceSource, splits: Splits, shares: Sequence[float] | None) -> dict[str, str]:
    """What each of several sources holds and how much of it trains, for a table.

    Args:
        source: That trains.
        splits: Of it.
        shares: Of each in the samples of an epoch; None where the numbers of images decide.
    """
    if not isinstance(source, SeveralFaces):
        return {}
    train, held_out = source.rows.parts(splits.train), source.rows.parts(splits.held_out)
    told: dict[str, str] = {}
    for part, (name, faces) in enumerate(source.parts.items()):
        count = int((train == part).sum())
        people = np.unique(splits.train_classes[train == part]).size
        share = count / train.size if shares is None else shares[part]
        told[f"of {name}"] = (
            f"{len(faces):,} images of {np.unique(faces.labels).size:,} people; {count:,} of {people:,} train, "
            f"{share:.1%} of an epoch; {int((held_out == part).sum()):,} held out"
        )
    if source.merge == "by_name":
        told["people of several sources"] = f"{source.shared:,}"
    return told
