"""How long a step waits for its images: training from a pack beside training on images that are there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mfn.bench.data import write_synthetic_pack
from mfn.bench.gpu.runs import configured, fitted, recognizer_of, timed_run
from mfn.bench.gpu.setting import Row, Setting, row
from mfn.config.build import build
from mfn.config.sources import open_source
from mfn.data.device_decode import decoder
from mfn.sources.record_dataset import RecordDataset


def loading_rows(setting: Setting) -> Iterator[Row]:
    """Milliseconds of a step from the pack, decoded by workers and by the device, and the share spent waiting."""
    root = setting.root or _pack(setting)
    size = "" if setting.quick else "image_size=[112,112]"
    words = [word for word in (size, "trainer.precision=bf16-mixed", "data=ms1m", f"data.root={root}") if word]
    workers = 1 if setting.quick else min(8, torch.multiprocessing.cpu_count())
    bare: float | None = None
    for decode in ("worker", "device"):
        config = configured(
            setting, *words, f"data.num_workers={workers}", f"data.decode={decode}", "data.val_pairs=20"
        )
        data: Any = build(config.data.module, source=open_source(config), validation=None)
        data.setup("fit")
        recognizer = recognizer_of(config, data)
        seconds = fitted(config, recognizer, data, warm=1 if setting.quick else 10).seconds
        if bare is None:
            bare = timed_run(setting, "trainer.precision=bf16-mixed", classes=data.num_classes)()
        yield row(f"a step from the pack, data.decode={decode}", round(1000 * seconds, 3), "ms", f"workers: {workers}")
        yield row(
            f"waiting for images, data.decode={decode}", round(100 * max(0.0, 1 - bare / seconds), 1), "% of a step"
        )
    yield row("a step on images that are there", round(1000 * bare, 3) if bare else None, "ms")
    yield _difference(setting, root)


def _pack(setting: Setting) -> Path:
    folder = setting.folder / "pack"
    folder.mkdir()
    people, images = (8, 12) if setting.quick else (100, 40)
    write_synthetic_pack(folder, people, images, size=setting.side)
    return folder


def _difference(setting: Setting, root: Path) -> Row:
    """How far the device's pixels are from those that everything is judged on."""
    source = RecordDataset(root)
    chosen = np.linspace(0, len(source) - 1, 16).round().astype(int).tolist()
    jpegs = [torch.from_numpy(np.frombuffer(source.encoded(index), np.uint8).copy()) for index in chosen]
    found = decoder(setting.device)(jpegs, torch.device(setting.device))
    pairs = zip(found, chosen, strict=True)
    apart = [np.abs(a.cpu().permute(1, 2, 0).numpy().astype(int) - source.image(b)) for a, b in pairs]
    note = f"mean {np.mean([each.mean() for each in apart]):.3f}"
    return row(
        "pixels of the device's decoder beside ours", int(max(each.max() for each in apart)), "levels at most", note
    )
