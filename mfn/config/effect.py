"""Keys that somebody set and nobody reads."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf

_REFERENCE = re.compile(r"\$\{([\w.]+)\}")


def without_effect(config: DictConfig, is_declared: Callable[[str], bool]) -> list[str]:
    """The keys that have no effect: neither declared, nor of something that is built, nor referred to.

    What is built from a node with a `_target_` tells by itself which keys it does not know.

    Args:
        config: Composed.
        is_declared: Whether something reads a key by its name.
    """
    plain = OmegaConf.to_container(config)
    referred = set(_REFERENCE.findall(str(plain)))
    return [key for key in _leaves(plain, "") if not is_declared(key) and not _is_within(key, referred)]


def _leaves(node: Any, prefix: str) -> Iterator[str]:
    for name, value in node.items():
        key = f"{prefix}{name}"
        if not isinstance(value, dict):
            yield key
        elif "_target_" not in value:
            yield from _leaves(value, f"{key}.")


def _is_within(key: str, referred: set[str]) -> bool:
    parts = key.split(".")
    return any(".".join(parts[:count]) in referred for count in range(1, len(parts) + 1))
