"""Which images make up which batch."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Literal, TypedDict

import numpy as np
from torch.utils.data import Sampler

from mfn.data.mixture import MixedOrder, Mixture
from mfn.data.part_order import PartOrder
from mfn.data.units import count_of_units, rows_by_label, units_of
from mfn.errors import ConfigError

SampleKey = tuple[int, int]
"""(epoch, index): all that the randomness of one sample depends on, beside the seed."""


class ProcessShare(TypedDict):
    """Which process this is, ``rank``, among ``world_size``."""

    rank: int
    world_size: int


class FaceBatchSampler(Sampler[list[SampleKey]]):
    """Batches of (epoch, index) over a data set of `size` images.

    With `shuffle` the order is a permutation of the whole set, a function of (seed, epoch). The ranks take turns in it,
    so that after any number of steps a stretch from its start has been seen, whatever the batch size and the number of
    ranks were. Every rank gets the same number of samples: the rest is left out with `drop_last`, else the first ones
    appear again.

    With `per_identity` above 1 the images of an identity come together in so many (P x K batches, Hermans et al. 2017,
    https://arxiv.org/abs/1703.07737): an epoch holds each image once, and some again where an identity's number of
    images is no multiple.

    Args:
        size: Images of the set.
        batch_size: Samples of a batch.
        shuffle: A new order in each epoch; with "once" that of the first in all.
        drop_last: Leave out what does not fill a batch on every rank.
        seed: Of the order.
        rank: This process among `world_size`.
        world_size: Processes that share the set.
        least: Samples that a last batch must have; a smaller one is filled up with the first ones of the epoch.
        per_identity: Images of an identity that come together.
        labels: int64 (size,), the class of each image; wanted where `per_identity` is above 1.
        parts: Orders images that lie in parts, of which a few are open at a time; without it any order may come.
        mixture: Sources with a share of the samples of an epoch each. The epoch of a sample then is how often it came
            before, so that an image that comes twice in one is augmented in two ways.

    Attributes:
        size: Samples of an epoch of all ranks together.
        epoch: Epoch of the next iteration.
        start: Samples of that epoch, of all ranks together, that are left out after a resume.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        *,
        shuffle: bool | Literal["once"] = False,
        drop_last: bool = False,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        least: int = 1,
        per_identity: int = 1,
        labels: np.ndarray | None = None,
        parts: PartOrder | None = None,
        mixture: Mixture | None = None,
    ) -> None:
        if batch_size < 1:
            raise ConfigError(f"data.batch_size={batch_size} must be at least 1")
        if seed < 0:
            raise ConfigError(f"seed={seed} must not be negative")
        if per_identity < 1 or batch_size % per_identity:
            raise ConfigError(f"data.batch_size={batch_size} is no multiple of data.per_identity={per_identity}")
        if parts is not None and per_identity > 1:
            raise ConfigError(
                f"data.per_identity={per_identity} needs all images of a person at a time, and open shards hold some: "
                "fetch the shards to this machine, and leave data.open_shards out"
            )
        self._parts = parts
        self._identities = [] if per_identity == 1 or labels is None else rows_by_label(labels)
        self.per_identity = per_identity
        if self._identities:
            size = per_identity * sum(count_of_units(rows, per_identity) for rows in self._identities)
        self._mixed = None
        if mixture is not None and labels is not None:
            self._mixed = MixedOrder(mixture, per_identity=per_identity, labels=labels, shuffle=shuffle, seed=seed)
            size = per_identity * self._mixed.units
        self.size = size
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.least = least
        self.epoch = 0
        self.start = 0

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch of the next iteration; a `start` meant for another epoch is dropped."""
        if epoch != self.epoch:
            self.start = 0
        self.epoch = epoch

    def __len__(self) -> int:
        """Batches of a whole epoch, wherever the next iteration starts."""
        return self.batches_after(0)

    def batches_after(self, start: int) -> int:
        """How many batches are left after `start` samples of all ranks."""
        return _parts(self._samples_after(start), self.batch_size, self.drop_last)

    def __iter__(self) -> Iterator[list[SampleKey]]:
        # The arguments are read now; the generator would read them when its first batch is asked for.
        return self._batches(self.epoch, self.start)

    def _batches(self, epoch: int, start: int) -> Iterator[list[SampleKey]]:
        order, epochs = self._order(epoch, start)
        with nullcontext() if self._parts is None else self._parts.followed(order, self.world_size) as told:
            for batch in range(self.batches_after(start)):
                if told is not None:
                    told(batch * self.batch_size)
                rows = slice(batch * self.batch_size, (batch + 1) * self.batch_size)
                yield list(zip(epochs[rows].tolist(), order[rows].tolist(), strict=True))

    def _order(self, epoch: int, start: int) -> tuple[np.ndarray, np.ndarray]:
        """What is left of one epoch for this rank: int64 indices, and the epoch that the randomness of each goes by."""
        if self._mixed is None:
            together = self._together(epoch)
            epochs = np.full(len(together), epoch)
        else:
            together, epochs = self._mixed.arranged(epoch)
        first, count = start // self.per_identity, self._samples_after(start) // self.per_identity
        wanted = np.arange(first, first + count * self.world_size)[self.rank :: self.world_size] % len(together)
        return together[wanted].reshape(-1), epochs[wanted].repeat(self.per_identity)

    def _together(self, epoch: int) -> np.ndarray:
        """All samples of one epoch in their order, int64 (size / per_identity, per_identity)."""
        draw = np.random.default_rng((self.seed, 0 if self.shuffle == "once" else epoch))
        if self._parts is not None:
            return self._parts.arranged(draw if self.shuffle else None)[:, None]
        if not self._identities:
            return (draw.permutation(self.size) if self.shuffle else np.arange(self.size))[:, None]
        return units_of(self._identities, self.per_identity, draw if self.shuffle else None)

    def _samples_after(self, start: int) -> int:
        """How many samples each rank still gets."""
        left = max(0, self.size - start) // self.per_identity
        samples = _parts(left, self.world_size, self.drop_last) * self.per_identity
        last = samples % self.batch_size
        if self.drop_last or not 0 < last < self.least:
            return samples
        return samples + min(self.least, self.batch_size) - last


def _parts(total: int, part: int, drop_last: bool) -> int:
    return total // part if drop_last else -(-total // part)
