"""Settings of the process: memory that makes CPU training faster, float32 on a GPU, and other libraries' warnings."""

import ctypes
import logging
import platform
import warnings
from typing import Any

import torch

log = logging.getLogger(__name__)

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_INT_MAX = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tells glibc's allocator to keep freed memory instead of giving it back to the kernel after every layer.

    Activations of a training step are large, so by default each is mapped anew and zeroed by the kernel.

    Returns:
        Whether the allocator is glibc's and took the settings.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _INT_MAX), (_M_TOP_PAD, 256 * 2**20))
    taken = all(mallopt(option, value) == 1 for option, value in settings)
    log.debug("keep freed memory: %s", taken)
    return taken


def use_matmul_precision(wanted: str | None, device: str) -> None:
    """Sets how exactly float32 is multiplied, in matrix products and in convolutions.

    ``high`` and ``medium`` round the factors to 10 and 7 bits of mantissa on a GPU that is faster then; sums stay
    float32, and one run is like the next. ``highest`` is float32 throughout, as on a CPU.

    Args:
        wanted: ``highest``, ``high`` or ``medium``; None takes ``high`` on CUDA and ``highest`` elsewhere.
        device: ``cuda``, ``mps`` or ``cpu``.
    """
    precision = wanted or ("high" if device == "cuda" else "highest")
    torch.set_float32_matmul_precision(precision)
    torch.backends.cudnn.allow_tf32 = precision != "highest"


def warnings_to_log() -> None:
    """Sends Python warnings, which name lines of other libraries' code, to the log of those who ask for details."""

    def tell(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        log.debug("%s: %s", category.__name__, message)

    warnings.showwarning = tell
