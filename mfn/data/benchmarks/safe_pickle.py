"""Reading pickles of byte strings without running anything that is in them.

A pickle is a program: it may name any function and call it. Here every name leads to a stand-in of our own that
only builds bytes, flags or arrays of them, and every other name is refused before it is looked up.
"""

import pickle
from pathlib import Path
from typing import Any

from mfn.data.benchmarks.pickle_builders import BUILDERS, Array, Refused, StandIn
from mfn.errors import DataError

_MAX_DEPTH = 3  # (images, flags), each a list; a cycle ends here too


def load(path: str | Path) -> Any:
    """Read a pickle that holds lists, tuples, bytes, bytearrays, bools and numpy arrays of uint8 or bool, no more.

    Pickles of Python 2 and 3 are read, any protocol; a `str` of Python 2 becomes bytes. Arrays come out as numpy
    arrays, numpy's bools as Python's.

    Raises:
        DataError: the file is missing or cut short, or names or holds anything else; nothing in it was run.
    """
    try:
        with Path(path).open("rb") as file:
            return _plain(_Unpickler(file, encoding="bytes").load())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    except Refused as refusal:
        raise DataError(
            f"{path} is refused: it holds {refusal}, and a pack may hold only lists, tuples, bytes, bools and arrays "
            "of uint8 or bool; nothing in it was run"
        ) from None
    except Exception as error:  # a damaged pickle may raise anything
        raise DataError(f"{path} is no whole pickle ({error}): get the file again") from None


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return StandIn(BUILDERS[module, name], f"{module}.{name}")
        except KeyError:
            raise Refused(f"{module}.{name}") from None


def _plain(value: Any, depth: int = 0) -> Any:
    """Turn stand-ins into what they stand for and refuse everything that is not wanted."""
    if isinstance(value, Array):
        return value.value
    if isinstance(value, list | tuple) and depth < _MAX_DEPTH:
        return type(value)(_plain(item, depth + 1) for item in value)
    if isinstance(value, bytes | bytearray | bool):
        return value
    if isinstance(value, StandIn):
        raise Refused(f"the bare name {value.name}")
    what = f"{type(value).__module__}.{type(value).__name__}".removeprefix("builtins.")
    raise Refused("lists nested too deeply" if what in ("list", "tuple") else what)
