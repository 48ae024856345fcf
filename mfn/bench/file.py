"""How long network files take on this machine, each behind its own runtime."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mfn.errors import CheckpointError, ConfigError, MfnError
from mfn.export.latency import Latency, latencies, torch_threads
from mfn.export.validation import size_of
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.loading import open_runtime
from mfn.inference.machine import machine, runtime_of
from mfn.inference.network import Network
from mfn.inference.suffixes import PROGRAMS, RUNTIMES

log = logging.getLogger(__name__)

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class FileTime:
    """Times of one file with so many threads and images.

    Attributes:
        file: As it was named.
        bytes: Of the file or folder.
        runtime: What ran it, with its version.
        threads: Of the runtime.
        batch: Images that were handed over at a time.
        time: For all of them together.
    """

    file: str
    bytes: int
    runtime: str
    threads: int
    batch: int
    time: Latency

    def row(self) -> dict[str, object]:
        """For a table; ``x first`` is the first file's time as a multiple of this one's, in the same turns."""
        return {
            "file": Path(self.file).name,
            "MB": f"{self.bytes / 1e6:.2f}",
            "runtime": self.runtime,
            "threads": self.threads,
            "batch": self.batch,
            "median ms": f"{self.time.median:.2f}",
            "p90 ms": f"{self.time.p90:.2f}",
            "ms a face": f"{self.time.median / self.batch:.2f}",
            "x first": f"{self.time.ratio:.2f}",
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, with each round's milliseconds."""
        time = self.time
        figures = {"median_ms": time.median, "p90_ms": time.p90, "ratio_to_first": time.ratio}
        facts = {"file": self.file, "bytes": self.bytes, "runtime": self.runtime}
        return facts | {"threads": self.threads, "batch": self.batch, **figures, "samples_ms": list(time.samples)}


def bench_file(
    files: Sequence[Path], threads: Sequence[int], batches: Sequence[int], rounds: int, size: Size | None, trust: bool
) -> list[FileTime]:
    """Times files in turns, on noise.

    A file that cannot be run is told and passed over, as long as another can.

    Args:
        files: Of any kind that :class:`mfn.FaceEmbedder` loads; whether they say what pixels they expect or not.
        threads: Each number is measured.
        batches: Numbers of images handed over at a time, likewise; a file that takes fewer is run as often as it needs.
        rounds: How often each is timed.
        size: Height and width, for files that do not say them.
        trust: Run TorchScript files, which are programs.

    Raises:
        MfnError: No file can be run; the first one's reason.
    """
    runs, refused = [], list[MfnError]()
    for path in dict.fromkeys(files):
        try:
            _opened(path, size, trust)
            runs.append(path)
        except MfnError as error:
            refused.append(error)
    if not runs:
        raise refused[0]
    for error in refused:
        log.warning("passed over: %s", error)
    found = []
    for count in threads:
        with torch_threads(count), torch.inference_mode():
            networks = {str(path): _opened(path, size, trust) for path in runs}
            for batch in batches:
                inputs = {name: _noise(network, batch, side) for name, (network, side) in networks.items()}
                steps = {name: partial(network, inputs[name]) for name, (network, _) in networks.items()}
                for name, time in latencies(steps, rounds).items():
                    runtime, path = runtime_of(networks[name][0]), Path(name).expanduser()
                    found.append(FileTime(name, size_of([path]), runtime, count, batch, time))
    return found


def as_json(found: Sequence[FileTime]) -> dict[str, Any]:
    """Times and what they were measured on, as plain values."""
    return {"machine": machine(), "rows": [each.to_dict() for each in found]}


def _opened(path: Path, size: Size | None, trust: bool) -> tuple[Network, Size]:
    """A file behind its runtime, and the size of its images."""
    try:
        embedder = FaceEmbedder.load(path, trust_torchscript=trust)
        return embedder.network, (embedder.contract.height, embedder.contract.width)
    except CheckpointError:
        place, suffix = path.expanduser(), path.suffix.lower()
        if suffix not in RUNTIMES or not place.exists() or (suffix in PROGRAMS and not trust):
            raise
    network = open_runtime(place)  # damaged, or a stranger's that only does not say what its pixels mean
    told = network.input_size or size
    if told is None:
        raise ConfigError(f"{path} does not say how large its images are: give --size HEIGHTxWIDTH, as 112x112")
    return network, told


def _noise(network: Network, batch: int, size: Size) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (batch, 3, *size)
    if network.takes_pixels:
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return torch.rand(shape, generator=generator) * 2 - 1
