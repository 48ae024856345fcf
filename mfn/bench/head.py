"""Time and memory of one training step of a head, ArcFace beside other ways to compute it."""

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD

from mfn.bench.timing import alternating_times, median_ratio
from mfn.config.build import build
from mfn.config.compose import composed
from mfn.errors import ConfigError
from mfn.heads.arcface import ArcFaceHead
from mfn.report.figures import finish, panels
from mfn.training.head_memory import free_bytes
from mfn.training.head_rows import HeadRows

SCALE, MARGIN = 64.0, 0.5

Step = Callable[[], None]


def bench_head(
    sizes: Sequence[int] = (85_742, 1_000_000),
    rates: Sequence[float] = (1.0, 0.1, 0.02),
    batch: int = 128,
    dim: int = 128,
    rounds: int = 5,
    threads: int = 2,
    heads: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Compares a training step of ArcFace: forward, backward, and SGD with momentum and decay; on the CPU in float32.

    Times come from one alternating run for each number of classes, so that whatever else the machine does weighs on all
    contenders alike; the ratios are medians over the rounds. Memory is the highest resident memory during one step in a
    fresh process, over that before the step with embeddings and class centres in place; it includes the gradient of the
    centres and their momentum. Linux only, None elsewhere.

    Args:
        sizes: Numbers of identities.
        rates: Shares of the classes that a step of ours looks at.
        batch: Embeddings per step.
        dim: Length of an embedding.
        rounds: Timed steps of each contender, after one that is not timed.
        threads: Threads PyTorch may use.
        heads: Choices of ``head=`` that are timed too.

    Returns:
        A row for each number of classes and contender: its name, classes, those of them in a step, the path it takes
        (``fused``, or ``plain`` with all logits in memory), milliseconds of a step (median), peak additional memory in
        MB (10^6 bytes), time and memory of ours with all classes as a share of its own, and a note.

    Raises:
        ConfigError: There is no such head, or the memory that is free does not hold all contenders at once.
    """
    of_heads = {f"head={name}": path_of(_head(name, 2, 2)) for name in heads}
    sampled = {f"{OURS}, sample_rate={rate:g}": rate for rate in rates if rate < 1}
    names = [OURS, *sampled]
    names += [name for name in CONTENDERS if name != OURS and (name != PML or find_spec("pytorch_metric_learning"))]
    _check_memory(max(sizes), batch, dim, len(names) + len(of_heads))
    rows: list[dict[str, Any]] = []
    for classes in sizes:
        size = (classes, batch, dim)
        peaks = {name: _in_fresh_process(_peak_megabytes, name, size, threads) for name in [*names, *of_heads]}
        times = alternating_times({name: _step(name, *size) for name in [*names, *of_heads]}, rounds, threads)
        rows += [
            {
                "contender": name,
                "classes": classes,
                "in_a_step": min(classes, round(sampled[name] * classes) + batch) if name in sampled else classes,
                "path": of_heads.get(name, "fused" if name.startswith(OURS) else ""),
                "step_ms": median(times[name]),
                "peak_mb": peaks[name],
                "our_time_share": median_ratio(times[OURS], times[name]),
                "our_memory_share": _share(peaks[OURS], peaks[name]),
                "note": "",
            }
            for name in times
        ]
    if PML not in names:
        rows.append({"contender": PML, "note": "not installed: pip install pytorch-metric-learning"})
    return rows


def _check_memory(classes: int, batch: int, dim: int, contenders: int) -> None:
    """They take turns, so that the centres, gradients and momenta of all are there at once, beside some logits."""
    needed = 4 * classes * (3 * dim * contenders + 4 * batch)
    free = free_bytes(torch.device("cpu"))
    if free is not None and needed > free:
        raise ConfigError(
            f"--classes {classes} needs about {needed / 1e9:.1f} GB for {contenders} heads at once, and "
            f"{free / 1e9:.1f} GB are free: give fewer --classes or a smaller --dim, or end other programs"
        )


def _share(ours: float | None, its: float | None) -> float | None:
    return ours / its if ours and its else None


def _in_fresh_process(function: Callable[..., float | None], *arguments: Any) -> float | None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def _peak_megabytes(name: str, size: tuple[int, int, int], threads: int) -> float | None:
    torch.set_num_threads(threads)
    _step(name, 64, 8, 16)()  # what PyTorch loads and sets up at the first step is not the head's
    step = _step(name, *size)
    before = _resident_bytes("VmRSS")
    step()
    peak = _resident_bytes("VmHWM")
    return None if before is None or peak is None else (peak - before) / 1e6


def _resident_bytes(field: str) -> int | None:
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return 1024 * int(lines[field].split()[0])


def _inputs(num_classes: int, batch: int, dim: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(batch, dim, generator=generator)
    return embeddings, torch.randint(num_classes, (batch,), generator=generator)


def _training_step(head: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], inputs: tuple[Tensor, Tensor]) -> Step:
    embeddings, labels = inputs
    rows = HeadRows(nn.Module(), head)
    optimizer = SGD(rows.in_place([{"params": list(head.parameters())}]), 0.1, momentum=0.9, weight_decay=5e-4)
    rows.watch(optimizer)

    def step() -> None:
        loss(embeddings.detach().requires_grad_(), labels).backward()
        rows.after_backward(optimizer, scaled=False)
        optimizer.step()
        optimizer.zero_grad()

    return step


def path_of(head: nn.Module) -> str:
    """``fused`` for a head that needs no matrix of logits of its own, else ``plain``."""
    return "fused" if getattr(head, "is_fused", False) else "plain"


def _head(name: str, num_classes: int, dim: int) -> Any:
    return build(composed("train", [f"head={name}"]).head, embedding_dim=dim, num_classes=num_classes)


def _step(name: str, num_classes: int, batch: int, dim: int) -> Step:
    if name in CONTENDERS:
        return CONTENDERS[name](num_classes, batch, dim)
    if name.startswith(OURS):
        return _ours(num_classes, batch, dim, float(name.rpartition("=")[2]))
    head = _head(name.removeprefix("head="), num_classes, dim)
    return _training_step(head, lambda x, y: head(x, y).loss, _inputs(num_classes, batch, dim))


def _ours(num_classes: int, batch: int, dim: int, sample_rate: float = 1.0) -> Step:
    head = ArcFaceHead(dim, num_classes, SCALE, MARGIN, sample_rate=sample_rate)
    return _training_step(head, lambda x, y: head(x, y).loss, _inputs(num_classes, batch, dim))


def _pytorch_metric_learning(num_classes: int, batch: int, dim: int) -> Step:
    from pytorch_metric_learning.losses import ArcFaceLoss

    head = ArcFaceLoss(num_classes, dim, margin=math.degrees(MARGIN), scale=int(SCALE))
    return _training_step(head, head, _inputs(num_classes, batch, dim))


def _plain(num_classes: int, batch: int, dim: int) -> Step:
    head = nn.Linear(dim, num_classes, bias=False)

    def loss(embeddings: Tensor, labels: Tensor) -> Tensor:
        cosine = F.linear(F.normalize(embeddings), F.normalize(head.weight))
        target = cosine.gather(1, labels[:, None]).clamp(-1 + 1e-7, 1 - 1e-7)
        logits = cosine.scatter(1, labels[:, None], (target.acos() + MARGIN).cos())
        return F.cross_entropy(SCALE * logits, labels)

    return _training_step(head, loss, _inputs(num_classes, batch, dim))


def _softmax(num_classes: int, batch: int, dim: int) -> Step:
    head = nn.Linear(dim, num_classes)
    return _training_step(head, lambda x, y: F.cross_entropy(head(x), y), _inputs(num_classes, batch, dim))


def _three_products(num_classes: int, batch: int, dim: int) -> Step:
    embeddings, _ = _inputs(num_classes, batch, dim)
    centres = torch.randn(num_classes, dim)

    def step() -> None:
        cosine = embeddings @ centres.T
        torch.mm(cosine, centres)
        torch.mm(cosine.T, embeddings)

    return step


OURS, PML = "mfn ArcFaceHead", "pytorch-metric-learning ArcFaceLoss"
CONTENDERS: dict[str, Callable[[int, int, int], Step]] = {
    OURS: _ours,
    PML: _pytorch_metric_learning,
    "plain gather/scatter ArcFace": _plain,
    "full softmax": _softmax,
    "three matrix products alone": _three_products,
}


def growth(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Time and memory of a step over the classes in it, in a picture: one line for each contender."""
    figure, axes = panels(2)
    told = [row for row in rows if "step_ms" in row]
    for panel, column, unit in zip(axes, ("step_ms", "peak_mb"), ("ms", "MB"), strict=True):
        for name in dict.fromkeys(row["contender"].partition(",")[0] for row in told):
            points = [row for row in told if row["contender"].partition(",")[0] == name and row[column] is not None]
            points.sort(key=lambda row: row["in_a_step"])
            panel.plot([row["in_a_step"] for row in points], [row[column] for row in points], "o-", ms=3, label=name)
        panel.set(xscale="log", yscale="log")
        finish(panel, f"{unit} of a step", "classes in a step", "", "best" if panel is axes[0] else None)
    return figure
