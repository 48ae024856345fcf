"""Pictures that were drawn once, for every process that is forked from this one."""

import mmap

import numpy as np

MOST = 256 * 2**20
"""Bytes of pictures that are kept; of a larger set none is."""


class KeptPictures:
    """Pictures of one size by their number, in memory that forked processes share.

    A page of it takes no memory before a picture is put there. Pickled, it is empty.

    Args:
        count: Pictures.
        size: Height and width.
    """

    def __init__(self, count: int, size: tuple[int, int]) -> None:
        self._made_for = count, size
        self._pictures: np.ndarray | None = None
        bytes_of_all = count * size[0] * size[1] * 3
        if bytes_of_all > MOST:
            return
        try:
            memory = mmap.mmap(-1, bytes_of_all + count)
        except (OSError, ValueError):  # less is left, or nothing is to be kept
            return
        self._pictures = np.frombuffer(memory, np.uint8, bytes_of_all).reshape(count, *size, 3)
        self._is_there = np.frombuffer(memory, np.uint8, count, offset=bytes_of_all)

    def __reduce__(self) -> tuple[type["KeptPictures"], tuple[int, tuple[int, int]]]:
        return KeptPictures, self._made_for

    def get(self, index: int) -> np.ndarray | None:
        """A copy of a picture, uint8 (H, W, 3); None where it was not put here yet."""
        if self._pictures is None or not self._is_there[index]:
            return None
        return self._pictures[index].copy()

    def put(self, index: int, picture: np.ndarray) -> None:
        """Keeps a picture, where any are kept."""
        if self._pictures is not None:
            self._pictures[index] = picture
            self._is_there[index] = 1  # last: another process may look at any time
