"""The compact protocol of Thrift, as far as headers of Parquet's pages have it.

https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from typing import Any

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12
_DEEPEST = 8
_LONGEST = 1 << 20


class NoHeaderError(Exception):
    """Bytes that are no header of a page."""


def read_struct(data: memoryview, place: int, depth: int = 0) -> tuple[dict[int, Any], int]:
    """Fields by their numbers, and where what follows begins.

    Raises:
        NoHeaderError: It breaks off, or is no struct of plain values.
    """
    try:
        return _struct(data, place, depth)
    except IndexError:
        raise NoHeaderError from None


def _struct(data: memoryview, place: int, depth: int) -> tuple[dict[int, Any], int]:
    if depth > _DEEPEST:
        raise NoHeaderError
    fields: dict[int, Any] = {}
    number = 0
    while head := data[place]:
        place += 1
        if step := head >> 4:
            number += step
        else:
            number, place = _signed(data, place)
        fields[number], place = _value(data, place, head & 15, depth)
    return fields, place + 1


def _value(data: memoryview, place: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (_TRUE, _FALSE):
        return kind == _TRUE, place
    if kind == _BYTE:
        return data[place], place + 1
    if kind in (_I16, _I32, _I64):
        return _signed(data, place)
    if kind == _DOUBLE:
        return None, place + 8
    if kind == _BINARY:
        length, place = _unsigned(data, place)
        return bytes(data[place : place + length]), place + length
    if kind == _STRUCT:
        return _struct(data, place, depth + 1)
    if kind not in (_LIST, _SET):
        raise NoHeaderError
    head, place = data[place], place + 1
    count = head >> 4
    if count == 15:
        count, place = _unsigned(data, place)
    if count > _LONGEST:
        raise NoHeaderError
    items = []
    for _ in range(count):
        item, place = _value(data, place, head & 15, depth + 1)
        items.append(item)
    return items, place


def _unsigned(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7
        if shift > 63:
            raise NoHeaderError


def _signed(data: memoryview, place: int) -> tuple[int, int]:
    value, place = _unsigned(data, place)
    return value >> 1 ^ -(value & 1), place
