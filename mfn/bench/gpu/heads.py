"""One step of a head over very many classes, all of them and a share, beside arcface_torch's."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from mfn.bench.gpu.rivals import MARGIN, SCALE, PlainHead, timed_steps
from mfn.bench.gpu.setting import Row, Setting, row
from mfn.errors import first_line
from mfn.heads.arcface import ArcFaceHead

RATES = (1.0, 0.1, 0.02)
DIM = 512


def head_rows(setting: Setting) -> Iterator[Row]:
    """Milliseconds of forward and backward, and the memory that they take beside the class centres."""
    for classes in (200, 1000) if setting.quick else (85_742, 1_000_000):
        for rate in RATES:
            for name in ("mfn", "arcface_torch"):
                what = f"{name}, {classes:,} classes, rate {rate:g}"
                try:
                    yield _measured(setting, what, name, classes, rate)
                except torch.OutOfMemoryError as error:
                    yield row(what, None, "", first_line(error))
                if setting.device == "cuda":
                    torch.cuda.empty_cache()


def _measured(setting: Setting, what: str, name: str, classes: int, rate: float) -> Row:
    torch.manual_seed(0)
    dim = 16 if setting.quick else DIM
    head: nn.Module
    if name == "mfn":
        head = ArcFaceHead(dim, classes, SCALE, MARGIN, sample_rate=rate)
    else:
        head = PlainHead(dim, classes, rate, in_half=True)
    head.to(setting.device).train()
    embeddings = torch.randn(setting.batch, dim, device=setting.device)
    labels = torch.randint(classes, (setting.batch,))  # ours takes them from the host
    step = _step(head, embeddings, labels if name == "mfn" else labels.to(setting.device))
    step()
    memory = None
    if setting.device == "cuda":
        head.zero_grad(set_to_none=True)
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        memory = torch.cuda.max_memory_allocated() - before
    steps, warm = (2, 1) if setting.quick else (20, 5)
    seconds = timed_steps(step, setting.device, steps, warm)()
    note = "" if memory is None else f"{memory / 1e6:,.0f} MB beside {classes * dim * 4 / 1e6:,.0f} MB of centres"
    return row(what, round(1000 * seconds, 3), "ms a step", note)


def _step(head: nn.Module, embeddings: Tensor, labels: Tensor) -> Callable[[], None]:
    def step() -> None:
        head.zero_grad(set_to_none=True)
        found = head(embeddings.detach().requires_grad_(), labels)
        (found if isinstance(found, Tensor) else found.loss).backward()

    return step
