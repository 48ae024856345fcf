"""Sources that have a share of the samples of an epoch of their own, whatever their number of images is.

The images of a source are taken from an endless row of its permutations, of which each epoch takes the next stretch. So
every image of a source comes as often as any other, give or take one, also where an epoch has but a part of them, or
has them several times. What an epoch takes is a function of the seed and the epoch alone.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from mfn.data.units import count_of_units, rows_by_label, units_of
from mfn.errors import ConfigError


class Mixture(NamedTuple):
    """Sources of training images, and the share of each.

    Attributes:
        parts: int64 (N,), the source of each image.
        shares: Of each source in the samples of an epoch, adding up to 1.
    """

    parts: np.ndarray
    shares: Sequence[float]

    @property
    def mark(self) -> str:
        """What changes where the same seed would give another order."""
        return "shares " + " ".join(f"{share:.12g}" for share in self.shares)


class MixedOrder:
    """Orders of a mixture.

    Args:
        mixture: Whose order.
        per_identity: Images of a person that come together, K; they are of one source.
        labels: int64 (N,), the person on each image.
        shuffle: A new order in each epoch; with "once" that of the first pass over a source in all.
        seed: Of the order.

    Attributes:
        units: Stretches of K images in an epoch: as many as all sources have together.
    """

    def __init__(
        self,
        mixture: Mixture,
        *,
        per_identity: int,
        labels: np.ndarray,
        shuffle: bool | Literal["once"],
        seed: int,
    ) -> None:
        self._shuffle = shuffle
        self._seed = seed
        self._per_identity = per_identity
        rows = [np.flatnonzero(mixture.parts == part) for part in range(len(mixture.shares))]
        self._people = [
            [of[chosen] for chosen in rows_by_label(labels[of])] if per_identity > 1 else [of] for of in rows
        ]
        sizes = [sum(count_of_units(each, per_identity) for each in people) for people in self._people]
        self.units = sum(sizes)
        self._sizes = sizes
        self._counts = counts_of(mixture.shares, self.units)

    def arranged(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """An epoch: int64 (U, K) images that come together, and int64 (U,) how often each came before in all epochs."""
        taken = [self._taken(part, epoch) for part in range(len(self._sizes))]
        units, passes = (np.concatenate(each) for each in zip(*taken, strict=True))
        if not self._shuffle:
            return units, passes
        draw = np.random.default_rng((self._seed, 0 if self._shuffle == "once" else epoch))
        order = draw.permutation(self.units)
        return units[order], passes[order]

    def _taken(self, part: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The stretch of a source that an epoch has."""
        count, size = self._counts[part], self._sizes[part]
        if not count:
            return np.empty((0, self._per_identity), np.int64), np.empty(0, np.int64)
        passes, places = np.divmod(np.arange(epoch * count, (epoch + 1) * count), size)
        stretches = [self._pass(part, number)[places[passes == number]] for number in np.unique(passes).tolist()]
        return np.concatenate(stretches), passes

    def _pass(self, part: int, number: int) -> np.ndarray:
        """All units of a source in the order of one pass over it."""
        if not self._shuffle:
            return units_of(self._people[part], self._per_identity, None)
        # Two numbers are what an order without shares is drawn from
        draw = np.random.default_rng((self._seed, 0 if self._shuffle == "once" else number, 1 + part))
        return units_of(self._people[part], self._per_identity, draw)


def counts_of(shares: Sequence[float], total: int) -> list[int]:
    """Whole numbers in these proportions that add up to `total`."""
    wanted = np.array(shares) * total
    counts = np.floor(wanted).astype(np.int64)
    for part in np.argsort(counts - wanted, kind="stable")[: total - int(counts.sum())]:
        counts[part] += 1
    return counts.tolist()


def shares_of(counts: Mapping[str, int], weights: Mapping[str, float | None]) -> list[float] | None:
    """The share of each source in the samples of an epoch; None where its number of images decides.

    Args:
        counts: Training images of each source.
        weights: What was asked for: of all sources, in any proportion; or of some, as shares, of which the others
            have the rest by their number of images.

    Raises:
        ConfigError: The weights make no shares, or a source with a weight has no training image.
    """
    check_weights(list(counts), weights)
    given = {name: weight for name, weight in weights.items() if weight is not None}
    if not given:
        return None
    if empty := [name for name in given if not counts[name]]:
        raise ConfigError(f"data.weights.{empty[0]} is given, and no image of data.sources.{empty[0]} trains")
    if len(given) == len(counts):
        total = sum(given.values())
        return [given[name] / total for name in counts]
    rest, others = 1 - sum(given.values()), sum(count for name, count in counts.items() if name not in given)
    if not others:
        raise ConfigError("data.weights leaves a share for sources of which no image trains: give weights to all")
    return [given[name] if name in given else rest * count / others for name, count in counts.items()]


def check_weights(names: Sequence[str], weights: Mapping[str, float | None]) -> None:
    """Makes sure that weights make shares.

    Raises:
        ConfigError: They are of other sources, not positive, or leave nothing for the sources without one.
    """
    for name, weight in weights.items():
        if name not in names:
            raise ConfigError(f"data.weights.{name} is of no source: there are {', '.join(names)}")
        if weight is not None and not 0 < weight < np.inf:
            raise ConfigError(f"data.weights.{name}={weight} must be a positive number, or null")
    given = [weight for weight in weights.values() if weight is not None]
    if given and len(given) < len(names) and sum(given) >= 1:
        others = ", ".join(name for name in names if weights.get(name) is None)
        raise ConfigError(
            f"data.weights adds up to {sum(given):g}, which leaves nothing for {others}: give shares that add up to "
            "less than 1, or a weight to each source"
        )
