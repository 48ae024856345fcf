"""A deployable network as an ONNX model in memory."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from mfn.contract import InputContract
from mfn.errors import ExportError, first_line
from mfn.export.metadata import described
from mfn.export.network import INPUT, OUTPUT, Deployable, ExportOptions
from mfn.export.prelu import PReLUForm, with_prelu
from mfn.export.target import quiet
from mfn.files.atomic import replacing

if TYPE_CHECKING:
    import onnx


def onnx_graph(deployable: Deployable, prelu: PReLUForm = "relu", opset: int = 18) -> "onnx.ModelProto":
    """Traces the network into an ONNX graph of any batch size, input ``image``, output ``embedding``.

    Args:
        deployable: Whatever its precision, the graph is float32.
        prelu: How PReLU is written; ONNX Runtime's own PRelu kernel takes two thirds of the network's time.
        opset: Asked for; the exporter may settle on another, which the file says.

    Returns:
        A checked model with the metadata inside and without the exporter's notes on every node.

    Raises:
        ExportError: The exporter cannot follow the network.
    """
    import onnx

    network = with_prelu(deployable.network, prelu)
    try:
        with quiet():
            program = torch.onnx.export(
                network,
                (deployable.example(2),),
                dynamo=True,
                external_data=False,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
                opset_version=opset,
            )
    except (torch.onnx.OnnxExporterError, RuntimeError) as error:
        raise ExportError(f"the network cannot be written as ONNX ({first_line(error)})") from error
    assert program is not None
    model = program.model_proto
    _strip(model)
    onnx.helper.set_model_props(model, deployable.metadata)
    onnx.checker.check_model(model)
    return model


def plain_onnx(backbone: torch.nn.Module, contract: InputContract, path: Path) -> Path:
    """What ``torch.onnx.export`` makes of a backbone as it is, for comparison; returns the file."""
    save_onnx(onnx_graph(described(Deployable(backbone, contract, ExportOptions())), "native"), path)
    return path


def compact(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """The model itself with short names between nodes, and one tensor where several are equal, as zero points are."""
    import onnx

    graph = model.graph
    first: dict[tuple[int, tuple[int, ...], bytes], str] = {}
    names = {}
    for tensor in graph.initializer:
        key = tensor.data_type, tuple(tensor.dims), onnx.numpy_helper.to_array(tensor).tobytes()
        names[tensor.name] = first.setdefault(key, tensor.name)
    kept = [tensor for tensor in graph.initializer if names[tensor.name] == tensor.name]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    outputs = {output.name for output in graph.output}
    for number, node in enumerate(graph.node):
        node.name = f"{node.op_type}_{number}"
        names |= {name: f"{number}.{place}" for place, name in enumerate(node.output) if name not in outputs}
    for node in graph.node:
        for own in (node.input, node.output):
            own[:] = [names.get(name, name) for name in own]
    del graph.value_info[:]
    return model


def save_onnx(model: "onnx.ModelProto", path: Path) -> None:
    """Writes a model as one file."""
    with replacing(path) as temporary:
        temporary.write_bytes(model.SerializeToString())


def _strip(model: "onnx.ModelProto") -> None:
    """Takes out stack traces and intermediate shapes, which only make the file larger."""
    graph = model.graph
    del graph.value_info[:]
    model.doc_string = graph.doc_string = ""
    for part in (*graph.node, *graph.initializer, *graph.input, *graph.output):
        part.doc_string = ""
        del part.metadata_props[:]
    del graph.metadata_props[:]
