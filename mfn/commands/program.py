"""A command that Hydra runs, called by its script (``python train.py``) or by its verb (``mfn train``)."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mfn.about import VERB
from mfn.checkpoint.backbone import admit
from mfn.config.build import targets_in
from mfn.config.command_line import CommandLine
from mfn.config.failures import one_sentence


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
        find_own_modules(CommandLine.parse(arguments).config_dir)
        with _command_line(verb, understood(arguments)):
            run()


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
