"""Numbers for identities that depend on nothing but their names."""

import hashlib

import numpy as np


def identity_keys(identities: np.ndarray) -> np.ndarray:
    """A label for each row, so that a seeded choice for one identity is the same whoever else is there.

    Args:
        identities: str (N,).

    Returns:
        int64 (N,), 63 bits of the name's hash, not negative.
    """
    names, inverse = np.unique(identities, return_inverse=True)
    return np.array([_key(name) for name in names.tolist()], np.int64)[inverse]


def _key(name: str) -> int:
    digest = hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
