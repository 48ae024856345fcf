"""Which images make up which batch."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

from mfn.errors import ConfigError

SampleKey = tuple[int, int]
"""(epoch, index): all that the randomness of one sample depends on, beside the seed."""


class FaceBatchSampler(Sampler[list[SampleKey]]):
    """Batches of (epoch, index) over a data set of `size` images.

    With `shuffle` the order is a permutation of the whole set, a function of (seed, epoch). Every rank gets
    the same number of samples: the rest is left out with `drop_last`, else the first ones appear again.

    Attributes:
        epoch: epoch of the next iteration.
        start: number of batches of that epoch to leave out, after a resume.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        *,
        shuffle: bool = False,
        drop_last: bool = False,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if batch_size < 1:
            raise ConfigError(f"data.batch_size={batch_size} must be at least 1")
        if seed < 0:
            raise ConfigError(f"seed={seed} must not be negative")
        self.size = size
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        self.start = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration; a `start` meant for another epoch is dropped."""
        if epoch != self.epoch:
            self.start = 0
        self.epoch = epoch

    def __len__(self) -> int:
        """Batches of a whole epoch, wherever the next iteration starts."""
        return _parts(self._samples_per_rank, self.batch_size, self.drop_last)

    def __iter__(self) -> Iterator[list[SampleKey]]:
        # The arguments are read now; the generator would read them when its first batch is asked for.
        return self._batches(self.epoch, self.start)

    def _batches(self, epoch: int, start: int) -> Iterator[list[SampleKey]]:
        order = self._order(epoch)
        for batch in range(start, len(self)):
            indices = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            yield [(epoch, index) for index in indices.tolist()]

    def _order(self, epoch: int) -> np.ndarray:
        """Return this rank's indices of one epoch, int64."""
        if self.shuffle:
            order = np.random.default_rng((self.seed, epoch)).permutation(self.size)
        else:
            order = np.arange(self.size)
        return np.resize(order, self._samples_per_rank * self.world_size)[self.rank :: self.world_size]

    @property
    def _samples_per_rank(self) -> int:
        return _parts(self.size, self.world_size, self.drop_last)


def _parts(total: int, part: int, drop_last: bool) -> int:
    return total // part if drop_last else -(-total // part)
