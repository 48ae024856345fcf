"""Errors as one sentence and an exit status, not as a traceback."""

import io
import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mfn.errors import ConfigError, MfnError, first_line
from mfn.processes.started import says_what_is_wrong

log = logging.getLogger(__name__)

INTERRUPTED = 128 + 2
"""Exit status of a program that Ctrl-C ended."""


@contextmanager
def resolving() -> Iterator[None]:
    """Tells a reference in a configuration that leads nowhere in one sentence.

    Raises:
        ConfigError: There is one.
    """
    from omegaconf.errors import OmegaConfBaseException  # not for commands that Hydra has no part in

    try:
        yield
    except OmegaConfBaseException as error:
        raise ConfigError(" ".join(str(error).split())) from error


@contextmanager
def one_sentence(status: int = 1) -> Iterator[None]:
    """Ends the program with one sentence and an exit status for any error.

    An :class:`~mfn.errors.MfnError` is the sentence. Of anything else the sentence is what the library said first, and
    its traceback goes to a file that the sentence names.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may be of any bytes
    try:
        yield
    except MfnError as error:
        log.debug("where it came from", exc_info=True)
        fail(f"error: {error}", status)
    except KeyboardInterrupt:
        fail("stopped", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python would complain once more when it flushes at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if os.environ.get("HYDRA_FULL_ERROR"):
            raise
        fail(f"error: {unexpected(error)}", status)


def unexpected(error: Exception) -> str:
    """One sentence for an error that nobody foresaw; its traceback goes to a file."""
    words = f"{type(error).__name__}: {first_line(error)}"
    try:
        return f"{words} (nobody foresaw this; the whole story is in {_write_traceback(error)})"
    except OSError:
        return words


def fail(sentence: str, status: int = 1) -> None:
    """Says a sentence and ends the program; of several that were started together one says it for its machine."""
    if not says_what_is_wrong():
        sys.exit(status)
    if not logging.getLogger().handlers:
        logging.basicConfig(format="%(message)s", level=logging.INFO)
    log.error("%s", sentence)
    sys.exit(status)


def _write_traceback(error: Exception) -> Path:
    """Writes a traceback to the run's folder, or where temporary files go."""
    text = "".join(traceback.format_exception(error))
    if (folder := _folder_of_run()) is not None:
        file = folder / "error.log"
        with file.open("a", encoding="utf-8", errors="backslashreplace") as log_file:
            log_file.write(text)
        return file
    with tempfile.NamedTemporaryFile(
        "w", prefix="mfn-error-", suffix=".log", delete=False, encoding="utf-8", errors="backslashreplace"
    ) as temporary:
        temporary.write(text)
    return Path(temporary.name)


def _folder_of_run() -> Path | None:
    """The folder of the job that Hydra runs; None where it runs none."""
    if "hydra" not in sys.modules:  # importing it takes as long as some commands
        return None
    from hydra.core.hydra_config import HydraConfig

    output = HydraConfig.get().runtime.output_dir if HydraConfig.initialized() else None
    return Path(output) if output and Path(output).is_dir() else None
