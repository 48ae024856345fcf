"""Damaged copies of right files, each a function of a seed."""

import numpy as np

INSERTED = (
    *(b"\0", b"\xff", b"\xfe\xff", b"\n", b"\r", b"\t", b",", b";", b'"', b"'", b"\\", b"-", b".", b" "),
    *(b"9" * 30, b"nan", b"[", b"{", b"${oc.env:HOME}", b"../", "\u202e".encode()),
)
NUMBERS = tuple(
    number.to_bytes(width, "little", signed=True)
    for width in (4, 8)
    for number in (0, 1, -1, 2 ** (8 * width - 1) - 1, -(2 ** (8 * width - 1)), 2**24, 0x7F800000)
)
"""What a length, a count or an offset may be that nobody expects."""


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """One to four changes: bytes set, cut out, doubled, put in, numbers of four or eight bytes, or the end cut off."""
    changed = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        place = int(rng.integers(0, len(changed) + 1))
        match rng.integers(0, 8):
            case 0 if place < len(changed):
                changed[place] = int(rng.integers(0, 256))
            case 1:
                del changed[place : place + int(rng.integers(1, 20))]
            case 2:
                changed[place:place] = changed[place : place + int(rng.integers(1, 20))]
            case 3:
                changed[place:place] = INSERTED[rng.integers(0, len(INSERTED))]
            case 4:
                del changed[place:]
            case 5:
                number = NUMBERS[rng.integers(0, len(NUMBERS))]
                changed[place : place + len(number)] = number
            case 6:  # one part of the file over another
                start, length = int(rng.integers(0, len(changed) + 1)), int(rng.integers(1, 64))
                changed[place : place + length] = changed[start : start + length]
            case _ if place < len(changed):
                changed[place] ^= 1 << int(rng.integers(0, 8))
    return bytes(changed)
