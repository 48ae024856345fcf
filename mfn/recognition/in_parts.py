"""Long things a part at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def in_parts(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size` items, as `itertools.batched` of Python 3.12 gives them."""
    remaining = iter(items)
    while part := list(islice(remaining, size)):
        yield part
