"""What a pack needs to be trained on, beside its name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfn.config.quoting import quoted_override
from mfn.data.copies import copies_of
from mfn.data.held_out import FOLDS
from mfn.data.pairs import possible_pairs
from mfn.data.source import FaceSource
from mfn.data.splits import SplitRules, Splits, split
from mfn.errors import ConfigError

_SHARES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7)


@dataclass(frozen=True, slots=True)
class TrainingDefaults:
    """What training does where nobody says otherwise.

    Attributes:
        val_identities: Share of the people held out to judge on; None where it is not a number.
        val_pairs: Pairs of these, at most.
        batch_size: Images in a step.
        image_size: Height and width.
        seed: Of all choices.
    """

    val_identities: float | None
    val_pairs: int
    batch_size: int
    image_size: tuple[int, int]
    seed: int


def training_overrides(source: FaceSource, held_out: str | None, defaults: TrainingDefaults) -> dict[str, Any]:
    """The overrides without which training on a source would end in an error, or would not judge.

    Args:
        source: What is trained on, with its virtual copies.
        held_out: A `.bin` of people who do not train, where there is one.
        defaults: Of training.

    Raises:
        ConfigError: The source has but one person.
    """
    overrides: dict[str, Any] = {}
    if held_out is not None:
        overrides |= {"data.val_identities": 0, "benchmark": "file", "benchmark.root": held_out}
        overrides["metric"] = "val/held_out/accuracy"
        splits = _split(source, 0, defaults.seed)
    else:
        share, splits = _held_out(source, defaults)
        if share != defaults.val_identities:
            overrides["data.val_identities"] = share
    if splits.label_map.size < 2:
        raise ConfigError("it holds one person, and telling people apart needs two")
    if splits.train.size < defaults.batch_size:
        overrides["data.batch_size"] = int(splits.train.size)
    height, width = source.image(0).shape[:2]
    if (height, width) != defaults.image_size:
        overrides["image_size"] = [height, width]
    return overrides


def command(program: str, overrides: Mapping[str, Any]) -> str:
    """A command to paste into a shell."""
    return " ".join([program, *(quoted_override(key, value) for key, value in overrides.items())])


def _held_out(source: FaceSource, defaults: TrainingDefaults) -> tuple[float, Splits]:
    """The lowest share of people that makes a set to judge on and leaves two to train on; 0 where none does."""
    given = () if defaults.val_identities is None else (defaults.val_identities,)
    for share in (*given, *(share for share in _SHARES if share > (defaults.val_identities or 0))):
        splits = _split(source, share, defaults.seed)
        if splits.label_map.size > 1 and _makes_pairs(source.labels[splits.held_out], defaults.val_pairs):
            return share, splits
    return 0, _split(source, 0, defaults.seed)


def _split(source: FaceSource, share: float, seed: int) -> Splits:
    copies = copies_of(source)
    return split(source.labels, SplitRules(val_identities=share), seed, None if copies is None else copies.origins)


def _makes_pairs(labels: NDArray[np.int64], most: int) -> bool:
    return min(most, 2 * min(possible_pairs(labels))) >= 2 * FOLDS
