"""Keys that were called otherwise before: the old spelling still works."""

import logging
import re
from collections.abc import Iterable, Mapping

log = logging.getLogger(__name__)

RENAMED: Mapping[str, Mapping[str, str]] = {
    "train": {"init_from": "model_path"},
    "evaluate": {"probe": "check_contract", "probe_pairs": "check_contract_pairs"},
    "export": {"ckpt_path": "model_path"},
}
"""The old key and the new one, for each command."""
_KEY = re.compile(r"([+~]*)([\w.]+)(?==|$)")


def renamed(command: str, words: Iterable[str], *, hint: bool = False) -> list[str]:
    """Overrides with the keys that there are now.

    Args:
        command: Name of its configuration, as ``train``.
        words: As typed, or as an older run kept them.
        hint: Say which key is meant now.
    """
    keys = RENAMED.get(command, {})
    found = []
    for word in words:
        if (key := _KEY.match(word)) and (now := keys.get(key[2])):
            if hint:
                log.warning("%s is called %s now; both work", key[2], now)
            word = f"{key[1]}{now}{word[key.end() :]}"
        found.append(word)
    return found
