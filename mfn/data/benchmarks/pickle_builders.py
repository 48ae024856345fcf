"""What the names in a verification pack's pickle lead to: builders of bytes, flags and arrays, nothing else."""

from collections.abc import Callable
from typing import Any

import numpy as np

_DTYPES = {"u1": np.uint8, "|u1": np.uint8, "uint8": np.uint8, "b1": np.bool_, "|b1": np.bool_, "bool": np.bool_}


class Refused(Exception):  # noqa: N818  it is no error of ours
    """Something a pack may not hold; the message names it."""


class StandIn:
    """What a name in a pickle leads to: neither a type to instantiate nor an object whose state can be set."""

    __slots__ = ("_build", "name")

    def __init__(self, build: Callable[..., Any], name: str) -> None:
        self._build = build
        self.name = name

    def __call__(self, *args: Any) -> Any:
        """Build, or refuse arguments that no pack has."""
        try:
            return self._build(*args)
        except (TypeError, ValueError, AttributeError):
            raise Refused(f"a call of {self.name} that no pack makes") from None

    def __setstate__(self, state: Any) -> None:
        raise Refused(f"a changed {self.name}")


class _Dtype:
    """A numpy type; its state (byte order, fields) says nothing about single bytes and is not looked at."""

    __slots__ = ("type",)

    def __init__(self, code: str | bytes, *flags: Any) -> None:
        text = code.decode("latin-1") if isinstance(code, bytes) else code
        if text not in _DTYPES:
            raise Refused(f"a numpy type {text!r}")
        self.type = _DTYPES[text]

    def __setstate__(self, state: Any) -> None:
        pass


class Array:
    """A numpy array; all protocols but the newest name its type and shape in a second step."""

    __slots__ = ("value",)

    def __init__(self, *_: Any) -> None:
        pass

    @classmethod
    def from_buffer(cls, data: bytes, dtype: _Dtype, shape: tuple[int, ...], order: str = "C") -> "Array":
        """Build an array in one step, as protocol 5 does."""
        array = cls()
        array.__setstate__((1, shape, dtype, order == "F", data))
        return array

    def __setstate__(self, state: Any) -> None:
        try:
            _, shape, dtype, is_fortran, data = state
            flat = np.frombuffer(_text_or_bytes(data), dtype.type)
            self.value = flat.reshape(shape, order="F" if is_fortran else "C")
        except (TypeError, ValueError, AttributeError):
            raise Refused("a malformed numpy array") from None


def _flag(dtype: _Dtype, data: bytes) -> bool:
    """Build a numpy scalar, of which only bools are wanted."""
    value = np.frombuffer(data, dtype.type).item()
    if not isinstance(value, bool):
        raise Refused("a number of numpy")
    return value


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
    ("numpy", "dtype"): _Dtype,
}
for _module in ("builtins", "__builtin__"):
    BUILDERS |= {(_module, "bytes"): _text_or_bytes, (_module, "bytearray"): _bytearray}
for _module in ("numpy.core", "numpy._core"):  # before and since numpy 2
    BUILDERS |= {
        (f"{_module}.multiarray", "_reconstruct"): Array,
        (f"{_module}.multiarray", "scalar"): _flag,
        (f"{_module}.numeric", "_frombuffer"): Array.from_buffer,
    }
