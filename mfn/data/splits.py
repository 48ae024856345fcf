"""Which images train and which judge, as a pure function of (labels, rules, seed)."""

from dataclasses import dataclass, replace

import numpy as np

from mfn.benchmarks.pairs import possible_pairs
from mfn.errors import ConfigError, DataError
from mfn.sources.identities import map_labels, select_images, split_identities, split_images

_USUAL, _ENOUGH = 0.02, 20
_FEWEST_PAIRS = 10
"""Genuine, and impostor, pairs: one for each of ten folds."""


@dataclass(frozen=True, slots=True)
class SplitRules:
    """Who takes part and who judges.

    Attributes:
        min_images: Identities with fewer images are dropped.
        max_images: Identities with more keep a seeded pick of this many; None keeps all.
        val_fraction: Share of each training identity's images kept for validation, 0 <= share < 1.
        val_identities: Share of the identities held out of training altogether, 0 <= share < 1; None takes one that
            fits the data, see `held_out_share`.

    Raises:
        ConfigError: A value out of range.
    """

    min_images: int = 1
    max_images: int | None = None
    val_fraction: float = 0.0
    val_identities: float | None = 0.0

    def __post_init__(self) -> None:
        if self.min_images < 1:
            raise ConfigError(f"data.min_images={self.min_images} must be at least 1")
        if self.max_images is not None and self.max_images < self.min_images:
            raise ConfigError(f"data.max_images={self.max_images} must not be below data.min_images={self.min_images}")
        for key in ("val_fraction", "val_identities"):
            if getattr(self, key) is not None and not 0 <= getattr(self, key) < 1:
                raise ConfigError(f"data.{key}={getattr(self, key)} must be a share from 0 to below 1")


@dataclass(frozen=True, slots=True)
class Splits:
    """Positions in the source, int64 and ascending, and what they show.

    Attributes:
        train: The images that train.
        validation: Other images of the same identities.
        held_out: The images of the identities held out.
        train_classes: int64, class 0..C-1 of each training image.
        validation_classes: int64, class of each validation image.
        label_map: int64 (C,), raw label of each class.
    """

    train: np.ndarray
    validation: np.ndarray
    held_out: np.ndarray
    train_classes: np.ndarray
    validation_classes: np.ndarray
    label_map: np.ndarray


def split(labels: np.ndarray, rules: SplitRules, seed: int, origins: np.ndarray | None = None) -> Splits:
    """Applies the identity rules, holds identities out, and splits the rest into training and validation.

    Virtual copies change none of these choices: they train where their image does, and go away with it elsewhere.

    Args:
        labels: int64 (N,), raw label of each image of the source.
        rules: What to do.
        seed: Of every random choice.
        origins: int64 (N,), the position of the image that each one shows, where some are copies; the images
            themselves come first.
    """
    if origins is not None:
        images = split(labels[origins == np.arange(origins.size)], rules, seed)
        train = np.flatnonzero(np.isin(origins, images.train))
        return replace(images, train=train, train_classes=np.searchsorted(images.label_map, labels[train]))
    kept = select_images(labels, rules.min_images, rules.max_images, seed)
    share = held_out_share(labels[kept], seed) if rules.val_identities is None else rules.val_identities
    is_held_out = split_identities(labels[kept], share, seed)
    known = kept[~is_held_out]
    is_validation = split_images(labels[known], rules.val_fraction, seed)
    classes, label_map = map_labels(labels[known])
    return Splits(
        train=known[~is_validation],
        validation=known[is_validation],
        held_out=kept[is_held_out],
        train_classes=classes[~is_validation],
        validation_classes=classes[is_validation],
        label_map=label_map,
    )


def check_enough(name: str, labels: np.ndarray, splits: Splits, rules: SplitRules) -> None:
    """Makes sure that there are two people to tell apart.

    Args:
        name: Of the source.
        labels: int64 (N,), raw label of each of its images.
        splits: Made of these.
        rules: By which they were made.

    Raises:
        ConfigError: The rules leave too few.
        DataError: The source has too few of itself.
    """
    total = np.unique(labels).size
    if total < 2:
        raise DataError(f"{name} holds {total} identity: telling people apart needs at least 2")
    if splits.label_map.size < 2:
        raise ConfigError(
            f"only {splits.label_map.size} of the {total} identities of {name} are left to train on: lower "
            f"data.min_images={rules.min_images} or data.val_identities={rules.val_identities}"
        )


def held_out_share(labels: np.ndarray, seed: int) -> float:
    """The share of the identities to hold out where nobody says it.

    Of large sets it is 2 %, of smaller ones 20 people but no more than a quarter, and of tiny ones as many as make a
    pair of each kind for each of ten folds, up to half of them; 0 where even these do not.

    Args:
        labels: int64 (N,), identity of each image.
        seed: Of the choice of people.
    """
    people = np.unique(labels).size
    count = max(round(_USUAL * people), min(_ENOUGH, people // 4), 1)
    most = people // 2
    while count <= most:
        share = count / people
        if min(possible_pairs(labels[split_identities(labels, share, seed)])) >= _FEWEST_PAIRS:
            return share
        if count == most:
            break
        count = min(2 * count, most)
    return 0.0
