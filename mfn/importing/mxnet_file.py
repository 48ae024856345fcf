"""mxnet's two files, ``NAME-symbol.json`` and ``NAME-0000.params``, to a graph of layers, without mxnet."""

import ast
import json
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np

from mfn.errors import CheckpointError, first_line
from mfn.importing.graph import Array, Graph, Node

_LIST, _V1, _V2, _V3 = 0x112, 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_TYPES = {0: np.float32, 1: np.float64, 2: np.float16, 3: np.uint8, 4: np.int32, 5: np.int8, 6: np.int64}
_SCALAR = {"_minus_scalar": "sub", "_mul_scalar": "mul", "_plus_scalar": "add", "_div_scalar": "div"}
_SAME = {"Flatten", "flatten", "Dropout", "identity", "_copy", "Reshape", "L2Normalization", "Cast"}
_ADD = {"elemwise_add", "broadcast_add", "_plus", "_Plus", "_add"}


def read_params(path: Path) -> dict[str, Array]:
    """The arrays of a ``.params`` file by name, without ``arg:`` and ``aux:``.

    The format is mxnet's ``NDArray::Save``: little-endian, a magic number, arrays, then their names.

    Raises:
        CheckpointError: It is damaged or no such file.
    """
    data = path.read_bytes()
    try:
        at, arrays = 24, []
        magic, _, count = struct.unpack_from("<QQQ", data)
        if magic != _LIST or count > len(data):
            raise ValueError("it does not begin as one does")
        for _ in range(count):
            array, at = _array(data, at)
            arrays.append(array)
        (names,) = struct.unpack_from("<Q", data, at)
        at += 8
        if names != count:
            raise ValueError(f"{names} names for {count} arrays")
        found = {}
        for array in arrays:
            (length,) = struct.unpack_from("<Q", data, at)
            name = data[at + 8 : at + 8 + length].decode()
            at += 8 + length
            found[re.sub("^(arg|aux):", "", name)] = array
    except (struct.error, ValueError, OverflowError) as error:
        raise CheckpointError(f"{path} cannot be read as mxnet's .params ({first_line(error)})") from error
    return found


def _array(data: bytes, at: int) -> tuple[Array, int]:
    (magic,) = struct.unpack_from("<I", data, at)
    if magic in (_V2, _V3):
        (stored,) = struct.unpack_from("<i", data, at + 4)
        if stored != 0:
            raise ValueError("it holds sparse arrays")
        at += 8
        sides, side = struct.unpack_from("<I", data, at)[0], "q"
    elif magic == _V1:
        at += 4
        sides, side = struct.unpack_from("<I", data, at)[0], "q"
    else:  # the oldest form: the magic is the number of sides
        sides, side = magic, "I"
    if sides > 16:
        raise ValueError(f"an array of {sides} dimensions")
    shape = struct.unpack_from(f"<{sides}{side}", data, at + 4)
    at += 4 + sides * struct.calcsize(f"<{side}")
    _, _, kind = struct.unpack_from("<iii", data, at)  # device, its number
    at += 12
    if kind not in _TYPES or min(shape, default=1) < 0:
        raise ValueError(f"an array of an unknown type {kind}")
    count = int(np.prod(shape, dtype=object))
    if count * np.dtype(_TYPES[kind]).itemsize > len(data) - at:
        raise ValueError("it ends too early")
    array = np.frombuffer(data, _TYPES[kind], count, at).reshape(shape)
    return array.astype(np.float64), at + array.nbytes


def read_mxnet(path: Path) -> Graph:
    """Reads ``NAME-0000.params`` with its ``NAME-symbol.json`` beside it.

    Raises:
        CheckpointError: A file is missing or damaged, or holds layers that no network known here has.
    """
    symbol = path.with_name(re.sub(r"-\d+$", "", path.stem) + "-symbol.json")
    if not symbol.is_file():
        raise CheckpointError(f"{path} needs {symbol.name} beside it, which says how its layers follow one another")
    constants = read_params(path)
    try:
        described = json.loads(symbol.read_bytes())
        entries, heads = described["nodes"], described["heads"]
        names = [str(entry["name"]) for entry in entries]
        nodes = [_node(entry, names, constants) for entry in entries if entry["op"] != "null"]
        images = [
            name for entry, name in zip(entries, names, strict=True) if entry["op"] == "null" and name not in constants
        ]
    except CheckpointError as error:
        raise CheckpointError(f"{symbol}: {error}") from error
    except Exception as error:  # what a damaged file comes to
        raise CheckpointError(f"{symbol} cannot be read as mxnet's symbol ({first_line(error)})") from error
    if not images:
        raise CheckpointError(f"{symbol} has no input")
    return Graph([node for node in nodes if node], constants, images[0], names[heads[0][0]])


def _node(entry: dict[str, Any], names: list[str], constants: dict[str, Array]) -> Node:
    given = entry.get("attrs") or entry.get("param") or entry.get("attr") or {}
    kind, name = entry["op"], entry["name"]
    inputs = tuple(names[each[0]] for each in entry["inputs"])

    def pair(key: str, default: str) -> tuple[int, ...]:
        return tuple(ast.literal_eval(given.get(key, default)))

    if kind == "Convolution":
        even = {"padding": pair("pad", "(0, 0)")[0], "same": False}
        return Node("conv", name, inputs, name, {**even, "stride": max(pair("stride", "(1, 1)"))})
    if kind == "FullyConnected":
        return Node("linear", name, inputs, name)
    if kind == "BatchNorm":
        if given.get("fix_gamma", "True") in ("True", "1", "true"):
            constants[inputs[1]] = np.ones_like(constants[inputs[1]])
        return Node("bn", name, inputs, name, {"eps": float(given.get("eps", 1e-3))})
    if kind == "LeakyReLU":
        slope = name + ".slope"
        if given.get("act_type") == "prelu":
            return Node("prelu", name, inputs, name)
        constants[slope] = np.asarray(float(given.get("slope", 0.25)))
        return Node("prelu", name, (inputs[0], slope), name)
    if kind == "Activation" and given.get("act_type") == "relu":
        return Node("relu", name, inputs, name)
    if kind == "clip":
        constants[name + ".low"], constants[name + ".high"] = (np.asarray(float(given[k])) for k in ("a_min", "a_max"))
        return Node("clip", name, (inputs[0], name + ".low", name + ".high"), name)
    if kind in _SCALAR:
        constants[name + ".scalar"] = np.asarray(float(given["scalar"]))
        return Node(_SCALAR[kind], name, (inputs[0], name + ".scalar"), name)
    if kind in _ADD:
        return Node("add", name, inputs, name)
    return Node("same" if kind in _SAME else kind, name, inputs[:1] if kind in _SAME else inputs, name)
