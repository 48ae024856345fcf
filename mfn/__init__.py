"""Train, judge, ship and use a small face-verification network."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mfn.contract import InputContract
    from mfn.errors import MfnError
    from mfn.inference.embedder import FaceEmbedder

__all__ = ["FaceEmbedder", "InputContract", "MfnError"]

_PLACES = {
    "FaceEmbedder": "mfn.inference.embedder",
    "InputContract": "mfn.contract",
    "MfnError": "mfn.errors",
}


def __getattr__(name: str) -> Any:
    """Imports what is asked for, so that ``mfn --help`` need not wait for PyTorch."""
    if name not in _PLACES:
        raise AttributeError(f"module 'mfn' has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
