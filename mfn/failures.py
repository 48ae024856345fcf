"""Errors as one sentence and an exit status, not as a traceback."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hydra.errors import InstantiationException
from omegaconf.errors import OmegaConfBaseException

from mfn.errors import ConfigError, MfnError

log = logging.getLogger(__name__)


@contextmanager
def unwrapped() -> Iterator[None]:
    """Turns Hydra's wrapper around a constructor's error back into the error itself.

    Raises:
        MfnError: What the constructor raised, or a ConfigError with its text.
    """
    try:
        yield
    except OmegaConfBaseException as error:
        raise ConfigError(" ".join(str(error).split())) from error
    except InstantiationException as error:
        cause = error.__cause__
        while isinstance(cause, InstantiationException) and cause.__cause__ is not None:
            cause = cause.__cause__
        if isinstance(cause, MfnError):
            raise cause from error
        key = getattr(error, "full_key", "") or ""
        raise ConfigError(" ".join(str(cause or error).split()) + (f" (key {key})" if key else "")) from error


@contextmanager
def one_sentence() -> Iterator[None]:
    """Ends the program with the sentence of an :class:`~mfn.errors.MfnError` and exit status 1."""
    try:
        yield
    except MfnError as error:
        log.debug("where it came from", exc_info=True)
        if not logging.getLogger().handlers:
            logging.basicConfig(format="%(message)s", level=logging.INFO)
        log.error("error: %s", error)
        sys.exit(1)
