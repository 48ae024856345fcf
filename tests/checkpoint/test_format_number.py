"""Files of other versions: without a number, of now, and of a version that is still to come."""

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from mfn.checkpoint.format import CheckpointMetadata, read_checkpoint, write_atomically
from mfn.checkpoint.format_number import FORMAT
from mfn.errors import CheckpointError
from mfn.inference.embedder import FaceEmbedder
from tests.checkpoint.make_files import CONTRACT, FILES

NAMES = ("before_format", "format_1")
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING)
    return caplog


@pytest.mark.parametrize("name", NAMES)
def test_files_of_earlier_versions_are_read_in_silence(name: str, log: pytest.LogCaptureFixture) -> None:
    from_checkpoint, from_onnx = (FaceEmbedder.load(FILES / f"{name}{suffix}") for suffix in (".ckpt", ".onnx"))
    assert from_checkpoint.contract == from_onnx.contract == CONTRACT
    assert np.allclose(from_checkpoint(IMAGES), from_onnx(IMAGES), atol=1e-4)
    metadata = CheckpointMetadata.of(read_checkpoint(FILES / f"{name}.ckpt"), name)
    assert metadata.label_names == ["a", "b"] and metadata.format == NAMES.index(name)
    assert not log.records


def test_what_is_written_now_has_the_number_of_now() -> None:
    assert CheckpointMetadata({}, {}).to_dict()["format"] == FORMAT == NAMES.index("format_1")
    inside = {each.key: each.value for each in onnx.load(str(FILES / "format_1.onnx")).metadata_props}
    assert inside["mfn.format"] == str(FORMAT)
    assert json.loads((FILES / "format_1.onnx.json").read_text())["format"] == str(FORMAT)


def changed(folder: Path, **fields: object) -> Path:
    """A checkpoint with other fields, None for those that are left out."""
    checkpoint = read_checkpoint(FILES / "format_1.ckpt")
    fields = checkpoint["mfn"] | fields
    checkpoint["mfn"] = {name: value for name, value in fields.items() if value is not None}
    write_atomically(checkpoint, folder / "changed.ckpt")
    return folder / "changed.ckpt"


def test_missing_fields_have_defaults(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    lacking = dict.fromkeys(("label_map", "label_names", "data", "request", "config", "version", "format"))
    path = changed(tmp_path, **lacking)
    metadata = CheckpointMetadata.of(read_checkpoint(path), path)
    assert (metadata.label_map, metadata.data, metadata.version, metadata.format) == ([], {}, "", 0)
    assert FaceEmbedder.load(path).contract == CONTRACT and not log.records


@pytest.mark.parametrize("number", [FORMAT, FORMAT + 1])
def test_unknown_fields_are_told_once(number: int, tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    path = changed(tmp_path, format=number, teacher="y1", zebra=[1])
    assert np.isfinite(FaceEmbedder.load(path)(IMAGES)).all()
    (record,) = log.records
    assert "teacher, zebra" in record.getMessage() and str(path) in record.getMessage()
    assert (f"has format {FORMAT + 1}, and this mfn knows {FORMAT}" in record.getMessage()) == (number > FORMAT)


def test_a_newer_file_that_makes_no_sense_here_says_why(tmp_path: Path) -> None:
    path = changed(tmp_path, format=7, label_map="compressed")
    with pytest.raises(CheckpointError, match=r"label_map.*has format 7, and this mfn knows 1: install a newer mfn"):
        FaceEmbedder.load(path)
    with pytest.raises(CheckpointError, match="label_map") as caught:
        FaceEmbedder.load(changed(tmp_path, label_map="compressed"))
    assert "install a newer mfn" not in str(caught.value)


def test_a_newer_side_file_is_told(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    for suffix in (".onnx", ".onnx.json"):
        shutil.copy(FILES / f"format_1{suffix}", tmp_path)
    beside = tmp_path / "format_1.onnx.json"
    beside.write_text(json.dumps(json.loads(beside.read_text()) | {"format": "2"}))
    FaceEmbedder.load(tmp_path / "format_1.onnx")
    assert ["has format 2" in record.getMessage() for record in log.records] == [True]


@pytest.mark.parametrize("odd", ["1.5", -1, True, [], "9" * 50, 10**30])
def test_an_odd_number_is_no_reason_to_fail(odd: object, tmp_path: Path) -> None:
    assert FaceEmbedder.load(changed(tmp_path, format=odd)).contract == CONTRACT
