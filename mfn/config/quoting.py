"""Values on a command line that has two readers: the shell takes its quotes off, Hydra's grammar reads the rest."""

import re
import shlex
from collections.abc import Mapping, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import QuotedString
from hydra.errors import HydraException

_PLAIN = re.compile(r"[\w@%+=:,./~ '\"(){}\[\]&;!#$*?<>|\\^`-]*")
"""What a shell keeps inside single quotes and a terminal shows as it is."""


def quoted_override(key: str, value: object) -> str:
    """An override as one word for a shell, which Hydra reads as this very value.

    Args:
        key: Such as ``data.root``.
        value: Text, which stays text even where it looks like a number or a list; or None, a truth value, a number, or
            a list of these.

    Returns:
        Such as ``data.root=/faces`` or ``'data.root="faces (2)"'``.
    """
    return shell_word(f"{key}={hydra_value(value)}")


def hydra_value(value: object) -> str:
    """The shortest text that Hydra reads as this very value; it is not yet quoted for a shell."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{hydra_value(item)}" for key, item in value.items()) + "}"
    if not isinstance(value, str):
        return f"[{','.join(map(hydra_value, value))}]" if isinstance(value, Sequence) else str(value)
    text = _without_interpolation(value)
    return text if text == value == _parsed(text) else _quoted(text)


def is_read_as_text(typed: str) -> bool:
    """Whether Hydra takes what was typed behind a ``=`` for text: for these very letters, or for a quoted string."""
    return isinstance(value := _parsed(typed), QuotedString) or value == typed


def value_read(typed: str) -> object:
    """What Hydra makes of what was typed behind a ``=``: plain values and lists; None also where it reads nothing."""
    value = _parsed(typed)
    return value.text if isinstance(value, QuotedString) else value


def _parsed(typed: str) -> object:
    """What the grammar makes of a value; an object of its own where that is a sweep, None where it cannot be read."""
    try:
        override = OverridesParser.create().parse_override(f"key={typed}")
    except HydraException:
        return None
    return override._value  # its `value()` takes quotes off


def shell_word(text: str) -> str:
    """Text as one word for a shell; bytes that are no UTF-8, and control characters, as bash and zsh write them."""
    if _PLAIN.fullmatch(text):
        return shlex.quote(text)
    shown = re.sub(r"[\\']", r"\\\g<0>", text)
    return "$'" + "".join(char if char.isprintable() else _escaped(char) for char in shown) + "'"


def _escaped(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))


def _quoted(text: str) -> str:
    """Inside Hydra's quotes only the quote itself needs a backslash, and the backslashes just before one."""
    mark = '"' if '"' not in text else "'"  # a shell's own quotes are single ones
    return mark + re.sub(rf"(\\*)({mark}|\Z)", lambda found: 2 * found[1] + (found[2] and "\\" + found[2]), text) + mark


def _without_interpolation(text: str) -> str:
    """``${`` would refer to another key; OmegaConf takes a backslash before it, and doubled ones before that."""
    return re.sub(r"(\\*)\$\{", lambda found: 2 * found[1] + r"\${", text)
