"""What the names in a pickle lead to: builders of bytes, numbers and arrays, nothing else."""

from collections.abc import Callable
from typing import Any

import numpy as np

_CODES = {*(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)), "f2", "f4", "f8", "b1"}
_NAMES = {np.dtype(code).name for code in _CODES}
_ORDERS = ("<", ">", "|", "=")


class Refused(Exception):  # noqa: N818  it is no error of ours
    """Something a pack may not hold; the message names it."""


class StandIn:
    """What a name in a pickle leads to: neither a type to instantiate nor an object whose state can be set."""

    __slots__ = ("_build", "name")

    def __init__(self, build: Callable[..., Any], name: str) -> None:
        self._build = build
        self.name = name

    def __call__(self, *args: Any) -> Any:
        """Builds, or refuses arguments that no pack has."""
        try:
            return self._build(*args)
        except (TypeError, ValueError, AttributeError):
            raise Refused(f"a call of {self.name} that no pack makes") from None

    def __setstate__(self, state: Any) -> None:
        raise Refused(f"a changed {self.name}")


class Dtype:
    """A numpy type of plain numbers; its state may say in which order their bytes are, and nothing else.

    Attributes:
        code: As the pickle has it.
        type: What it stands for.
    """

    __slots__ = ("code", "type")

    def __init__(self, code: str | bytes, *flags: Any) -> None:
        self.code = _text(code)
        if self.code.lstrip("".join(_ORDERS)) not in _CODES | _NAMES:
            raise Refused(f"a numpy type {self.code[:40]!r}")
        self.type = np.dtype(self.code)

    def __setstate__(self, state: Any) -> None:
        _, order, *more = state
        if _text(order) not in _ORDERS or any(part is not None for part in more[:3]):
            raise Refused("a numpy type that is no plain number")
        self.type = np.dtype(_text(order) + self.type.str[1:])


class Array:
    """A numpy array; all protocols but the newest name its type and shape in a second step."""

    __slots__ = ("code", "value")

    def __init__(self, *_: Any) -> None:
        pass

    @classmethod
    def from_buffer(cls, data: bytes, dtype: Dtype, shape: tuple[int, ...], order: str = "C") -> "Array":
        """Builds an array in one step, as protocol 5 does."""
        array = cls()
        array.__setstate__((1, shape, dtype, order == "F", data))
        return array

    def __setstate__(self, state: Any) -> None:
        try:
            _, shape, dtype, is_fortran, data = state
            flat = np.frombuffer(_text_or_bytes(data), dtype.type)
            self.value = flat.reshape(shape, order="F" if is_fortran else "C")
            self.code = dtype.code
        except (TypeError, ValueError, AttributeError):
            raise Refused("a malformed numpy array") from None


class Number:
    """A number of numpy that is no bool."""

    __slots__ = ("value",)

    def __init__(self, value: int | float) -> None:
        self.value = value


def _scalar(dtype: Dtype, data: bytes | str) -> bool | Number:
    """Builds a numpy scalar."""
    value = np.frombuffer(_text_or_bytes(data), dtype.type).item()
    return value if isinstance(value, bool) else Number(value)


def _text(text: str | bytes) -> str:
    return text.decode("latin-1") if isinstance(text, bytes) else str(text)


def _text_or_bytes(text: Any = b"", encoding: str | bytes = "latin1") -> bytes:
    """Protocols before 3 write bytes as text in Latin-1."""
    if encoding not in ("latin1", "latin-1", b"latin1", b"latin-1") or not isinstance(text, str | bytes | bytearray):
        raise TypeError
    return text.encode("latin-1") if isinstance(text, str) else bytes(text)


def _bytearray(*args: Any) -> bytearray:
    return bytearray(_text_or_bytes(*args))


BUILDERS: dict[tuple[str, str], Callable[..., Any]] = {
    ("_codecs", "encode"): _text_or_bytes,
    ("numpy", "ndarray"): lambda: None,  # named beside _reconstruct, never called
    ("numpy", "dtype"): Dtype,
}
for _module in ("builtins", "__builtin__"):
    BUILDERS |= {(_module, "bytes"): _text_or_bytes, (_module, "bytearray"): _bytearray}
for _module in ("numpy.core", "numpy._core"):  # before and since numpy 2
    BUILDERS |= {
        (f"{_module}.multiarray", "_reconstruct"): Array,
        (f"{_module}.multiarray", "scalar"): _scalar,
        (f"{_module}.numeric", "_frombuffer"): Array.from_buffer,
    }
