"""Errors a user can act on: each is one sentence that names what is wrong and what to do."""

import re
from itertools import takewhile

_ADVICE = re.compile(
    r"(please|try|re-?run|consider|set|use|install|pass|see|to |if you|you can|for more|make sure|check|do it)\b|"
    r".*(https?://|weights_only|allow_pickle|file an issue)",
    re.IGNORECASE,
)
"""Sentences in which another library tells its own users what to do."""


def first_line(error: BaseException, most: int = 200) -> str:
    """What another library's error says, in one line: the first of its text, or its type where it says nothing.

    What it advises is left out: that may be unsafe, and refers to its own functions, not to our keys.

    Args:
        error: The error.
        most: Characters.
    """
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    text = " ".join(takewhile(lambda sentence: not _ADVICE.match(sentence), re.split(r"(?<=[.!?;])\s+", line)))
    return text[:most].rstrip(" ;") or type(error).__name__


class MfnError(Exception):
    """Base of all errors that are told to the user as one sentence, without a traceback."""


class ConfigError(MfnError):
    """A configuration value makes no sense."""


class DataError(MfnError):
    """A data set, pack or image is missing, damaged or not what it claims to be."""


class BrokenImageError(DataError):
    """One image cannot be decoded; training skips and counts these."""


class CheckpointError(MfnError):
    """A checkpoint or weight file does not fit what is asked of it."""


class ExportError(MfnError):
    """A network cannot be exported as asked, or an exported file fails its proof."""
