"""safetensors: a folder that other Python programs and the Hugging Face hub read; mfn itself trains on from it."""

from pathlib import Path

import numpy as np
import torch

from mfn.checkpoint.folder import WEIGHTS, read_folder, write_folder
from mfn.errors import ExportError
from mfn.export.network import Deployable
from mfn.export.target import Description

_DTYPES = {"fp32": torch.float32, "fp16": torch.float16}


class SafetensorsTarget:
    """Writes a folder: ``model.safetensors``, ``config.json`` and a card. The network stays as it was trained."""

    name = "safetensors"
    suffix = ""
    precisions = tuple(_DTYPES)
    calibrated: tuple[str, ...] = ()
    requires = (("safetensors", ""),)
    runs_here = True

    def export(self, deployable: Deployable, path: Path, calibration: np.ndarray | None) -> list[Path]:
        """See :class:`mfn.export.target.Target`."""
        options = deployable.options
        if options.input != "float32" or options.l2_normalize or options.color is not None:
            raise ExportError("target=safetensors keeps the network as it is: leave input, color and l2_normalize out")
        if deployable.trained is None:
            raise ExportError("target=safetensors needs the trained network with its description")
        backbone, model = deployable.trained
        facts = {
            key.removeprefix("mfn."): deployable.metadata[key]
            for key in ("mfn.recipe", "mfn.data", "mfn.accuracy")
            if key in deployable.metadata
        }
        write_folder(path, backbone.state_dict(), model, deployable.contract, facts, _DTYPES[options.precision])
        return [path]

    def describe(self, path: Path) -> Description:
        """How many tensors there are."""
        return Description("safetensors", {WEIGHTS: len(read_folder(path)["state_dict"])})
