"""Train, judge, ship and use a small face-verification network."""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mfn.contract import InputContract
    from mfn.errors import MfnError
    from mfn.inference.embedder import FaceEmbedder
    from mfn.recognition.gallery import Gallery
    from mfn.recognition.pipeline import FacePipeline

__all__ = ["FaceEmbedder", "FacePipeline", "Gallery", "InputContract", "MfnError"]

_PLACES = {
    "FaceEmbedder": "mfn.inference.embedder",
    "FacePipeline": "mfn.recognition.pipeline",
    "Gallery": "mfn.recognition.gallery",
    "InputContract": "mfn.contract",
    "MfnError": "mfn.errors",
}


# From 1.32 on, ONNX Runtime's import asks a server and leaves a device's number in the user's cache unless told not to
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def __getattr__(name: str) -> Any:
    """Imports what is asked for, so that ``mfn --help`` need not wait for PyTorch."""
    if name not in _PLACES:
        raise AttributeError(f"module 'mfn' has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
