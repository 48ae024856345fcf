"""Who may use the server: keys that its owner hands out."""

import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path

from mfn.errors import ConfigError

_SHORTEST = 16


class Keys:
    """Keys of an API. Only their hashes are kept.

    Args:
        keys: At least one, of 16 characters or more without blanks.

    Raises:
        ConfigError: There is none, or one is too short.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ConfigError("there is no key: put at least one into the file, on a line of its own")
        for number, key in enumerate(keys, 1):
            if len(key) < _SHORTEST or not key.isascii() or not key.isprintable() or " " in key:
                raise ConfigError(
                    f"key {number} must have at least {_SHORTEST} letters and digits without blanks: "
                    "`python -c 'import secrets; print(secrets.token_urlsafe(32))'` makes one"
                )
        self._hashes = [_hash(key.encode()) for key in keys]

    @classmethod
    def read(cls, path: Path) -> "Keys":
        """Keys of a file, one a line; empty lines and those that begin with ``#`` say nothing.

        Raises:
            ConfigError: It cannot be read, or see above.
        """
        try:
            lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        except (OSError, ValueError) as error:
            raise ConfigError(f"--key-file {path} cannot be read: give a text file with one key a line") from error
        try:
            return cls([line for line in lines if line and not line.startswith("#")])
        except ConfigError as error:
            raise ConfigError(f"--key-file {path}: {error}") from None

    def place(self, given: bytes) -> int | None:
        """Which of the keys this is, by its place; None for none of them.

        The time that takes does not depend on how much of a key is right, nor on which one it is.
        """
        asked, found = _hash(given), None
        for place, known in enumerate(self._hashes):
            if hmac.compare_digest(asked, known):
                found = place
        return found


def _hash(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
