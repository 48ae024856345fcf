"""What values the tensors inside a LiteRT model take on real faces."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from mfn.export.litert_file import read_model

Ranges = dict[str, tuple[float, float]]
"""Lowest and highest value to be kept, by the tensor's name."""


def activation_ranges(content: bytes, images: np.ndarray, coverage: float) -> Ranges:
    """Runs a float model and finds a range for each of its activations.

    Args:
        content: Of the ``.tflite`` file.
        images: (N, H, W, 3) as the file takes them.
        coverage: Share of the images whose lowest, and whose highest, value the range still holds; 1 is min-max. One
            image with an extreme value would otherwise make the steps coarse for all.

    Returns:
        A range for the input and for what each operator gives.
    """
    model = read_model(content)
    graph = model.subgraphs[0]
    tensors = [graph.inputs[0], *(number for step in graph.operators for number in step.outputs)]
    extremes = np.array(
        [
            [(values.min(), values.max()) for values in map(interpreter.get_tensor, tensors)]
            for interpreter in _runs(content, images, keep_all=True)
        ]
    )
    lows, highs = np.quantile(extremes[..., 0], 1 - coverage, axis=0), np.quantile(extremes[..., 1], coverage, axis=0)
    names = [graph.tensors[number].name.decode() for number in tensors]
    return {name: (float(low), float(high)) for name, low, high in zip(names, lows, highs, strict=True)}


def embeddings(content: bytes, images: np.ndarray) -> np.ndarray:
    """Embeddings, float32 (N, D), of images (N, H, W, 3) as the file takes them."""
    output = read_model(content).subgraphs[0].outputs[0]
    return np.concatenate([interpreter.get_tensor(output) for interpreter in _runs(content, images)])[: len(images)]


def _runs(content: bytes, images: np.ndarray, keep_all: bool = False) -> Iterator[Any]:
    """The interpreter after each run; the last batch is filled up by repeating its last image."""
    from ai_edge_litert.interpreter import Interpreter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that keeping all tensors takes memory
        interpreter = Interpreter(model_content=content, num_threads=1, experimental_preserve_all_tensors=keep_all)
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]
    batch = int(entry["shape"][0])
    for at in range(0, len(images), batch):
        part = images[at : at + batch]
        interpreter.set_tensor(entry["index"], np.pad(part, [(0, batch - len(part)), *[(0, 0)] * 3], mode="edge"))
        interpreter.invoke()
        yield interpreter
