"""A whole training step, ours beside the usual loop and arcface_torch's."""

from collections.abc import Callable, Iterator, Mapping
from statistics import median

import torch
from torch import nn

from mfn.bench.gpu.rivals import PlainHead, arcface_torch_step, plain_step, timed_steps
from mfn.bench.gpu.runs import batches, configured, timed_run
from mfn.bench.gpu.setting import Row, Setting, row
from mfn.bench.timing import median_ratio
from mfn.config.build import build

PLAIN, ARCFACE_TORCH = "the usual loop, float32", "arcface_torch's way, fp16"
PRECISIONS = {
    "mfn, float32 (TF32 products)": ("trainer.precision=32-true",),
    "mfn, float32 throughout": ("trainer.precision=32-true", "matmul_precision=highest"),
    "mfn, bf16": ("trainer.precision=bf16-mixed",),
    "mfn, fp16": ("trainer.precision=16-mixed",),
}
COMPILED = {
    "mfn, bf16": ("trainer.precision=bf16-mixed",),
    "mfn, bf16, compile=true": ("trainer.precision=bf16-mixed", "compile=true"),
    "mfn, bf16, compile=reduce-overhead": ("trainer.precision=bf16-mixed", "compile=reduce-overhead"),
}


def step_rows(setting: Setting) -> Iterator[Row]:
    """Milliseconds of a step with the images in memory; the others' are on the device already, ours travel there."""
    rivals = {PLAIN: _rival(setting, plain_step), ARCFACE_TORCH: _rival(setting, arcface_torch_step)}
    yield from _compared(setting, rivals | {name: timed_run(setting, *words) for name, words in PRECISIONS.items()})


def compiled_rows(setting: Setting) -> Iterator[Row]:
    """What compilation and CUDA graphs do to a step of a small network, whose kernels take less than their launch."""
    chosen = list(COMPILED.items())[:: 2 if setting.quick else 1]
    yield from _compared(setting, {name: timed_run(setting, *words) for name, words in chosen})


def _rival(setting: Setting, way: Callable[[nn.Module, PlainHead, str], Callable]) -> Callable[[], float]:
    network = build(configured(setting).model)
    step = way(
        network, PlainHead(network.embedding_dim, setting.classes, in_half=way is arcface_torch_step), setting.device
    )
    (batch,) = batches(setting, 1)
    images = ((batch.images.permute(0, 3, 1, 2).float() - 127.5) / 127.5).contiguous().to(setting.device)
    labels = batch.labels.to(setting.device)
    timed = timed_steps(lambda: step(images, labels), setting.device, setting.steps, 1 if setting.quick else 10)

    def as_they_do() -> float:
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = way is arcface_torch_step
        return timed()

    return as_they_do


def _compared(setting: Setting, contenders: Mapping[str, Callable[[], float]]) -> Iterator[Row]:
    """A row for each, with medians over rounds in which all take turns."""
    rounds = 1 if setting.quick else 3
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            times[name].append(1000 * measure())
    first = next(iter(times))
    for name, found in times.items():
        note = "" if name == first else f"{median_ratio(found, times[first]):.2f} of {first}"
        yield row(name, round(median(found), 3), "ms a step", note)
