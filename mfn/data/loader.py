"""The data loader: batches in order, from any number of workers, resumable within an epoch.

A page of shared memory costs more to get than to fill, so workers write into a ring of slots that lasts as long as the
loader, and the training process copies each batch out as it arrives.
"""

import gc
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from mfn.data.device_decode import EncodedBatch
from mfn.data.images import BrokenImages, FaceImages
from mfn.data.sampler import FaceBatchSampler, SampleKey
from mfn.data.shared import SharedPixels
from mfn.data.signals import end_at_exit, ignore_stop_signals, stop_signals_held
from mfn.data.transfer import pinned, sent
from mfn.errors import BrokenImageError, MfnError


class FaceBatch(NamedTuple):
    """N images with their labels; N is smaller than asked for where images were broken.

    Attributes:
        images: uint8 (N, H, W, 3), RGB.
        labels: int64 (N,), classes 0..C-1 (-1 where images have no class).
        indices: int64 (N,), position of each image in its source.
        broken: (index, reason) of the images that could not be decoded and were left out.
        mirrored: bool (N,), whether augmentation mirrored the image.
    """

    images: Tensor
    labels: Tensor
    indices: Tensor
    broken: tuple[tuple[int, str], ...]
    mirrored: Tensor

    def to(self, device: torch.device | str) -> "FaceBatch":
        """The batch with its images on a device. The rest is read by the host and stays with it.

        By the labels a sampled head chooses its classes, and brings them to its device.
        """
        return self._replace(images=sent(self.images, device))


SlotKeys = tuple[int, list[SampleKey]]
"""A slot, and what to read into it."""


class FilledSlot(NamedTuple):
    """What a worker sends: where the batch lies, and the indices of its rows."""

    slot: int
    indices: list[int]
    broken: BrokenImages
    mirrored: list[bool]
    lengths: Sequence[int] = ()


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

    def take(self, filled: FilledSlot) -> Any:
        """Copies a batch out of its slot, into pinned memory where there is a GPU to send it to.

        Returns:
            A `FaceBatch`, or an `EncodedBatch` that becomes one on its way to the device.
        """
        rows = self._pixels[filled.slot, : len(filled.indices)]
        if filled.lengths:
            rest = self._batch(rows[:0], filled)
            return EncodedBatch(rows.copy(), list(filled.lengths), rest, self.images.source.describe)
        return self._batch(rows, filled)

    def _batch(self, rows: np.ndarray, filled: FilledSlot) -> FaceBatch:
        return FaceBatch(
            pinned(rows),
            pinned(self.images.labels[filled.indices]),
            torch.from_numpy(self.images.positions[filled.indices]),
            filled.broken,
            torch.tensor(filled.mirrored, dtype=torch.bool),
        )


_PREFETCH = 2
"""Batches that each worker has in hand."""


class FaceLoader(DataLoader):
    """Batches of a `FaceImages` set, the same with any number of workers.

    Its state is (epoch, samples), where samples counts those handed out on all ranks. Loaded into a new loader it
    makes that epoch go on at the next one without reading the earlier ones, also with another batch size or number of
    ranks. `len(loader)` stays that of the whole epoch.

    Args:
        images: What is read.
        sampler: Says in which batches; the loader owns it from now on.
        num_workers: Processes that decode; 0 decodes in this one.
        multiprocessing_context: fork | spawn | forkserver; None takes the platform's own.
        skip_broken: Leave broken images to the consumer, who finds them in the batch; otherwise the first
            one raises BrokenImageError.
        keep_workers: Between two iterations, as epochs of training follow one another.

    Attributes:
        waited: Seconds that its consumer has waited for batches so far, which includes copying them.
    """

    def __init__(
        self,
        images: FaceImages,
        sampler: FaceBatchSampler,
        *,
        num_workers: int = 0,
        multiprocessing_context: str | None = None,
        skip_broken: bool = True,
        keep_workers: bool = False,
    ) -> None:
        slots = _PREFETCH * num_workers + 1
        self._order = sampler
        self._epoch, self._samples = sampler.epoch, sampler.start
        self._skip_broken = skip_broken
        self.waited = 0.0
        self._slotted = SlottedImages(images, slots, sampler.batch_size, shared=num_workers > 0)
        super().__init__(
            self._slotted,
            batch_sampler=SlotKeySampler(sampler, slots),  # pyright: ignore[reportArgumentType]
            num_workers=num_workers,
            collate_fn=_as_is,
            worker_init_fn=_start_worker,
            multiprocessing_context=multiprocessing_context if num_workers > 0 else None,
            prefetch_factor=_PREFETCH if num_workers > 0 else None,
            persistent_workers=keep_workers and num_workers > 0,
        )

    def __iter__(self) -> Iterator[FaceBatch]:  # pyright: ignore[reportIncompatibleMethodOverride]
        # A generator, so nothing starts before the first batch is asked for: Lightning calls `iter` first
        # and `set_epoch` after it.
        self._epoch, self._samples = self._order.epoch, self._order.start
        filled = super().__iter__()
        self._order.start = 0
        while (batch := self._awaited(filled)) is not None:
            if batch.broken and not self._skip_broken:
                raise BrokenImageError(batch.broken[0][1])
            self._samples += self._order.batch_size * self._order.world_size
            yield batch

    def _awaited(self, filled: Iterator[FilledSlot]) -> FaceBatch | None:
        start = time.perf_counter()
        with torch.profiler.record_function("waiting for data"):
            slot = _next(filled)
            batch = None if slot is None else self._slotted.take(slot)
        self.waited += time.perf_counter() - start
        return batch

    def _get_iterator(self) -> Any:
        with stop_signals_held():
            iterator = super()._get_iterator()
        end_at_exit(getattr(iterator, "_workers", ()))
        return iterator

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch of the next iteration; Lightning does it by itself."""
        self._order.set_epoch(epoch)

    @property
    def batches_left(self) -> int:
        """How many batches of the epoch are still to be handed out."""
        return self._order.batches_after(self._samples)

    def state_dict(self) -> dict[str, int]:
        """The epoch and the number of its samples handed out so far on all ranks."""
        return {"epoch": self._epoch, "samples": self._samples}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Makes the next iteration of the state's epoch go on where the state was taken."""
        self._epoch, self._samples = state["epoch"], state["samples"]
        self._order.epoch, self._order.start = self._epoch, self._samples


def _next(filled: Iterator[FilledSlot]) -> FilledSlot | None:
    try:
        return next(filled, None)
    except MfnError as error:
        # From a worker it arrives as a long text that ends with its traceback and the sentence we want.
        raise type(error)(str(error).rpartition(f"{type(error).__name__}: ")[2].strip()) from None


def _as_is(filled: Any) -> Any:
    """The data set makes whole batches, there is nothing left to collate."""
    return filled


def _start_worker(worker: int) -> None:
    ignore_stop_signals()
    gc.freeze()  # what was inherited is never garbage here; looking it over would copy its pages
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
