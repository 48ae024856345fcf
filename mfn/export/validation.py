"""The proof of a file: what it is made of, and what it gives beside the checkpoint it came from."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mfn.benchmarks.verification import VerificationSet
from mfn.contract import InputContract
from mfn.errors import ExportError, MfnError, first_line
from mfn.evaluation.verification import evaluate_verification
from mfn.export.check import Check, Checked, CheckFaces
from mfn.export.latency import Latency, Step, latencies, torch_threads
from mfn.export.network import Deployable
from mfn.export.parity import Parity, check_embeddings, parity
from mfn.export.target import Description, Target
from mfn.export.web.page import NETWORK
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.machine import runtime_of

Figures = dict[str, float]


class Reference:
    """The checkpoint that files are held against, run once on what they will be run on.

    Args:
        backbone: As it was trained, not folded.
        contract: What it expects.
        images: uint8 RGB (N, H, W, 3), faces for parity.
        benchmarks: Verification sets.
        checked_on: More faces to compare cosines and rates on, or None.
        **judging: Options of :func:`mfn.evaluation.verification.evaluate_verification`.

    Raises:
        ExportError: It tells no faces apart.

    Attributes:
        embeddings: float32 (N, D), raw.
        judged: Verification figures of the checkpoint on each benchmark.
        parameters: Of the backbone.
        check: The checkpoint on the faces of `checked_on`, None where there are none.
        layers: Of the backbone, with weights, without normalisations, which a file has folded into others.
    """

    def __init__(
        self,
        backbone: nn.Module,
        contract: InputContract,
        images: np.ndarray,
        benchmarks: Mapping[str, VerificationSet],
        checked_on: CheckFaces | None = None,
        **judging: Any,
    ) -> None:
        self.embedder = FaceEmbedder(backbone, contract)
        self.images = images
        self.parameters = sum(parameter.numel() for parameter in backbone.parameters())
        weighted = [module for module in backbone.modules() if [*module.parameters(recurse=False)]]
        self.layers = sum(not isinstance(module, _BatchNorm) for module in weighted)
        self.embeddings = self.embedder.raw(images).cpu().numpy()
        check_embeddings(self.embeddings)
        self._benchmarks, self._judging = benchmarks, judging
        self.judged = self.figures(self.embedder)
        size = judging.get("batch_size", 32)
        self.check = None if checked_on is None else Check(checked_on, self.embedder, size)

    def figures(self, embedder: FaceEmbedder) -> dict[str, Figures]:
        """Verification figures of a network on each benchmark."""
        return {
            name: evaluate_verification(embedder, pairs, **self._judging).numbers()
            for name, pairs in self._benchmarks.items()
        }


@dataclass(frozen=True)
class FileValidation:
    """What is known about one file.

    Attributes:
        target: Name of the format.
        precision: Of the numbers in it.
        file: Its name.
        files: Name and bytes of each file that belongs to it, but the JSON.
        made_of: Format version, operators, batch.
        parity: None where the file cannot run here.
        judged: Verification figures of the file on each benchmark.
        checked: On the faces of ``check.root``, None where there are none.
        latency: For one face, by number of threads.
        broken: A phrase for each limit it breaks.
    """

    target: str
    precision: str
    file: str
    files: dict[str, int]
    made_of: Description
    parity: Parity | None = None
    judged: dict[str, Figures] = field(default_factory=dict)
    checked: Checked | None = None
    latency: dict[int, Latency] = field(default_factory=dict)
    broken: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        """Of all its files."""
        return sum(self.files.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"bytes": self.bytes}


def validate_file(target: Target, deployable: Deployable, files: list[Path], reference: Reference) -> FileValidation:
    """Loads a file with its own runtime and holds it against the checkpoint; its JSON must lie beside it.

    Args:
        target: Its format.
        deployable: What was exported.
        files: Written files, the one to load first.
        reference: The checkpoint.

    Raises:
        ExportError: The file does not load or does not run.
    """
    options, sizes = deployable.options, {file.name: size_of([file]) for file in files}
    validation = FileValidation(target.name, options.precision, files[0].name, sizes, target.describe(files[0]))
    if not target.runs_here:
        return validation
    try:
        embedder = loaded(files[0])
        close = parity(embedder, reference.images, reference.embeddings, options.l2_normalize)
        checked = None if reference.check is None else reference.check.of(embedder)
        return replace(validation, parity=close, judged=reference.figures(embedder), checked=checked)
    except MfnError as error:
        raise ExportError(f"the exported {files[0].name} does not run: {error}") from error
    except Exception as error:  # the runtimes' errors have no common base
        raise ExportError(f"the exported {files[0].name} does not run ({first_line(error)})") from error


def measured(
    files: Mapping[str, Path], reference: Reference, threads: Sequence[int], rounds: int
) -> dict[int, dict[str, Latency]]:
    """Latency for one face of the checkpoint in PyTorch (first) and of every file, by number of threads."""
    found: dict[int, dict[str, Latency]] = {}
    for count in threads:
        with torch_threads(count), torch.inference_mode():
            embedders = {"PyTorch": reference.embedder} | {n: loaded(path) for n, path in files.items()}
            steps = {name: _step(embedder, reference.images[:1]) for name, embedder in embedders.items()}
            runtimes = {name: runtime_of(embedder.network) for name, embedder in embedders.items()}
            times = latencies(steps, rounds)
            found[count] = {name: replace(time, runtime=runtimes[name]) for name, time in times.items()}
    return found


def loaded(path: Path) -> FaceEmbedder:
    """An exported file of ours behind its own runtime."""
    path = path / NETWORK if (path / NETWORK).is_file() else path  # of a page that runs in the browser
    return FaceEmbedder.load(path, trust_torchscript=True)  # we wrote it


def _step(embedder: FaceEmbedder, images: np.ndarray) -> Step:
    prepare = embedder.contract.arrange if embedder.network.takes_pixels else embedder.contract.normalize
    return partial(embedder.network, prepare(torch.as_tensor(images)).contiguous())


def size_of(files: list[Path]) -> int:
    """Bytes of files and folders together."""
    found = (part for file in files for part in (file.rglob("*") if file.is_dir() else [file]))
    return sum(part.stat().st_size for part in found if part.is_file())
