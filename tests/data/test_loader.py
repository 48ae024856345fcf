import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import albumentations
import numpy as np
import pytest
import torch
from lightning import LightningModule, Trainer

from mfn.data.augment import Augmentation
from mfn.data.images import FaceImages
from mfn.data.loader import FaceBatch, FaceLoader
from mfn.data.sampler import FaceBatchSampler
from mfn.errors import DataError
from mfn.sources.record_dataset import RecordDataset
from mfn.sources.source import FaceSource
from tests.sources.files import ArraySource, write_pack

ROOT = Path(__file__).parents[2]
ENDS_IN_AN_EPOCH = """
import sys
from tests.sources.files import ArraySource
from tests.data.test_loader import loader

if __name__ == "__main__":
    started = iter(loader(ArraySource(list(range(40))), 2, sys.argv[1]))
    next(started)
    sys.exit(3)
"""
Plain = tuple[list, list, list, tuple]
SIZE = 4


def loader(source: FaceSource, workers: int = 0, context: str | None = None, **options: Any) -> FaceLoader:
    augment = Augmentation([albumentations.HorizontalFlip(p=0.5), albumentations.GaussNoise(p=0.5)])
    images = FaceImages(
        source, np.arange(len(source)), source.labels, source.image(0).shape[:2], augment=augment, seed=1
    )
    sampler = FaceBatchSampler(len(source), SIZE, shuffle=True, seed=1, **options)
    return FaceLoader(images, sampler, num_workers=workers, multiprocessing_context=context)


def plain(batch: FaceBatch) -> Plain:
    return batch.images.tolist(), batch.labels.tolist(), batch.indices.tolist(), batch.broken


def epochs(faces: FaceLoader, count: int = 2) -> list[list[Plain]]:
    result = []
    for epoch in range(count):
        faces.set_epoch(epoch)
        result.append([plain(batch) for batch in faces])
    return result


@pytest.fixture
def source() -> ArraySource:
    return ArraySource([5, 5, 7, 7, 7, 9] * 5, broken=(3, 17))


def test_batches_are_what_they_say(source: ArraySource) -> None:
    faces = loader(source)
    seen = []
    for batch in faces:
        assert batch.images.dtype == torch.uint8 and batch.images.shape[1:] == (8, 6, 3)
        assert batch.labels.dtype == batch.indices.dtype == torch.int64
        assert len(batch.images) == len(batch.labels) == len(batch.indices)
        assert batch.labels.tolist() == source.labels[batch.indices].tolist()
        seen += batch.indices.tolist() + [index for index, _ in batch.broken]
    assert sorted(seen) == list(range(30))


def test_broken_images_are_left_out_and_reported(source: ArraySource) -> None:
    broken = [item for batch in loader(source) for item in batch.broken]
    assert sorted(broken) == [(i, f"array {i}: broken on purpose") for i in (3, 17)]
    assert sum(len(batch.labels) for batch in loader(source)) == 28


def test_a_batch_of_broken_images_is_empty() -> None:
    images = FaceImages(ArraySource([0, 1], broken=(0, 1)), np.arange(2), np.arange(2), (8, 6))
    batch = next(iter(FaceLoader(images, FaceBatchSampler(2, 2))))
    assert batch.images.shape == (0, 8, 6, 3) and len(batch.labels) == 0 and len(batch.broken) == 2


def test_workers_change_nothing(source: ArraySource) -> None:
    alone = epochs(loader(source))
    assert alone[0] != alone[1]
    for workers in (1, 4):
        assert epochs(loader(source, workers)) == alone


@pytest.mark.slow
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_packs_read_the_same_in_forked_and_spawned_workers(tmp_path: Path, context: str) -> None:
    source = RecordDataset(write_pack(tmp_path, {0.0: 6, 1.0: 5}))
    assert epochs(loader(source, 2, context)) == epochs(loader(source))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_resume_at_every_position(source: ArraySource, workers: int) -> None:
    uninterrupted = epochs(loader(source), 3)
    interrupted, resumed = loader(source, workers), loader(source, workers)
    for epoch, batches in enumerate(uninterrupted[:2]):
        for position in range(len(batches) + 1):
            interrupted.set_epoch(epoch)
            started = iter(interrupted)
            before = [plain(next(started)) for _ in range(position)]
            if position > 0:
                assert interrupted.state_dict() == {"epoch": epoch, "samples": SIZE * position}
            resumed.load_state_dict({"epoch": epoch, "samples": SIZE * position})
            resumed.set_epoch(epoch)
            assert len(resumed) == len(batches)
            assert before + [plain(batch) for batch in resumed] == batches
            resumed.set_epoch(epoch + 1)
            assert [plain(batch) for batch in resumed] == uninterrupted[epoch + 1]


