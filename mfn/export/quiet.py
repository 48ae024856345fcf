"""Toolchains talk about their own insides; a user hears of files."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps other libraries' messages below an error, their warnings and what they print to themselves.

    Messages of mfn come through.
    """
    root, ours = logging.getLogger(), logging.getLogger("mfn")
    levels = root.level, ours.level
    ours.setLevel(ours.level or root.level)
    root.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(levels[0])
        ours.setLevel(levels[1])
