"""PyTorch to a float32 LiteRT model, by litert-torch, with PReLU as one operator."""

import contextlib
import io
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from mfn.about import install_command
from mfn.errors import ExportError
from mfn.export.litert_file import tidied


def float_model(network: nn.Module, example: Tensor) -> bytes:
    """Converts a network; the file takes images rows last.

    Args:
        network: In evaluation mode, takes (N, 3, H, W).
        example: (N, 3, H, W) of the input's type; the file takes N images at a time.

    Returns:
        The content of a ``.tflite`` file whose input (N, H, W, 3) is called ``image`` and whose output ``embedding``.

    Raises:
        ExportError: Litert-torch is another version than the one known.
    """
    import litert_torch

    rows_last = litert_torch.to_channel_last_io(network, args=[0]).eval()
    # It tells its progress on the screen
    with builtin_prelu(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
        model = litert_torch.convert(rows_last, (example.permute(0, 2, 3, 1).contiguous(),))
        return tidied(model.model_content())


@contextlib.contextmanager
def builtin_prelu() -> Iterator[None]:
    """Has litert-torch write each PReLU as LiteRT's own operator instead of four others, as long as the block lasts.

    These are inner parts of litert-torch 0.10: a table of what is taken apart before conversion, and one of how the
    rest is written.

    Raises:
        ExportError: Litert-torch does not have them.
    """
    try:
        decomp = import_module("litert_torch.fx_infra.decomp")
        apart = (decomp._pre_convert_decomp, decomp._pre_lower_decomp)
        written = import_module("litert_torch.backend.lowerings.registry").global_registry.registered_ops
    except (ImportError, AttributeError) as error:
        raise ExportError(f"target=litert knows another litert-torch: {install_command('litert')}") from error
    operator = torch.ops.aten._prelu_kernel.default
    before = [(table, dict(table)) for table in (*apart, written)]
    for table in apart:
        table.pop(operator, None)
    written[operator] = _write_prelu
    try:
        yield
    finally:
        for table, content in before:
            table.clear()
            table.update(content)


def _write_prelu(_: Any, values: Any, slopes: Any) -> Any:
    ir, stablehlo = (import_module(f"litert_converter.mlir.{name}") for name in ("ir", "dialects.stablehlo"))
    kind = ir.RankedTensorType(slopes.type)
    without_batch = ir.RankedTensorType.get(list(kind.shape)[1:], kind.element_type)
    operands = [values, stablehlo.reshape(without_batch, slopes)]
    return ir.Operation.create("tfl.prelu", results=[values.type], operands=operands).result