def test_state_of_another_epoch_leaves_nothing_out(source: ArraySource) -> None:
    faces = loader(source)
    faces.load_state_dict({"epoch": 0, "samples": 5 * SIZE})
    faces.set_epoch(1)
    assert [plain(batch) for batch in faces] == epochs(loader(source))[1]


def test_only_the_first_pass_after_a_resume_starts_late(source: ArraySource) -> None:
    faces, whole = loader(source), epochs(loader(source), 1)[0]
    faces.load_state_dict({"epoch": 0, "samples": 5 * SIZE})
    assert [plain(batch) for batch in faces] == whole[5:]
    assert [plain(batch) for batch in faces] == whole


def test_resuming_reads_no_earlier_image() -> None:
    read = []

    class Noted(ArraySource):
        def image(self, index: int) -> np.ndarray:
            read.append(index)
            return super().image(index)

    faces = loader(Noted(list(range(20))))
    read.clear()
    faces.load_state_dict({"epoch": 0, "samples": 4 * SIZE})
    assert [batch.indices.tolist() for batch in faces] == [read] and len(read) == 4


def test_starting_over_in_the_middle_of_an_epoch(source: ArraySource) -> None:
    faces = loader(source, workers=2)
    started = iter(faces)
    next(started)
    assert [plain(batch) for batch in faces] == epochs(loader(source), 1)[0]


class Stubborn(ArraySource):
    def image(self, index: int) -> np.ndarray:
        if index == 9:
            raise DataError("train.rec record 9 at offset 36: magic 0x0")
        return super().image(index)


@pytest.mark.parametrize("workers", [0, 1])
def test_errors_of_workers_arrive_as_one_sentence(workers: int) -> None:
    with pytest.raises(DataError) as caught:
        list(loader(Stubborn([0, 1] * 8), workers))
    assert str(caught.value) == "train.rec record 9 at offset 36: magic 0x0"


class Noting(LightningModule):
    """Trains nothing, notes what it is given, and may be stopped."""

    def __init__(self, stop_after: int = -1) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.stop_after = stop_after
        self.given: list[tuple[int, list[int]]] = []

    def training_step(self, batch: FaceBatch, batch_idx: int) -> torch.Tensor:
        self.given.append((self.current_epoch, batch.indices.tolist()))
        return self.weight * 0

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        if len(self.given) == self.stop_after:
            self.trainer.save_checkpoint(Path(self.trainer.default_root_dir) / "stopped.ckpt")
            raise KeyboardInterrupt

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD([self.weight], lr=0.0)


def fit(module: Noting, faces: FaceLoader, folder: Path, ckpt_path: Path | None = None) -> None:
    trainer = Trainer(
        default_root_dir=folder,
        max_epochs=3,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, faces, ckpt_path=ckpt_path)


@pytest.mark.slow
@pytest.mark.parametrize("stop_after", [1, 3, 5, 6, 9])
@pytest.mark.parametrize("workers", [0, 1])
def test_lightning_goes_on_at_the_next_batch(tmp_path: Path, stop_after: int, workers: int) -> None:
    source = ArraySource(list(range(20)))
    whole = Noting()
    fit(whole, loader(source), tmp_path)
    assert len(whole.given) == 15 and len({str(batch) for _, batch in whole.given}) == 15
    first, second = Noting(stop_after), Noting()
    with pytest.raises(SystemExit):
        fit(first, loader(source, workers), tmp_path)
    fit(second, loader(source, workers), tmp_path, tmp_path / "stopped.ckpt")
    assert first.given + second.given == whole.given


@pytest.mark.slow
@pytest.mark.parametrize("context", ["fork", "spawn", "forkserver"])
def test_workers_need_no_dev_shm(source: ArraySource, context: str) -> None:
    faces = loader(source, 2, context)
    assert epochs(faces) == epochs(loader(source))
    if Path("/proc/self/maps").exists():
        mapped = Path("/proc/self/maps").read_text()
        assert "memfd:mfn-pixels" in mapped and "/dev/shm/torch" not in mapped


def test_workers_leave_signals_to_the_training_process(source: ArraySource) -> None:
    faces = loader(source, 2)
    started = iter(faces)
    batches = [plain(next(started))]
    workers = multiprocessing.active_children()
    assert len(workers) >= 2
    for worker in workers:
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(worker.pid, number)
    assert [*batches, *map(plain, started)] == epochs(loader(source), 1)[0]


@pytest.mark.slow
@pytest.mark.parametrize("context", ["fork", "spawn", "forkserver"])
def test_a_process_ends_although_its_workers_ignore_signals(context: str) -> None:
    done = subprocess.run([sys.executable, "-c", ENDS_IN_AN_EPOCH, context], cwd=ROOT, capture_output=True, timeout=120)
    assert done.returncode == 3, done.stderr.decode()
