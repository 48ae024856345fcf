"""A command that Hydra runs, called by its script (``python train.py``) or by its verb (``mfn train``)."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from hydra._internal import utils as hydra_utils  # what ends the program on an error

from mfn.about import VERB
from mfn.checkpoint.backbone import admit
from mfn.config.build import targets_in
from mfn.config.command_line import CommandLine
from mfn.config.failures import one_sentence, unexpected
from mfn.errors import ConfigError, MfnError
from mfn.processes.started import place_beside_others, started

log = logging.getLogger(__name__)

PARENT = "MFN_PARENT"
"""Variable of the environment with the process that a job of a sweep is to end with."""
LOOK = 1.0
"""Seconds between two looks at whether a process is still there."""


def run_program(
    run: Callable[[], None], understood: Callable[[Sequence[str]], list[str]], arguments: Sequence[str], verb: str
) -> None:
    """Runs a command, and ends the program in one sentence where it fails.

    Args:
        run: A function of Hydra's, which reads the command line.
        understood: What the arguments mean, for Hydra.
        arguments: As typed, without the program's name and the verb.
        verb: "" for a script.
    """
    with one_sentence():
        if parent := os.environ.pop(PARENT, None):
            threading.Thread(target=_end_with, args=(int(parent),), daemon=True).start()
        line = CommandLine.parse(arguments)
        find_own_modules(line.config_dir)
        beside = _beside_others(line)
        with _command_line(verb, [*understood(arguments), *beside]), _whole_sweep() if line.multirun else nullcontext():
            run()


def _beside_others(line: CommandLine) -> list[str]:
    """What a command adds to its words where torchrun or SLURM has started it in several processes."""
    by = started()
    if by is not None and by.size > 1 and line.multirun:
        raise ConfigError(
            f"{by.by} has started {by.size} processes, each of which would run the whole sweep: leave {by.by} or -m out"
        )
    return place_beside_others()


@contextmanager
def as_called() -> Iterator[None]:
    """Within a job: the command line with its verb, which Lightning repeats to start further processes."""
    verb = os.environ.get(VERB)
    before = sys.argv
    if verb:
        sys.argv = [before[0], verb, *before[1:]]
    try:
        yield
    finally:
        sys.argv = before


def own_program() -> list[str]:
    """What starts the running command again, before its arguments."""
    if verb := os.environ.get(VERB):
        return [sys.executable, "-m", "mfn", verb]
    return [sys.executable, sys.argv[0]]


@contextmanager
def _whole_sweep() -> Iterator[None]:
    """Has what ends a sweep early, such as a launcher that breaks down, told like any other error, after the results.

    Hydra itself would print its traceback and end the program.
    """
    before, hydra_utils.run_and_report = hydra_utils.run_and_report, _as_it_is
    try:
        yield
    except Exception as error:
        from mfn.report.sweep import sum_up_unfinished  # and its pictures, which not every command needs

        log.error("%s", error if isinstance(error, MfnError) else unexpected(error))
        sum_up_unfinished()
        sys.exit(1)
    finally:
        hydra_utils.run_and_report = before


def _end_with(parent: int) -> None:
    """Asks this very process to stop once its parent is gone, however that ended."""
    while os.getppid() == parent:
        time.sleep(LOOK)
    os.kill(os.getpid(), signal.SIGTERM)


def _as_it_is(function: Callable[[], Any]) -> Any:
    return function()


@contextmanager
def _command_line(verb: str, arguments: Sequence[str]) -> Iterator[None]:
    before = sys.argv
    sys.argv = [before[0], *arguments]
    os.environ[VERB] = verb
    try:
        yield
    finally:
        sys.argv = before
        os.environ.pop(VERB, None)


def find_own_modules(own: str | None) -> None:
    """Lets a configuration name classes in files of the user's own: in the current folder, and in a ``--config-dir``.

    They come last, so that no file there takes the place of an installed module. Networks that such a folder names can
    be made from checkpoints too.

    Args:
        own: The ``--config-dir``.
    """
    if own is not None:
        admit(targets_in(Path(own)))
    folders = ["", *([] if own is None else [own])]
    for path in (str(Path(folder).resolve()) for folder in folders):
        if path not in sys.path:
            sys.path.append(path)
