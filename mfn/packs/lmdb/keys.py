"""Millions of keys in little memory, which goes to other processes as one piece."""

from collections.abc import Sequence

import numpy as np


class Keys:
    """Byte strings one after the other.

    Args:
        keys: In their order.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._bytes = b"".join(keys)
        self._ends = np.cumsum([len(key) for key in keys], dtype=np.int64)

    def __len__(self) -> int:
        return self._ends.size

    def __getitem__(self, index: int) -> bytes:
        start = 0 if index == 0 else self._ends[index - 1]
        return self._bytes[start : self._ends[index]]
