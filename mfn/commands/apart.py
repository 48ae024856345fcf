"""A job of a sweep as a program of its own, so that neither its end nor its processes touch the others."""

import json
import logging
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from lightning.pytorch.utilities import rank_zero_only

from mfn.commands.again import SUMMARY
from mfn.commands.program import LOOK, PARENT, own_program
from mfn.config.quoting import quoted_override
from mfn.config.sweeping import SWEEP, THREADS
from mfn.errors import MfnError

log = logging.getLogger(__name__)

OUTPUT = "output.txt"
"""What a job writes that does not have the screen to itself."""
STOPPED = (0, *(status for number in (signal.SIGINT, signal.SIGTERM) for status in (128 + number, -number)))
"""Statuses of a program that was asked to stop."""


def side_by_side() -> bool:
    """Whether a launcher other than Hydra's own runs this job, so that others may run beside it."""
    return not str(HydraConfig.get().launcher.get("_target_")).startswith("hydra._internal.")


def run_apart(last: Path | None) -> dict[str, Any]:
    """Runs the job by its own command line and gives its summary.

    Only a fresh program can start several processes, and one that is killed for its memory takes nobody with it. When
    the sweep is gone it is asked to stop, and this process ends.

    Args:
        last: The checkpoint to go on with.

    Raises:
        MfnError: It failed, and the message or what it wrote says why.
        SystemExit: It was stopped, and so is the sweep, where it ran alone.
    """
    hydra: Any = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    folders = [of.path for of in hydra.runtime.config_sources if of.provider == "command-line"]
    flags = [word for path in folders for word in ("--config-dir", path)]
    words = [*hydra.overrides.task, quoted_override("hydra.run.dir", str(folder))]
    if last is not None:
        words.append(quoted_override("ckpt_path", str(last)))
    apart = side_by_side()
    # Where a launcher started this process, its program is the launcher's
    program = [sys.executable, "-m", "mfn", str(hydra.job.name)] if apart else own_program()
    output = (folder / OUTPUT).open("ab") if apart else nullcontext()
    with output as file:
        with _deaf_to_slurm():
            process = subprocess.Popen(
                [*program, *flags, *words],
                stdout=file,
                stderr=None if file is None else subprocess.STDOUT,
                cwd=hydra.runtime.cwd,
                env=_environment(),
            )
        with _signals_for(process):
            status = _end_of(process)
    return _told(folder, status, f"{folder / OUTPUT}" if apart else "the messages above")


def _told(folder: Path, status: int, where: str) -> dict[str, Any]:
    if rank_zero_only.rank != 0:  # pyright: ignore[reportFunctionMemberAccess]
        return {"value": None}  # the first of a cluster's processes tells
    if not (summary := folder / SUMMARY).is_file():
        if status in STOPPED and not side_by_side():
            sys.exit(status)  # not beside others: Hydra 1.4.0rc3 cannot hand it on from one process to another
        how = f"it was killed by {signal.Signals(-status).name}" if status < 0 else f"it ended with status {status}"
        if status in STOPPED:
            how = "it was stopped before its end"
        raise MfnError(f"{how}; see {where}")
    told = json.loads(summary.read_text(encoding="utf-8"))
    if error := told.get("error"):
        raise MfnError(error)
    return told


def value_of(summary: dict[str, Any]) -> float:
    """What a sweep is to optimise; NaN where a job came to no value."""
    return math.nan if summary["value"] is None else summary["value"]


def _environment() -> dict[str, str]:
    """Ours, with this very package among the modules, and with as many threads as SLURM gave cores."""
    ours = str(Path(__file__).resolve().parents[2])
    paths = [path for path in (os.environ.get("PYTHONPATH"), ours) if path]
    threads = {THREADS: cores} if (cores := os.environ.get("SLURM_CPUS_PER_TASK")) else {}
    return threads | os.environ | {"PYTHONPATH": os.pathsep.join(paths), PARENT: str(os.getpid())}


def _end_of(process: subprocess.Popen[bytes]) -> int:
    """Waits for its end, and asks for it when the sweep is gone or this process is to end."""
    parent = int(os.environ.get(SWEEP, 0))
    if parent in (0, os.getpid()):
        parent = os.getppid()
    try:
        while os.getppid() == parent:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(LOOK)
        process.terminate()
        process.wait()
        os._exit(1)  # there is nobody left to tell, and jobs in a launcher's queue are not to be begun
    except BaseException:
        process.terminate()
        process.wait()
        raise


@contextmanager
def _deaf_to_slurm() -> Iterator[None]:
    """Programs that are started meanwhile leave SIGUSR2 alone, by which SLURM tells submitit that the time is up.

    SLURM sends it to all processes; this one has the job queued again and asks its program to save and stop.
    """
    number = getattr(signal, "SIGUSR2", None)  # Windows has none
    if number is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(number, before)


@contextmanager
def _signals_for(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leaves it to another process when to stop. Ctrl-C reaches it anyway."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [
        (signal.SIGTERM, signal.signal(signal.SIGTERM, lambda number, _: process.send_signal(number))),
        (signal.SIGINT, signal.signal(signal.SIGINT, lambda *_: None)),
    ]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
