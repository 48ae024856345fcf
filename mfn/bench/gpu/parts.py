"""All parts, each in a process of its own with a time of its own: one that fails or hangs costs the others nothing."""

import logging
import os
import sys
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mfn.bench.gpu.setting import Measure, Row, Setting, checked_setting, machine, row
from mfn.errors import MfnError, first_line
from mfn.progress import counting


@dataclass(frozen=True, slots=True)
class Part:
    """One part.

    Attributes:
        seconds: After which it is ended; what it has told until then counts.
        module: Of this package.
        function: In it: takes a setting, gives rows as it has them.
    """

    seconds: float
    module: str
    function: str

    @property
    def measure(self) -> Measure:
        """Its function."""
        return getattr(import_module(f"mfn.bench.gpu.{self.module}"), self.function)


PARTS: Mapping[str, Part] = {
    "waits": Part(40, "waiting", "waiting_rows"),
    "step": Part(70, "steps", "step_rows"),
    "head": Part(60, "heads", "head_rows"),
    "half": Part(40, "halves", "half_rows"),
    "resume": Part(40, "resuming", "resume_rows"),
    "loading": Part(60, "loading", "loading_rows"),
    "shared head": Part(50, "sharing", "sharing_rows"),
    "compiled": Part(110, "steps", "compiled_rows"),
}
"""What is measured, the checks first; 470 seconds at most."""
_SLOWER = 6
"""Times the time, where parts only show that they run."""


def bench_gpu(
    device: str = "cuda", root: Path | None = None, quick: bool = False, only: list[str] | None = None
) -> dict[str, Any]:
    """Measures and checks what a GPU does, in less than 8 minutes.

    Args:
        device: ``cuda``, or ``cpu`` to see that the parts run.
        root: InsightFace pack to load from; None writes one of synthetic faces.
        quick: Every part as small as it can be.
        only: Names of the parts; None measures all.

    Returns:
        ``machine``: what it was measured on; ``rows``: a dict for each line with ``part``, ``what``, ``value``,
        ``unit`` and ``note``. A part that failed or took too long has a line with the reason.

    Raises:
        ConfigError: There is no such device.
    """
    with TemporaryDirectory(ignore_cleanup_errors=True) as place:
        setting = checked_setting(device, Path(place), root, quick)
        rows: list[Row] = []
        names = only or list(PARTS)
        with counting(len(names), "parts", "bench gpu") as count:
            for name in names:
                rows += [found | {"part": name} for found in _in_process(name, setting)]
                count(1)
        return {"machine": machine(device), "rows": rows}


def rows_here(name: str, setting: Setting) -> list[Row]:
    """The rows of a part, measured in this process; an error of it is the last one."""
    rows: list[Row] = []
    try:
        for found in PARTS[name].measure(setting):
            rows.append(found)
    except Exception as error:  # whatever a part runs into, the others are measured
        rows.append(_failure(error))
    return rows


def _failure(error: Exception) -> Row:
    kind = "" if isinstance(error, MfnError) else f"{type(error).__name__}: "
    return row("failed", None, "", kind + first_line(error))


def _in_process(name: str, setting: Setting) -> list[Row]:
    context = get_context("spawn")
    here, there = context.Pipe(duplex=False)
    own = setting._replace(folder=setting.folder / name.replace(" ", "_"))
    own.folder.mkdir()
    process = context.Process(target=_work, args=(name, own, there))
    process.start()
    there.close()
    seconds = PARTS[name].seconds * (_SLOWER if setting.device == "cpu" else 1)
    end = time.monotonic() + seconds
    rows: list[Row] = []
    try:
        while here.poll(max(0.0, end - time.monotonic())):
            rows.append(here.recv())
    except EOFError:
        process.join()
        if process.exitcode:
            rows.append(row("failed", None, "", f"its process ended with {process.exitcode}"))
        return rows
    _end(process)
    return [*rows, row("not finished", None, "", f"ended after {seconds:g} s")]


def _end(process: Any) -> None:
    """Ends a process, gently at first: so that it ends those it has started."""
    process.terminate()
    process.join(5)
    if process.is_alive():
        process.kill()
        process.join()


def _work(name: str, setting: Setting, there: Connection) -> None:
    """Measures a part and sends its rows as they come."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # products that are the same in each run
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(
        setting.folder / "compiled"
    )  # another run may be writing to the usual one
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - and no progress bar for a terminal
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    try:
        for found in PARTS[name].measure(setting):
            there.send(found)
    except Exception as error:  # becomes a line of the table
        there.send(_failure(error))
    finally:
        there.close()
