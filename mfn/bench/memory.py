"""Memory in use."""

import os
from multiprocessing import active_children
from pathlib import Path


def private_megabytes() -> float:
    """The resident memory of this process and its children that no file backs, in MB (10**6 bytes).

    Pages of a memory-mapped pack do not count: the system takes them back when it needs them. NaN where
    there is no /proc.
    """
    pids = [os.getpid(), *(child.pid for child in active_children())]
    try:
        return sum(_anonymous_kilobytes(pid) for pid in pids if pid) * 1024 / 1e6
    except OSError:
        return float("nan")


def _anonymous_kilobytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))
