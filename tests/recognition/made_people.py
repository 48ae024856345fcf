"""People of coloured squares, photos of them, a detector that finds them and a network that knows them apart."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from mfn.align.face import Face
from mfn.contract import InputContract, MeasuredScores
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.file_contract import write_side_file
from mfn.recognition.pipeline import FacePipeline

SIDE = 32
MEASURED = MeasuredScores(
    *("made", "none", 1_000_000, 5000),
    fmr=tuple((10.0**-power, 0.1 + 0.1 * power) for power in range(7)),
    fnmr=((0.5, 0.97), (0.1, 0.9), (0.01, 0.8), (0.0002, 0.7)),
)
CONTRACT = InputContract.for_size(
    *(SIDE, SIDE),
    embedding_dim=48,
    threshold=0.6,
    threshold_far=1e-5,
    threshold_flip="none",
    measured=MEASURED,
)
_PAPER = 40


def crop_of(person: int, shot: int = 0) -> NDArray[np.uint8]:
    """An aligned face, uint8 RGB (32, 32, 3): 4x4 squares of the person's colours, a little other in each shot."""
    colours = np.random.default_rng(person).integers(0, 256, (4, 4, 3))
    noise = np.random.default_rng((person, shot)).integers(-12, 13, (4, 4, 3)) if shot else 0
    return np.clip(colours + noise, 0, 255).astype(np.uint8).repeat(8, 0).repeat(8, 1)


def photo_of(*crops: NDArray[np.uint8], side: int = 64) -> NDArray[np.uint8]:
    """A grey photo with faces of that many pixels from left to right."""
    photo = np.full((side + 40, 20 + len(crops) * (side + 20), 3), _PAPER, np.uint8)
    for number, crop in enumerate(crops):
        x = 20 + number * (side + 20)
        photo[20 : 20 + side, x : x + side] = cv2.resize(crop, (side, side), interpolation=cv2.INTER_NEAREST)
    return photo


class SquareDetector:
    """Finds what is not paper; a face fills its box as a crop does."""

    def __call__(self, images: Sequence[NDArray[np.uint8]], names: Sequence[str]) -> list[list[Face]]:
        return [self._faces(image) for image in images]

    def _faces(self, image: NDArray[np.uint8]) -> list[Face]:
        ink = (np.abs(image.astype(int) - _PAPER).max(axis=2) > 8).astype(np.uint8)
        ink = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
        _, _, boxes, _ = cv2.connectedComponentsWithStats(ink)
        found = []
        for x, y, width, height, area in boxes[1:]:
            if area >= 64:
                points = np.array(CONTRACT.template) * (width / SIDE, height / SIDE) + (x, y)
                found.append(Face.rounded((x, y, width, height), points, 0.9))
        return sorted(found, key=lambda face: float(face.box[0]))


def network_file(folder: Path, *, name: str = "squares.onnx", turned: bool = False, side: int = SIDE) -> Path:
    """An ONNX file whose embedding is the mean colour of each square; `turned` makes another network of it."""
    pool, cells = side // 4, 48
    nodes = [
        helper.make_node("AveragePool", ["pixels"], ["pooled"], kernel_shape=[pool, pool], strides=[pool, pool]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "turn"], ["embedding"]),
    ]
    matrix = np.eye(cells, dtype=np.float32)
    if turned:
        matrix = np.linalg.qr(np.random.default_rng(5).standard_normal((cells, cells)))[0].astype(np.float32)
    graph = helper.make_graph(
        nodes,
        "squares",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["N", 3, side, side])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", cells])],
        [onnx.numpy_helper.from_array(matrix, "turn")],
    )
    path = folder / name
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    contract = CONTRACT if side == SIDE else InputContract.for_size(side, side, embedding_dim=cells, threshold=0.6)
    write_side_file(path, contract)
    return path


def squares(folder: Path, **options: bool | str | int) -> FaceEmbedder:
    """That network, loaded."""
    return FaceEmbedder.load(network_file(folder, **options))  # type: ignore[arg-type]


def pipeline(folder: Path) -> FacePipeline:
    """Detector and network."""
    return FacePipeline(SquareDetector(), squares(folder))


def write_photo(path: Path, photo: NDArray[np.uint8]) -> Path:
    """A photo as PNG; its folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", photo[:, :, ::-1])[1].tobytes())
    return path
