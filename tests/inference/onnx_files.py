"""Tiny ONNX networks: the mean of each channel is the embedding."""

import json
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from mfn.contract import InputContract
from mfn.inference.file_contract import CONTRACT_KEY

CONTRACT = InputContract(height=8, width=6, embedding_dim=3, mean=(10.0, 20.0, 30.0), std=(2.0, 4.0, 5.0))


def write_onnx(
    path: Path,
    *,
    batch: int | str = "batch",
    kind: int = TensorProto.FLOAT,
    rows_last: bool = False,
    contract: InputContract | None = CONTRACT,
) -> Path:
    """Writes a network of `CONTRACT`'s size; with `kind` uint8 it casts its pixels inside."""
    height, width = CONTRACT.height, CONTRACT.width
    shape = [batch, height, width, 3] if rows_last else [batch, 3, height, width]
    axes = [1, 2] if rows_last else [2, 3]
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float"], ["embedding"], axes=axes, keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "mean",
        [helper.make_tensor_value_info("image", kind, shape)],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    if contract is not None:
        helper.set_model_props(model, {CONTRACT_KEY: json.dumps(contract.to_dict())})
    onnx.save(model, path)
    return path


def quality_onnx(folder: Path, size: tuple[int, int] = (32, 32)) -> Path:
    """A network of one number: how light an image is."""
    nodes = [helper.make_node("ReduceMean", ["image"], ["light"], axes=[1, 2, 3], keepdims=0)]
    shape = ["n", 3, *size]
    graph = helper.make_graph(
        nodes,
        "light",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("light", TensorProto.FLOAT, ["n"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    contract = InputContract.for_size(*size, embedding_dim=1)
    helper.set_model_props(model, {CONTRACT_KEY: json.dumps(contract.to_dict())})
    onnx.save(model, folder / "light.onnx")
    return folder / "light.onnx"
