"""A page that compares two photos in the visitor's own browser: a folder for any server of static files."""

import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mfn.about import mfn_version
from mfn.export.network import Deployable
from mfn.export.prelu import PReLUForm
from mfn.export.target import Description, expect
from mfn.export.targets.onnx import OnnxTarget
from mfn.export.validation import size_of
from mfn.export.web.detector import MAX_SIDE, OVERLAP, SCORE, detector_bytes
from mfn.export.web.page import NETWORK, page_files
from mfn.export.web.runtime import Runtime, runtime_files


class WebTarget:
    """Writes a folder: ``index.html``, scripts, ONNX Runtime Web, YuNet and the network as ONNX.

    Args:
        detector: YuNet's file, or ``yunet``, which ``mfn fetch yunet`` brings; None: a page for aligned crops only.
        runtime: Folder of the npm package ``onnxruntime-web``; None: npm fetches it once.
        single_file: Everything in ``index.html``, which then opens without a server.
        band: Cosines nearer to the threshold than this are "not sure".
        prelu: How PReLU is written.
    """

    name = "web"
    suffix = ""
    precisions = OnnxTarget.precisions
    calibrated = OnnxTarget.calibrated
    requires = OnnxTarget.requires
    runs_here = True

    def __init__(
        self,
        detector: str | None = "yunet",
        runtime: str | None = None,
        single_file: bool = False,
        band: float = 0.05,
        prelu: PReLUForm = "relu",
    ) -> None:
        expect(f"target.web.band={band}", "from 0 to 1", 0 <= band <= 1)
        self.detector, self.runtime, self.single_file, self.band = detector, runtime, single_file, band
        self._onnx = OnnxTarget(prelu)

    def export(self, deployable: Deployable, path: Path, calibration: np.ndarray | None) -> list[Path]:
        """See :class:`mfn.export.target.Target`."""
        runtime = runtime_files(self.runtime)
        assets = {"ort": runtime.module, "wasm": runtime.wasm}
        if self.detector is not None:
            assets["detector"] = detector_bytes(self.detector)
        with tempfile.TemporaryDirectory() as folder:
            assets["network"] = self._onnx.export(deployable, Path(folder) / NETWORK, calibration)[0].read_bytes()
        settings = self._settings(deployable, path, runtime)
        for name, content in page_files(settings, assets, self.single_file).items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
        return [path]

    def describe(self, path: Path) -> Description:
        """What the network in the folder is made of."""
        network = path / NETWORK
        return replace(self._onnx.describe(network), brought=size_of([path]) - size_of([network]))

    def _settings(self, deployable: Deployable, path: Path, runtime: Runtime) -> dict[str, Any]:
        contract, options = deployable.contract, deployable.options
        detector = {"max_side": MAX_SIDE, "score": SCORE, "overlap": OVERLAP}
        return {
            "name": re.sub(rf"_{self.name}_{options.precision}$", "", path.name),
            "precision": options.precision,
            "input": options.input,
            "contract": contract.to_dict(),
            "flip": contract.threshold_flip or "none",
            "band": self.band,
            "detector": None if self.detector is None else detector,
            "runtime": runtime.version,
            "version": mfn_version(),
        }
