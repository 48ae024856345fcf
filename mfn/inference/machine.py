"""On what a network runs: the processor, and the runtime with its version."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from mfn.inference.network import Network

_RUNTIMES = {
    "OnnxNetwork": ("ONNX Runtime", "onnxruntime"),
    "LiteRTNetwork": ("LiteRT", "ai-edge-litert"),
    "NcnnNetwork": ("ncnn", "ncnn"),
    "ExecutorchNetwork": ("ExecuTorch", "executorch"),
    "OpenvinoNetwork": ("OpenVINO", "openvino"),
}


def machine() -> dict[str, str | int]:
    """What times were measured on: ``processor``, ``cores`` that this process sees, ``system`` and ``python``."""
    return {
        "processor": processor(),
        "cores": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def processor() -> str:
    """The name of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.processor() or platform.machine() or "not known"


def runtime_of(network: Network) -> str:
    """The runtime behind a network, with its version."""
    if type(network).__name__ in _RUNTIMES:
        name, package = _RUNTIMES[type(network).__name__]
        return f"{name} {version(package)}"
    return f"PyTorch {version('torch')}"
