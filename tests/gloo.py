"""Several processes of one test, which talk by gloo."""

import socket
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from typing import Any

import torch
import torch.distributed as dist

from tests.scripts import FORK


def on_ranks(size: int, work: Callable[..., Any], *arguments: Any) -> list[Any]:
    """What `work(rank, size, *arguments)` gives in each of so many processes; a process of its own if there is one."""
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    with ProcessPoolExecutor(size, mp_context=FORK) as pool:
        jobs = [pool.submit(_joined, rank, size, port, work, arguments) for rank in range(size)]
        return [job.result(timeout=300) for job in jobs]


def _joined(rank: int, size: int, port: int, work: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=size)
    try:
        return work(rank, size, *arguments)
    finally:
        dist.destroy_process_group()
