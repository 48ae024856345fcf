"""What is inside a ``.tflite`` file: short names, operators and metadata."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from mfn.export.network import INPUT, OUTPUT

INT8 = 9
"""The schema's number for tensors of int8."""


def read_model(content: bytes) -> Any:
    """The model as a tree of Python objects (``ModelT`` of the TFLite schema); weights stay in `content`."""
    from ai_edge_litert.tools.flatbuffer_utils import read_model_from_bytearray

    return read_model_from_bytearray(bytearray(content))


def write_model(model: Any) -> bytes:
    """The inverse of :func:`read_model`."""
    from ai_edge_litert.tools.flatbuffer_utils import convert_object_to_bytearray

    return bytes(convert_object_to_bytearray(model))


def operator_names(model: Any) -> list[str]:
    """The operator of each step, in order, as ``"CONV_2D"``."""
    from ai_edge_litert.tools.flatbuffer_utils import opcode_to_name

    return [opcode_to_name(model, step.opcodeIndex) or "CUSTOM" for step in model.subgraphs[0].operators]


def count_operators(content: bytes) -> dict[str, int]:
    """How often each operator occurs."""
    return dict(Counter(operator_names(read_model(content))))


def tidied(content: bytes) -> bytes:
    """The model with plain names for its input and output and short ones for the rest.

    litert-torch writes the whole path of modules for every tensor, 60 to 160 kB for the paper's network.
    """
    model = read_model(content)
    graph = model.subgraphs[0]
    for number, tensor in enumerate(graph.tensors):
        tensor.name = f"t{number}".encode()
    graph.tensors[graph.inputs[0]].name = INPUT.encode()
    graph.tensors[graph.outputs[0]].name = OUTPUT.encode()
    for signature in model.signatureDefs:
        signature.inputs[0].name, signature.outputs[0].name = INPUT.encode(), OUTPUT.encode()
    return write_model(model)


def with_metadata(content: bytes, metadata: Mapping[str, str]) -> bytes:
    """The model with more entries in its metadata, each UTF-8 text under its name."""
    from ai_edge_litert.schema_py_generated import BufferT, MetadataT

    model = read_model(content)
    for name, text in metadata.items():
        entry: Any = MetadataT()
        buffer: Any = BufferT()
        entry.name, entry.buffer, buffer.data = name.encode(), len(model.buffers), text.encode()
        model.buffers.append(buffer)
        model.metadata = [*(model.metadata or []), entry]
    return write_model(model)
