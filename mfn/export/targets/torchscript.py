"""TorchScript: for LibTorch, and for apps on PyTorch Mobile."""

from pathlib import Path

import numpy as np
import torch

from mfn.export.network import Deployable
from mfn.export.target import Description, counted, quiet


class TorchScriptTarget:
    """Writes ``.pt``: a frozen trace, any batch size, metadata as extra files inside."""

    name = "torchscript"
    suffix = ".pt"
    precisions = ("fp32",)
    calibrated: tuple[str, ...] = ()
    requires: tuple[tuple[str, str], ...] = ()
    runs_here = True

    def export(self, deployable: Deployable, path: Path, calibration: np.ndarray | None) -> list[Path]:
        """See :class:`mfn.export.target.Target`."""
        with quiet(), torch.no_grad():
            traced = torch.jit.trace(deployable.network, deployable.example(2))
            frozen = torch.jit.freeze(traced)  # type: ignore[arg-type]
            torch.jit.save(frozen, str(path), _extra_files=deployable.metadata)
        return [path]

    def describe(self, path: Path) -> Description:
        """Operators of the graph."""
        with quiet():
            graph = torch.jit.load(str(path)).inlined_graph
        return Description(f"torch {torch.__version__.partition('+')[0]}", counted(n.kind() for n in graph.nodes()))
