"""What a command says: results go to standard output, warnings and errors to standard error."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from mfn.config.failures import one_sentence
from mfn.errors import DataError


@contextmanager
def plain_program(status: int = 1) -> Iterator[None]:
    """Runs a command that Hydra has no part in: results on the screen; one sentence and a status for an error."""
    logging.basicConfig(format="%(message)s", level=logging.INFO, handlers=screens())
    with one_sentence(status):
        yield


def screens() -> list[logging.Handler]:
    """A handler for results and one for warnings and errors."""
    results, complaints = _Results(sys.stdout), logging.StreamHandler(sys.stderr)
    results.addFilter(lambda record: record.levelno < logging.WARNING)
    complaints.setLevel(logging.WARNING)
    return [results, complaints]


class _Results(logging.StreamHandler[TextIO]):
    """Says no more once nobody reads, as after ``| head``; other errors of writing end the command."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Takes the place of logging's own traceback.

        Raises:
            DataError: What was said could not be written, as on a full disk.
        """
        error = sys.exc_info()[1]
        if isinstance(error, BrokenPipeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())  # also for what Python itself flushes at the end
            os.close(nowhere)
        elif isinstance(error, OSError):
            raise DataError(f"standard output cannot be written ({error.strerror}): free some space") from error
        else:
            super().handleError(record)
