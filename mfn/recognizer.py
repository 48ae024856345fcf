"""The LightningModule under the name that users know; it lives in `mfn.training.recognizer`."""

from mfn.training.recognizer import FaceRecognizer

__all__ = ["FaceRecognizer"]
