"""Core ML packages say what they were asked to; only a Mac can run them."""

from pathlib import Path

import pytest

pytest.importorskip("coremltools", reason="needs coremltools")

import coremltools as ct

from mfn.errors import CheckpointError
from mfn.export.targets.coreml import CoremlTarget
from mfn.inference.embedder import FaceEmbedder
from tests.export.shallow import shallow_deployable


def size(package: Path) -> int:
    return sum(file.stat().st_size for file in package.rglob("weight.bin"))


def test_packages_of_floats(tmp_path: Path) -> None:
    sizes = {}
    for precision in ("fp32", "fp16"):
        deployable, path = shallow_deployable(precision=precision), tmp_path / f"{precision}.mlpackage"
        assert CoremlTarget().export(deployable, path, None) == [path]
        description = CoremlTarget().describe(path)
        assert description.batch == "1-64" and description.version == "spec 6"
        assert description.operators["prelu"] == 6 and description.operators["conv"] == 10
        sizes[precision] = size(path)
    assert sizes["fp16"] < 0.6 * sizes["fp32"]
    spec = ct.models.MLModel(str(path), skip_model_load=True).get_spec()
    assert dict(spec.description.metadata.userDefined).items() >= deployable.metadata.items()
    with pytest.raises(CheckpointError, match="Mac"):
        FaceEmbedder.load(path)


def test_packages_of_pixels_take_an_image(tmp_path: Path) -> None:
    path = tmp_path / "net.mlpackage"
    CoremlTarget().export(shallow_deployable(precision="int8", input="uint8", color="BGR"), path, None)
    (image,) = ct.models.MLModel(str(path), skip_model_load=True).get_spec().description.input
    assert image.name == "image" and image.type.imageType.width == 32
    assert image.type.imageType.colorSpace == image.type.imageType.BGR
    assert CoremlTarget().describe(path).batch == "1"
