"""Knowing an image again by what its pixels are made from, whatever it is called and without decoding it."""

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from mfn.errors import DataError
from mfn.sources.source import ImageSource, copies_of, is_encoded, is_made

_READERS = 8
"""Threads that read and hash: disks and networks answer several questions at a time."""
_PART = 64
"""Images that a thread takes at a time; handing over costs more than hashing one."""


def content(source: ImageSource, index: int) -> bytes:
    """All that the pixels of image `index` are a function of: its encoded bytes, and what is done to them.

    Where images are not stored encoded it is the pixels themselves.

    Raises:
        DataError: The image cannot be read.
    """
    if is_made(source):
        return source.content(index)
    if is_encoded(source):
        data = source.encoded(index)
    else:
        image = source.image(index)
        data = f"{image.shape}".encode() + image.tobytes()
    copies = copies_of(source)
    if copies is not None and copies.codes[index]:  # a copy's noise is a function of its row
        data += f"{copies.variants[index]} {index}".encode()
    return data


def digests(source: ImageSource, positions: Iterable[int]) -> list[bytes]:
    """16 bytes for each image that differ where the contents do; an image that cannot be read is its own."""
    every = list(positions)
    parts = [every[start : start + _PART] for start in range(0, len(every), _PART)]
    with ThreadPoolExecutor(_READERS) as pool:
        return list(chain.from_iterable(pool.map(lambda part: [_digest(source, index) for index in part], parts)))


def is_stored(source: ImageSource) -> bool:
    """Whether looking at the contents of a source costs no decoding or drawing."""
    return source.stored if is_made(source) else is_encoded(source)


def _digest(source: ImageSource, index: int) -> bytes:
    try:
        data = content(source, index)
    except DataError as error:
        data = f"{index}: {error}".encode(errors="backslashreplace")
    return hashlib.blake2b(data, digest_size=16).digest()
