"""Values as Hydra's grammar and a shell want them typed."""

import re
import shlex

from mfn.config.arguments import literal

_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")
_OTHERWISE = re.compile(r"[+-]?[\d._]+(e[+-]?\d+)?|[+-]?(inf|nan)|true|false|null", re.IGNORECASE)
"""Numbers and other words that the grammar does not take for text."""


def quoted(text: str) -> str:
    """Text as a quoted value of Hydra's grammar, which gives back these very characters."""
    inside = re.sub(r'(\\*)"', r'\1\1\\"', literal(text))
    return '"' + re.sub(r"(\\+)$", r"\1\1", inside) + '"'


def quoted_override(key: str, text: str) -> str:
    """``key=text`` for Hydra, where the text stays text whatever is in it; without quotes where it needs none."""
    return f"{key}={text if _PLAIN.fullmatch(text) and not _OTHERWISE.fullmatch(text) else quoted(text)}"


def typed(override: str) -> str:
    """An override as one types it in a shell."""
    return shlex.quote(override)
