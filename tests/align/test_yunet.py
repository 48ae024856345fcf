from pathlib import Path

import numpy as np
import pytest

from mfn.align.yunet import YuNetDetector
from mfn.errors import ConfigError

onnx = pytest.importorskip("onnx", reason="needs onnx, to build a network with YuNet's outputs")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of YuNet's inputs and outputs, for which a blue block of 8x8 pixels is a face."""
    path = tmp_path_factory.mktemp("yunet") / "toy.onnx"
    nodes, outputs, values = [], [], []
    for kind, channels in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
        for stride in (8, 16, 32):
            name = f"{kind}_{stride}"
            weight, bias = np.zeros((channels, 3, stride, stride), np.float32), np.zeros(channels, np.float32)
            if stride == 8 and channels == 1:
                weight[:, 0] = 1 / (255 * 64)  # blue comes first in BGR
            if kind == "kps":
                bias[:] = np.ravel([(-0.5, -0.5), (0.5, -0.5), (0, 0), (-0.25, 0.5), (0.25, 0.5)])
            arrays = {"w": weight, "b": bias, "s": np.array([1, -1, channels])}
            values += [onnx.numpy_helper.from_array(array, f"{key}_{name}") for key, array in arrays.items()]
            make = onnx.helper.make_node
            nodes += [
                make("Conv", ["input", f"w_{name}", f"b_{name}"], [f"c_{name}"], strides=[stride, stride]),
                make("Transpose", [f"c_{name}"], [f"t_{name}"], perm=[0, 2, 3, 1]),
                make("Reshape", [f"t_{name}", f"s_{name}"], [name]),
            ]
            outputs.append(onnx.helper.make_tensor_value_info(name, 1, [1, (640 // stride) ** 2, channels]))
    inputs = [onnx.helper.make_tensor_value_info("input", 1, [1, 3, 640, 640])]
    graph = onnx.helper.make_graph(nodes, "toy", inputs, outputs, values)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)]), path)
    return path


def photo(height: int, width: int, x: int, y: int, side: int = 8) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    image[y : y + side, x : x + side, 2] = 255
    return image


TOY_POINTS = np.array([[-4, -4], [4, -4], [0, 0], [-2, 4], [2, 4]])


def test_photos_of_any_size_give_their_own_faces(model: Path) -> None:
    found = YuNetDetector(model)([photo(100, 170, 64, 40), photo(64, 64, 0, 0)[..., ::-1], photo(320, 320, 8, 16)], [])
    assert [len(faces) for faces in found] == [1, 0, 1]
    np.testing.assert_array_equal(found[0][0].box, [60, 36, 8, 8])
    np.testing.assert_array_equal(found[0][0].points, TOY_POINTS + np.array([64, 40]))
    np.testing.assert_array_equal(found[2][0].points, TOY_POINTS + np.array([8, 16]))
    assert found[0][0].score == pytest.approx(1, abs=1e-3)


def test_shrunk_photos_give_landmarks_in_their_own_pixels(model: Path) -> None:
    large = photo(320, 640, 256, 160, side=32)
    ((face,),) = YuNetDetector(model, max_side=160)([large], [])
    np.testing.assert_array_equal(face.box, [240, 144, 32, 32])
    np.testing.assert_array_equal(face.points, 4 * TOY_POINTS + np.array([256, 160]))
    assert len(YuNetDetector(model, max_side=None)([large], [])[0]) > 1


def test_faces_below_the_score_are_none_and_the_surest_comes_first(model: Path) -> None:
    image = photo(100, 100, 64, 40)
    image[8:16, 8:16, 2] = 153
    assert len(YuNetDetector(model)([image], [])[0]) == 1
    both = YuNetDetector(model, score=0.5)([image], [])[0]
    assert [round(face.score, 2) for face in both] == [1.0, 0.6]


def test_what_is_not_yunet_is_refused(tmp_path: Path, model: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.onnx is missing.*detector=mtcnn"):
        YuNetDetector(tmp_path / "missing.onnx")
    (tmp_path / "text.onnx").write_text("not a network")
    with pytest.raises(ConfigError, match=r"cannot run .*text\.onnx as YuNet"):
        YuNetDetector(tmp_path / "text.onnx")
    with pytest.raises(ConfigError, match="score"):
        YuNetDetector(model, score=90)
