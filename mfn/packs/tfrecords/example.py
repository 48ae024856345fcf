"""`tf.train.Example` without TensorFlow: just enough of the protobuf wire format.

An Example holds Features (field 1), a map (field 1) of entries with a name (1) and a Feature (2): a list of bytes
(1), of float32 (2) or of int64 (3), whose values are field 1, numbers packed or one by one. Fields that are none of
these are passed over, as protobuf wants it.
"""

import struct

Value = list[memoryview] | list[float] | list[int]
Field = tuple[int, int, int]
"""Tag (number and wire type), first byte and end of a field in a message."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIRST, _SECOND, _THIRD = (number << 3 | _BYTES for number in (1, 2, 3))  # tags of fields that hold bytes


class ExampleError(ValueError):
    """The bytes are no `tf.train.Example`."""


class Example:
    """The features of an example, taken apart when asked for, so that a label is found without touching the image.

    Attributes:
        names: Of its features.

    Raises:
        ExampleError: The bytes are no such message.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = data = memoryview(data)
        self._features: dict[str, tuple[int, int]] = {}
        maps = [bounds for tag, *bounds in _fields(data, 0, len(data)) if tag == _FIRST]
        entries = [bounds for start, end in maps for tag, *bounds in _fields(data, start, end) if tag == _FIRST]
        for start, end in entries:
            name, feature = "", (0, 0)
            for tag, first, last in _fields(data, start, end):
                if tag == _FIRST:
                    name = str(data[first:last], "utf-8", "replace")
                elif tag == _SECOND:
                    feature = (first, last)
            self._features[name] = feature
        self.names = self._features.keys()

    def __getitem__(self, name: str) -> Value:
        """A feature's values; none where it is empty or not there. Bytes are views of the data.

        Raises:
            ExampleError: Its bytes are no feature.
        """
        data = self._data
        for tag, start, end in _fields(data, *self._features.get(name, (0, 0))):
            values = [field for field in _fields(data, start, end) if field[0] >> 3 == 1]
            if tag == _FIRST:
                return [data[first:last] for tag, first, last in values if tag == _FIRST]
            if tag == _SECOND:
                return [x for _, first, last in values for x in _floats(data[first:last])]
            if tag == _THIRD:
                return [x for _, first, last in values for x in _integers(data, first, last)]
        return []


def _fields(data: memoryview, position: int, end: int) -> list[Field]:
    """Takes the message in data[position:end] apart."""
    fields: list[Field] = []
    while position < end:
        tag, start = data[position], position + 1
        if tag >= 0x80:
            tag, start = _varint(data, position)
        kind = tag & 7
        if kind == _BYTES:
            length, start = _varint(data, start)
            position = start + length
        elif kind == _VARINT:
            _, position = _varint(data, start)
        elif kind in (_FIXED32, _FIXED64):
            position = start + (4 if kind == _FIXED32 else 8)
        else:
            raise ExampleError(f"wire type {kind} at byte {position} is none of a tf.train.Example")
        fields.append((tag, start, position))
    if position > end:
        raise ExampleError(f"a field ends at byte {position} but what holds it at {end}")
    return fields


def _floats(data: memoryview) -> list[float]:
    if len(data) % 4:
        raise ExampleError(f"{len(data)} bytes are no list of float32")
    return [x for (x,) in struct.iter_unpack("<f", data)]


def _integers(data: memoryview, position: int, end: int) -> list[int]:
    """The varints of a field, which holds one or, packed, many; negative ones lie as their complement."""
    numbers = []
    while position < end:
        number, position = _varint(data, position)
        numbers.append(number - (1 << 64) if number >> 63 else number)
    return numbers


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    """A number of 7 bits a byte, the lowest first, and where it ends."""
    if position < len(data) and data[position] < 0x80:
        return data[position], position + 1
    number = 0
    for shift in range(0, 70, 7):
        if position == len(data):
            break
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & 0xFFFFFFFFFFFFFFFF, position
    raise ExampleError(f"the number before byte {position} does not end")
