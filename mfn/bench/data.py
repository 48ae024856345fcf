"""How fast training images get from disk to a batch, beside a bare JPEG decoder and the usual way."""

import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch

from mfn.bench.decoders import bare_decoders, usual_path
from mfn.bench.memory import private_megabytes
from mfn.data.augment import Augmentation
from mfn.data.flip import HorizontalFlip
from mfn.data.images import FaceImages
from mfn.data.loader import FaceLoader
from mfn.data.sampler import FaceBatchSampler
from mfn.packs.pack_files import existing_pack
from mfn.packs.record import Record
from mfn.packs.recordio import IndexedRecordReader, RecordWriter
from mfn.sources.record_dataset import RecordDataset
from mfn.synthetic.dataset import SyntheticFaces

BATCH_SIZE = 128

Rate = Callable[[], float]
"""Does some work and returns how many images or records it got through per second."""


def bench_data(
    root: Path | None = None, workers: int = 1, images: int = 2560, rounds: int = 7, seed: int = 0
) -> list[dict[str, str | float]]:
    """Measures reading, decoding and the whole loader on the same images in one run.

    Everything takes turns, so that whatever else the machine does weighs on all alike; rates and ratios are
    medians over the rounds. Decoders and readers run in this process with one thread.

    Args:
        root: Folder of an InsightFace pack; None writes a small pack of synthetic faces and measures on that.
        workers: Processes of the loader, at least 1.
        images: Images per turn, taken at random from the pack.
        rounds: Turns.
        seed: Of the choice and order of the images.

    Returns:
        A row for each: `what`, `per_second` and its ratios `to_bare_decoder` (the fastest there is here) and
        to `to_usual_path`; the loader's are per worker. A last row gives `megabytes`, the growth of the
        memory of this process and the workers over an epoch (Linux only, NaN elsewhere).
    """
    if root is None:
        with tempfile.TemporaryDirectory() as folder:
            write_synthetic_pack(Path(folder))
            return bench_data(Path(folder), workers, images, rounds, seed)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    source = RecordDataset(root)
    reader = IndexedRecordReader(existing_pack(Path(root)))
    positions = np.resize(np.random.default_rng(seed).permutation(len(source)), images)
    keys = source.keys[positions].tolist()
    payloads = [bytes(reader[key].payload) for key in keys]
    loader = _flip_loader(source, positions, workers)
    rates: dict[str, Rate] = {
        "records read": lambda: _per_second(lambda key: reader[key].payload, keys),
        "images read and decoded": lambda: _per_second(source.image, positions.tolist()),
        "whole loader, per worker": lambda: _loader_rate(loader) / workers,
        "PIL + torchvision transforms": lambda: _per_second(usual_path(), payloads),
    }
    bare: dict[str, Rate] = {
        f"bare decoder, {name}": lambda decode=decode: _per_second(decode, payloads)
        for name, decode in bare_decoders().items()
    }
    rates |= bare
    turns = [{name: rate() for name, rate in rates.items()} for _ in range(rounds + 1)][1:]
    return [
        {
            "what": name,
            "per_second": median(turn[name] for turn in turns),
            "to_bare_decoder": median(turn[name] / max(turn[other] for other in bare) for turn in turns),
            "to_usual_path": median(turn[name] / turn["PIL + torchvision transforms"] for turn in turns),
        }
        for name in rates
    ] + [{"what": "memory growth over an epoch", "megabytes": _growth_over_epoch(loader)}]


def write_synthetic_pack(
    folder: Path, identities: int = 40, images: int = 25, quality: int = 95, size: int = 112
) -> None:
    """Writes synthetic faces as `train.rec` and `train.idx`, without record 0."""
    faces = SyntheticFaces(identities, images, (size, size), 0)
    with RecordWriter(folder / "train.rec", folder / "train.idx") as writer:
        for index, label in enumerate(faces.labels.tolist()):
            pixels = cv2.cvtColor(faces.image(index), cv2.COLOR_RGB2BGR)
            jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
            writer.write(index, Record(0, np.array([label], np.float32), index, 0, jpeg))


def _flip_loader(source: RecordDataset, positions: np.ndarray, workers: int) -> FaceLoader:
    flip = Augmentation([HorizontalFlip(p=0.5)])
    labels = np.zeros(positions.size, np.int64)
    images = FaceImages(source, positions, labels, source.image(0).shape[:2], augment=flip)
    return FaceLoader(images, FaceBatchSampler(positions.size, BATCH_SIZE), num_workers=workers, keep_workers=True)


def _per_second(function: Callable, arguments: Iterable) -> float:
    start, count = time.perf_counter(), 0
    for argument in arguments:
        function(argument)
        count += 1
    return count / (time.perf_counter() - start)


def _loader_rate(loader: FaceLoader) -> float:
    """Rate from the first batch to the last of an epoch; nothing is read ahead before or left after it."""
    batches = iter(loader)
    next(batches)
    start = time.perf_counter()
    count = sum(len(batch.labels) for batch in batches)
    return count / (time.perf_counter() - start)


def _growth_over_epoch(loader: FaceLoader) -> float:
    for _ in range(3):  # the allocator settles
        _loader_rate(loader)
    before = private_megabytes()
    _loader_rate(loader)
    return private_megabytes() - before
