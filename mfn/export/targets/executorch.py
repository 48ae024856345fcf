"""ExecuTorch: PyTorch's own runtime for phones, on XNNPACK's kernels."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from mfn.errors import ExportError, first_line
from mfn.export.network import Deployable
from mfn.export.saturation import widened
from mfn.export.target import Description, expect, quiet
from mfn.files.atomic import replacing


class ExecutorchTarget:
    """Writes ``.pte``: a method ``forward``, and each piece of metadata as a method that gives a string.

    int8 is dynamic: weights in int8 per channel, what goes into a full convolution in int8 on a scale that the runtime
    finds for each image, depthwise convolutions in float32. It needs no calibration. XNNPACK's static int8 also rounds
    what a convolution gives, before PReLU: on the y1 weights a mean cosine of 0.945 against 0.9994.

    Args:
        max_batch: Largest batch the file takes; the runtime plans memory for the input and output of so many.
    """

    name = "executorch"
    suffix = ".pte"
    precisions = ("fp32", "int8")
    calibrated = ()
    requires = (("executorch", "executorch"), ("torchao", "executorch"))
    runs_here = True

    def __init__(self, max_batch: int = 64) -> None:
        expect(f"target.executorch.max_batch={max_batch}", "at least 1", max_batch >= 1)
        self.max_batch = max_batch

    def export(self, deployable: Deployable, path: Path, calibration: np.ndarray | None) -> list[Path]:
        """See :class:`mfn.export.target.Target`."""
        with quiet():
            try:
                content = self._program(deployable)
            except RuntimeError as error:  # torch.export's errors are among these
                raise ExportError(f"the network cannot be written for ExecuTorch ({first_line(error)})") from error
        with replacing(path) as temporary:
            temporary.write_bytes(content)
        return [path]

    def describe(self, path: Path) -> Description:
        """The operators and delegates that the runtime calls; those inside a delegate do not show."""
        from executorch.exir._serialize._program import deserialize_pte_binary

        program: Any = deserialize_pte_binary(path.read_bytes()).program
        plan = next(plan for plan in program.execution_plan if plan.name == "forward")
        operators = Counter(
            plan.operators[call.op_index].name if hasattr(call, "op_index") else plan.delegates[call.delegate_index].id
            for chain in plan.chains
            for call in (instruction.instr_args for instruction in chain.instructions)
            if hasattr(call, "op_index") or hasattr(call, "delegate_index")
        )
        sizes = plan.values[plan.inputs[0]].val.sizes
        batch = f"1-{sizes[0]}" if sizes[0] > 1 else "1"
        stated = next((p for p in program.execution_plan if p.name == "mfn.precision"), None)
        integer = stated is not None and stated.values[stated.outputs[0]].val.string_val == "int8"
        proven = widened("XNNPACK") if integer else ""
        return Description(f"schema {program.version}", dict(operators), batch, proven)

    def _program(self, deployable: Deployable) -> bytes:
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import to_edge_transform_and_lower

        # Traced at the largest batch: the runtime plans memory for the size it has seen
        example = deployable.example(self.max_batch)
        network = deployable.network
        if deployable.options.precision == "int8":
            network = _with_int8_weights(self._traced(network, example).module(), example)
        program = to_edge_transform_and_lower(
            self._traced(network, example),
            partitioner=[XnnpackPartitioner()],
            constant_methods=dict(deployable.metadata),
        )
        return bytes(program.to_executorch().buffer)

    def _traced(self, network: nn.Module, example: torch.Tensor) -> torch.export.ExportedProgram:
        batch = {0: torch.export.Dim("batch", min=1, max=self.max_batch)} if self.max_batch > 1 else None
        return torch.export.export(network, (example,), dynamic_shapes=(batch,))


def _with_int8_weights(network: nn.Module, example: torch.Tensor) -> nn.Module:
    """Marks full convolutions and linear layers for int8 weights and activations scaled at run time."""
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    dynamic = get_symmetric_quantization_config(is_per_channel=True, is_dynamic=True)
    quantizer = XNNPACKQuantizer().set_global(dynamic)
    prepared = prepare_pt2e(network, quantizer)  # type: ignore[arg-type]
    prepared(example[:1])  # weights are measured as the network runs
    return convert_pt2e(prepared)
