"""The training data that a configuration names, opened once however often it is asked for."""

from functools import lru_cache
from typing import Any

from omegaconf import DictConfig, OmegaConf

from mfn.config.build import build


def open_source(config: DictConfig) -> Any:
    """The source of faces under ``data.source``.

    Raises:
        MfnError: It is missing or damaged, or a value does not fit.
    """
    return _opened(_Wanted(config.data.source))


def open_validation(config: DictConfig) -> Any:
    """The source of further images of the same people, None where none is named.

    It lies at ``data.val_root``; of several sources each has its own under ``data.val_roots``.

    Raises:
        MfnError: It is missing or damaged.
    """
    source = config.data.source.copy()
    if "sources" in config.data:
        roots = {name: root for name, root in config.data.val_roots.items() if root is not None}
        source.sources = {name: {**config.data.sources[name], "root": root} for name, root in roots.items()}
        return build(source) if roots else None
    if config.data.get("val_root") is None:
        return None
    source.root = config.data.val_root
    return build(source)


class _Wanted:
    """A source's configuration, equal to another of the same values."""

    def __init__(self, node: DictConfig) -> None:
        self.node = node
        self._values = repr(OmegaConf.to_container(node, resolve=True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Wanted) and self._values == other._values

    def __hash__(self) -> int:
        return hash(self._values)


@lru_cache(maxsize=1)
def _opened(wanted: _Wanted) -> Any:
    return build(wanted.node)
