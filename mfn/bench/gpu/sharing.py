"""A head that is shared out over all GPUs beside one that is whole."""

import json
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

import torch
import torch.distributed as dist

from mfn.bench.gpu.rivals import MARGIN, SCALE
from mfn.bench.gpu.setting import Row, Setting, row, wait_for
from mfn.errors import DataError
from mfn.heads.arcface import ArcFaceHead
from mfn.heads.head import HeadOutput
from mfn.heads.part import held_by


def sharing_rows(setting: Setting) -> Iterator[Row]:
    """Loss, gradients and time, with a process for each GPU."""
    size = torch.cuda.device_count() if setting.device == "cuda" else 2
    if size == 1:
        yield row("a head over several GPUs", None, "", "there is one GPU here, and nobody to share with")
        return
    for rate in (1.0, 0.1):
        folder = setting.folder / f"shared_{rate:g}"
        folder.mkdir()
        context = get_context("spawn")
        jobs = [context.Process(target=_process, args=(rank, size, setting, folder, rate)) for rank in range(size)]
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()
        if any(job.exitcode for job in jobs):
            raise DataError(f"one of {size} processes ended with {max(abs(job.exitcode or 0) for job in jobs)}")
        yield from json.loads((folder / "rows.json").read_text())


def _process(rank: int, size: int, setting: Setting, folder: Path, rate: float) -> None:
    device = torch.device("cuda", rank) if setting.device == "cuda" else torch.device("cpu")
    if setting.device == "cuda":
        torch.cuda.set_device(device)
    backend = "nccl" if setting.device == "cuda" else "gloo"
    dist.init_process_group(backend, init_method=(folder / "meeting").as_uri(), rank=rank, world_size=size)
    try:
        rows = _compared(rank, size, setting, device, rate)
        if rank == 0:
            (folder / "rows.json").write_text(json.dumps(rows))
    finally:
        dist.destroy_process_group()


def _compared(rank: int, size: int, setting: Setting, device: torch.device, rate: float) -> list[Row]:
    dim = 16 if setting.quick else 512
    embeddings = torch.randn(size, setting.batch, dim, generator=torch.Generator().manual_seed(1))
    labels = torch.randint(setting.classes, (size, setting.batch), generator=torch.Generator().manual_seed(2))
    own = embeddings[rank].to(device).requires_grad_()
    shared = _head(rank, size, setting, device, rate)
    output = _step(shared, own, labels[rank])
    of_all = f"{size} processes, rate {rate:g}"
    rows = []
    if rank == 0:
        given = embeddings.flatten(0, 1).to(device).requires_grad_()
        whole = _head(0, 1, setting, device, rate)
        wanted = _step(whole, given, labels.flatten())
        first, end = shared.part.first, shared.part.end
        loss = abs(output.loss.item() / wanted.loss.item() - 1)
        rows = [
            row(f"{of_all}: loss beside one process's", loss, "of itself", _verdict(loss, 1e-5)),
            _apart(f"{of_all}: gradient of the centres", _dense(shared)[:end], _dense(whole)[first:end]),
            _apart(f"{of_all}: gradient of the embeddings", _grad(own) / size, _grad(given)[: setting.batch]),
        ]
    dist.barrier()
    steps = 2 if setting.quick else 20
    wait_for(device.type)
    started = time.perf_counter()
    for _ in range(steps):
        _step(shared, own, labels[rank])
    wait_for(device.type)
    seconds = (time.perf_counter() - started) / steps
    note = f"{setting.classes:,} classes, {size * setting.batch} images"
    return [*rows, row(f"{of_all}: a step", round(1000 * seconds, 3), "ms", note)]


def _head(rank: int, size: int, setting: Setting, device: torch.device, rate: float) -> ArcFaceHead:
    torch.manual_seed(0)
    with held_by(rank, size):
        head = ArcFaceHead(16 if setting.quick else 512, setting.classes, SCALE, MARGIN, sample_rate=rate)
    return head.to(device).train()


def _step(head: ArcFaceHead, embeddings: torch.Tensor, labels: torch.Tensor) -> HeadOutput:
    head.zero_grad(set_to_none=True)
    embeddings.grad = None
    torch.manual_seed(3)  # what is drawn of the classes
    output = head(embeddings, labels)
    output.loss.backward()
    return output


def _dense(head: ArcFaceHead) -> torch.Tensor:
    return _grad(head.weight).to_dense() if _grad(head.weight).is_sparse else _grad(head.weight)


def _grad(tensor: torch.Tensor) -> torch.Tensor:
    assert tensor.grad is not None
    return tensor.grad


def _apart(what: str, ours: torch.Tensor, wanted: torch.Tensor) -> Row:
    apart = float((ours - wanted).norm() / wanted.norm())
    return row(what, apart, "of its length apart", _verdict(apart, 1e-3))


def _verdict(apart: float, limit: float) -> str:
    return "as it should be" if apart <= limit else f"MORE than {limit:g}"
