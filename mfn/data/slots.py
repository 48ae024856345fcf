"""Batches from worker processes without fresh shared memory for each of them.

A page of shared memory costs more to get than to fill, so workers write into a ring of slots that lasts as
long as the loader, and the training process copies each batch out as it arrives.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

from mfn.data.batch import FaceBatch
from mfn.data.images import BrokenImages, FaceImages
from mfn.data.sampler import FaceBatchSampler, SampleKey
from mfn.data.shared import SharedPixels

SlotKeys = tuple[int, list[SampleKey]]
"""A slot, and what to read into it."""


class FilledSlot(NamedTuple):
    """What a worker sends: where the batch lies, and the indices of its rows."""

    slot: int
    indices: list[int]
    broken: BrokenImages


class SlotKeySampler(Sampler[SlotKeys]):
    """Batches of a sampler, dealt to the slots in turn.

    Lightning calls `set_epoch` on the attribute `sampler`.
    """

    def __init__(self, sampler: FaceBatchSampler, slots: int) -> None:
        self.sampler = sampler
        self.slots = slots

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[SlotKeys]:
        return ((number % self.slots, keys) for number, keys in enumerate(self.sampler))


class SlottedImages(Dataset[FilledSlot]):
    """Images read into slots.

    Args:
        images: What is read.
        slots: One more than the batches that workers may have in hand at a time.
        batch_size: Rows of a slot.
        shared: Whether other processes do the reading.
    """

    def __init__(self, images: FaceImages, slots: int, batch_size: int, *, shared: bool) -> None:
        self.images = images
        shape = (slots, batch_size, *images.image_size, 3)
        self._slots: SharedPixels | np.ndarray = SharedPixels(shape) if shared else np.empty(shape, np.uint8)

    def __len__(self) -> int:
        return len(self.images)

    def __getitems__(self, keys: SlotKeys) -> FilledSlot:
        """Fills one slot; runs in a worker."""
        slot, samples = keys
        return FilledSlot(slot, *self.images.read(samples, self._pixels[slot]))

    @property
    def _pixels(self) -> np.ndarray:
        return self._slots.array if isinstance(self._slots, SharedPixels) else self._slots

    def take(self, filled: FilledSlot) -> FaceBatch:
        """Copies a batch out of its slot, into pinned memory where there is a GPU to send it to."""
        rows = self._pixels[filled.slot, : len(filled.indices)]
        images = torch.empty(rows.shape, dtype=torch.uint8, pin_memory=torch.cuda.is_available())
        images.numpy()[:] = rows
        return FaceBatch(
            images,
            torch.from_numpy(self.images.labels[filled.indices]),
            torch.from_numpy(self.images.positions[filled.indices]),
            filled.broken,
        )
