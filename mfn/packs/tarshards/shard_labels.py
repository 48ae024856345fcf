"""Whom a sample of a tar shard shows, by the small file beside its image."""

import json
from typing import Any

from mfn.files.lines import label

FIELDS = ("cls", "json", "txt")
"""Of which the first that is there counts."""
MOST_BYTES = 1 << 20
_KEYS = ("label", "cls", "class", "class_id", "identity", "person")
_LONGEST = 256
"""Letters of a name; a longer text is none."""


class LabelError(ValueError):
    """A file names nobody; the text is a phrase in the plural that says what such files are."""


def identity_in(field: str, data: bytes) -> tuple[int | str, str]:
    """Whom a label's file names, and the person's name, "" where it tells none.

    Args:
        field: What kind of file it is: cls and txt hold a number or a name, json an object with ``label``.
        data: Its bytes.

    Raises:
        LabelError: Nobody.
    """
    identity, name = _in_json(data) if field == "json" else (_of_text(data.decode("utf-8", "surrogateescape")), "")
    if isinstance(identity, int) and identity < 0:
        raise LabelError("images with a label below 0")
    return identity, name


def _of_text(text: str) -> int | str:
    text = text.strip("\ufeff \t\r\n\0")
    if not text or len(text) > _LONGEST or "\n" in text:
        raise LabelError("images whose label cannot be read")
    number = label(text)
    return text if number is None else number


def _in_json(data: bytes) -> tuple[int | str, str]:
    try:
        content: Any = json.loads(data)
    except (ValueError, RecursionError):
        raise LabelError("images whose label cannot be read") from None
    found = content if isinstance(content, dict) else {}
    name = found.get("name")
    name = name if isinstance(name, str) and 0 < len(name.strip()) <= _LONGEST else ""
    value = next((found[key] for key in _KEYS if found.get(key) is not None), name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str):
        return _of_text(value), name
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
        raise LabelError("images whose label cannot be read")
    return value, name
