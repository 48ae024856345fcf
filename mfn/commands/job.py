"""One job, by itself or as one of a sweep, which goes on when a job fails."""

import json
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from mfn.commands.program import as_called, own_program
from mfn.config.failures import one_sentence, unexpected
from mfn.config.quoting import quoted_override
from mfn.errors import MfnError, first_line

log = logging.getLogger(__name__)

SUMMARY = "summary.json"

STOPPED = (0, *(status for number in (signal.SIGINT, signal.SIGTERM) for status in (128 + number, -number)))
"""Statuses of a program that was asked to stop."""


def run_job(run: Callable[[DictConfig], float], config: DictConfig) -> float:
    """Runs a job; one of a sweep that fails says so in its folder and on the screen, and gives NaN.

    Args:
        run: What the job does.
        config: Its configuration.
    """
    if HydraConfig.get().mode != RunMode.MULTIRUN:
        with one_sentence(), _kept(), as_called():
            return run(config)
    try:
        with _kept(), as_called():
            return _in_processes_of_its_own() if in_several_processes(config) else run(config)
    except MfnError as error:
        sentence = str(error)
    except Exception as error:
        sentence = unexpected(error)
    log.error("job %s failed: %s", HydraConfig.get().job.num, sentence)
    return float("nan")


def in_several_processes(config: DictConfig) -> bool:
    """Whether a trainer starts processes beside the one that it is in."""
    trainer = config.get("trainer", {})
    devices, accelerator = trainer.get("devices", 1), str(trainer.get("accelerator", "auto"))
    if str(devices) in ("auto", "-1"):
        count = 1 if accelerator == "cpu" else torch.cuda.device_count()
    elif isinstance(devices, int) or str(devices).isdecimal():
        count = int(devices)
    else:
        count = len(devices if OmegaConf.is_list(devices) else str(devices).strip(",").split(","))
    return count * int(trainer.get("num_nodes") or 1) > 1


@contextmanager
def _kept() -> Iterator[None]:
    """Leaves what a job failed of in its folder, unless that tells of an earlier, better end."""
    try:
        yield
    except Exception as error:
        hydra = HydraConfig.get()
        if not (summary := Path(hydra.runtime.output_dir) / SUMMARY).exists() and summary.parent.is_dir():
            failed = {
                "error": str(error) if isinstance(error, MfnError) else first_line(error),
                "value": None,
                "overrides": list(hydra.overrides.task),
            }
            summary.write_text(json.dumps(failed, indent=2), encoding="utf-8")
        raise


def _in_processes_of_its_own() -> float:
    """Runs this job of a sweep by its own command line, since only a fresh program can start several processes.

    Raises:
        MfnError: It failed, and what it wrote says why.
        SystemExit: It was stopped, and so is the sweep.
    """
    hydra: Any = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    folders = [of.path for of in hydra.runtime.config_sources if of.provider == "command-line"]
    flags = [word for path in folders for word in ("--config-dir", path)]
    words = [*hydra.overrides.task, quoted_override("hydra.run.dir", str(folder))]
    with subprocess.Popen([*own_program(), *flags, *words]) as process, _signals_for(process):
        status = process.wait()
    if not (summary := folder / SUMMARY).is_file():
        if status in STOPPED:
            sys.exit(status)
        raise MfnError(f"its processes ended with status {status}; see the messages above")
    if error := (told := json.loads(summary.read_text(encoding="utf-8"))).get("error"):
        raise MfnError(error)
    return float("nan") if told["value"] is None else told["value"]


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
