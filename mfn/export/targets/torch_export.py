"""torch.export: PyTorch's own exchange format, for AOTInductor, ExecuTorch and others."""

import zipfile
from pathlib import Path

import numpy as np
import torch

from mfn.export.network import Deployable
from mfn.export.target import Description, counted, quiet
from mfn.files.atomic import replacing


class TorchExportTarget:
    """Writes ``.pt2``: an exported program, any batch size, metadata as extra files inside."""

    name = "torch_export"
    suffix = ".pt2"
    precisions = ("fp32",)
    calibrated: tuple[str, ...] = ()
    requires: tuple[tuple[str, str], ...] = ()
    runs_here = True

    def export(self, deployable: Deployable, path: Path, calibration: np.ndarray | None) -> list[Path]:
        """See :class:`mfn.export.target.Target`."""
        batch = torch.export.Dim("batch", min=1)
        with quiet(), torch.no_grad():
            program = torch.export.export(
                deployable.network, (deployable.example(2),), dynamic_shapes={"image": {0: batch}}
            )
            program.example_inputs = None  # pickled, and mfn.inference opens no pickles
            for node in program.graph.nodes:
                node.meta.pop("stack_trace", None)  # paths on this machine
            torch.export.save(program, path, extra_files=deployable.metadata)
        _compress(path)
        return [path]

    def describe(self, path: Path) -> Description:
        """Operators of the graph."""
        with quiet():
            graph = torch.export.load(path).graph
        version = f"torch {torch.__version__.partition('+')[0]}"
        return Description(version, counted(str(n.target) for n in graph.nodes if n.op == "call_function"))


def _compress(path: Path) -> None:
    """Packs the graph, which is JSON of a quarter of a megabyte; weights stay as they are."""
    with replacing(path) as temporary, zipfile.ZipFile(path) as before, zipfile.ZipFile(temporary, "w") as after:
        for entry in before.infolist():
            kind = zipfile.ZIP_DEFLATED if entry.filename.endswith(".json") else zipfile.ZIP_STORED
            after.writestr(entry.filename, before.read(entry), kind)
