"""Pickles read without running anything that is in them.

A pickle is a program: it may name any function and call it. Here every name leads to a stand-in of our own that
only builds bytes, numbers or arrays of them, and every other name is refused before it is looked up.
"""

import pickle
from typing import Any

from mfn.files.pickle_builders import BUILDERS, Refused, StandIn


class PlainUnpickler(pickle.Unpickler):
    """Gives plain values, and `StandIn`, `Array`, `Dtype` and `Number` for what the names in a pickle build.

    Loading raises `Refused` at any other name; of a damaged pickle it may raise anything.
    """

    def find_class(self, module: str, name: str) -> Any:
        """Looks a name up among the builders.

        Raises:
            Refused: It is none of them.
        """
        try:
            return StandIn(BUILDERS[module, name], f"{module}.{name}")
        except KeyError:
            raise Refused(f"{module}.{name}") from None
