"""Processes that watch one another: one ends, all end, and one says why."""

import os
import signal
import socket
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import pytest
import torch.distributed as dist

from mfn.processes.watch import Watch
from tests.scripts import FORK

SIZE = 3


def watched(rank: int, port: int, told: Connection, play: Callable[[int, Watch], None]) -> None:
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=SIZE)

    def end(sentence: str) -> None:
        told.send(sentence)
        os._exit(7)

    watch = Watch("go on", end)
    assert watch.start()
    play(rank, watch)
    time.sleep(60)  # as one that waits for the others
    told.send("waited in vain")


def killed(rank: int, watch: Watch) -> None:
    if rank == 1:
        if not os.fork():  # a process that loads data lives on, and holds what was open
            time.sleep(30)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)


def first_killed(rank: int, watch: Watch) -> None:
    if rank == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def fails(rank: int, watch: Watch) -> None:
    if rank == 2:
        watch.fail("no room on the disk")


def first_fails(rank: int, watch: Watch) -> None:
    if rank == 0:
        watch.fail("said by itself")
        os._exit(1)


def leaves(rank: int, watch: Watch) -> None:
    time.sleep(rank / 10)
    watch.leave()
    if rank < 2:
        time.sleep(1)
    os._exit(0)


@pytest.mark.parametrize(
    ("play", "sentences", "statuses"),
    [
        (killed, ["process 1 of 3 ended without a word: killed, or out of memory; go on", None, ""], [7, -9, 7]),
        (first_killed, [None, "process 0 of 3 ended without a word: killed, or out of memory; go on", ""], [-9, 7, 7]),
        (fails, ["no room on the disk", "", ""], [7, 7, 7]),
        (first_fails, [None, "", ""], [1, 7, 7]),
        (leaves, [None, None, None], [0, 0, 0]),
    ],
)
def test_all_end_at_once_and_one_says_why(play: Any, sentences: list[str | None], statuses: list[int]) -> None:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    ends, processes = [], []
    for rank in range(SIZE):
        end, told = FORK.Pipe(duplex=False)
        processes.append(FORK.Process(target=watched, args=(rank, port, told, play)))
        processes[-1].start()
        told.close()
        ends.append(end)
    for process in processes:
        process.join(100)
    assert [process.exitcode for process in processes] == statuses
    assert [_read(end) for end in ends] == sentences


def _read(end: Connection) -> str | None:
    try:
        return end.recv() if end.poll() else None
    except EOFError:
        return None
