"""What MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) holds, as far as face packs have it."""

from collections.abc import Callable
from struct import Struct
from struct import error as StructError
from typing import Any

_NUMBERS = {
    **{code: Struct(f">{kind}") for code, kind in zip(range(0xCA, 0xD4), "fdBHIQbhiq", strict=True)},
}
_LENGTHS = {code: Struct(f">{kind}") for code, kind in zip((0xC4, 0xC5, 0xC6, 0xD9, 0xDA, 0xDB), "BHIBHI", strict=True)}
"""Of bytes, then of text."""
_COUNTS = {0xDC: Struct(">H"), 0xDD: Struct(">I")}
_CONSTANTS: dict[int, Any] = {0xC0: None, 0xC2: False, 0xC3: True}


class NoMessageError(Exception):
    """Damage, or a kind of value that no pack has."""


def items(message: memoryview, most: int | None = None) -> list[Any]:
    """The first items of a message that is an array: numbers, truth values, None, and bytes, as which text comes too.

    Args:
        message: All of it.
        most: How many of them; what follows is not looked at.

    Raises:
        NoMessageError: It is no array, breaks off, or one of them is none of these.
    """
    return _guarded(lambda: _items(message, most))


def item(message: memoryview) -> Any:
    """The one item that a message is; raises as `items` does."""
    return _guarded(lambda: _item(message, 0)[0])


def _guarded(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (IndexError, StructError):
        raise NoMessageError from None


def _items(message: memoryview, most: int | None) -> list[Any]:
    code = message[0]
    count, place = (code & 15, 1) if code & 0xF0 == 0x90 else _unpacked(_COUNTS, message, 0)
    found = []
    for _ in range(count if most is None else min(count, most)):
        value, place = _item(message, place)
        found.append(value)
    return found


def _item(message: memoryview, place: int) -> tuple[Any, int]:
    """An item and where the next one begins."""
    code = message[place]
    if code < 0x80 or code >= 0xE0:
        return code if code < 0x80 else code - 256, place + 1
    if code in _CONSTANTS:
        return _CONSTANTS[code], place + 1
    if code in _NUMBERS:
        return _unpacked(_NUMBERS, message, place)
    length, start = (code & 31, place + 1) if code & 0xE0 == 0xA0 else _unpacked(_LENGTHS, message, place)
    if start + length > len(message):
        raise NoMessageError
    return bytes(message[start : start + length]), start + length


def _unpacked(forms: dict[int, Struct], message: memoryview, place: int) -> tuple[Any, int]:
    if (form := forms.get(message[place])) is None:
        raise NoMessageError
    return form.unpack_from(message, place + 1)[0], place + 1 + form.size
