"""Train, judge and ship a small face-verification network."""

from mfn.contract import InputContract
from mfn.errors import MfnError
from mfn.inference.embedder import FaceEmbedder

__all__ = ["FaceEmbedder", "InputContract", "MfnError"]
