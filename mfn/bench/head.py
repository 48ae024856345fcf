"""Time and memory of one training step of a head, ArcFace beside other ways to compute it."""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mfn.bench.timing import alternating_times, median_ratio
from mfn.config.build import build
from mfn.config.compose import composed
from mfn.heads.arcface import ArcFaceHead

SCALE, MARGIN = 64.0, 0.5

Step = Callable[[], None]


def bench_head(
    num_classes: int = 85_742,
    batch: int = 128,
    dim: int = 512,
    rounds: int = 7,
    threads: int = 2,
    heads: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Compares forward and backward of ArcFace at one size, on the CPU in float32.

    Times come from one alternating run, so that whatever else the machine does weighs on all contenders
    alike; the ratios are medians over the rounds. Memory is the highest resident memory during one step in a
    fresh process, over that before the step with embeddings and class centres in place; it includes the
    gradient of the centres, which all contenders must make. Linux only, None elsewhere.

    Args:
        num_classes: Identities.
        batch: Embeddings per step.
        dim: Length of an embedding.
        rounds: Timed steps of each contender, after one that is not timed.
        threads: Threads PyTorch may use.
        heads: Choices of ``head=`` that are timed too.

    Returns:
        A row for each contender: its name, the path it takes (``fused``, or ``plain`` with all logits in memory),
        milliseconds of a step (median), peak additional memory in MB (10^6 bytes), time and memory of ours as a share
        of its own, and a note.

    Raises:
        ConfigError: There is no such head.
    """
    size = (num_classes, batch, dim)
    of_heads = {f"head={name}": path_of(_head(name, 2, 2)) for name in heads}
    names = [name for name in CONTENDERS if name != PML or find_spec("pytorch_metric_learning")] + list(of_heads)
    peaks = {name: _in_fresh_process(_peak_megabytes, name, size, threads) for name in names}
    times = alternating_times({name: _step(name, *size) for name in names}, rounds, threads)
    rows: list[dict[str, Any]] = [
        {
            "contender": name,
            "path": of_heads.get(name, "fused" if name == OURS else ""),
            "step_ms": median(times[name]),
            "peak_mb": peaks[name],
            "our_time_share": median_ratio(times[OURS], times[name]),
            "our_memory_share": _share(peaks[OURS], peaks[name]),
            "note": "",
        }
        for name in names
    ]
    if PML not in names:
        rows.append({"contender": PML, "note": "not installed: pip install pytorch-metric-learning"})
    return rows


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

    def step() -> None:
        head.zero_grad(set_to_none=True)
        loss(embeddings.detach().requires_grad_(), labels).backward()

    return step


def path_of(head: nn.Module) -> str:
    """``fused`` for a head that needs no matrix of logits of its own, else ``plain``."""
    return "fused" if getattr(head, "is_fused", False) else "plain"


def _head(name: str, num_classes: int, dim: int) -> Any:
    return build(composed("train", [f"head={name}"]).head, embedding_dim=dim, num_classes=num_classes)


def _step(name: str, num_classes: int, batch: int, dim: int) -> Step:
    if name in CONTENDERS:
        return CONTENDERS[name](num_classes, batch, dim)
    head = _head(name.removeprefix("head="), num_classes, dim)
    return _training_step(head, lambda x, y: head(x, y).loss, _inputs(num_classes, batch, dim))


def _ours(num_classes: int, batch: int, dim: int) -> Step:
    head = ArcFaceHead(dim, num_classes, SCALE, MARGIN)
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
    "three matrix products alone": _three_products,
}
