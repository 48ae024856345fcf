"""A file's contract comes from one place, or from places that agree."""

import dataclasses
import json
from pathlib import Path

import pytest

from mfn.checkpoint.format import read_checkpoint
from mfn.errors import CheckpointError
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.file_contract import side_file, write_side_file
from tests.inference.onnx_files import CONTRACT, write_onnx
from tests.small_run import save_small_checkpoint

USUAL = {"color": "RGB", "mean": [127.5] * 3, "std": [127.5] * 3}


def test_the_contract_inside_is_taken(tmp_path: Path) -> None:
    assert FaceEmbedder.load(write_onnx(tmp_path / "net.onnx")).contract == CONTRACT


def test_a_file_without_one_asks_for_what_is_lacking(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "net.onnx", contract=None)
    with pytest.raises(CheckpointError, match=r"give contract\.mean, contract\.std"):
        FaceEmbedder.load(path, {"color": "RGB", "mean": None})
    told = FaceEmbedder.load(path, USUAL).contract
    assert (told.height, told.width, told.embedding_dim, told.std) == (8, 6, 3, (127.5, 127.5, 127.5))


def test_what_is_stated_must_agree(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "net.onnx")
    assert FaceEmbedder.load(path, {"color": "RGB"}).contract == CONTRACT
    with pytest.raises(CheckpointError, match=r"holds another input contract: color RGB against BGR"):
        FaceEmbedder.load(path, {"color": "BGR"})


def test_a_side_file_must_agree_too(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "net.onnx")
    write_side_file(path, dataclasses.replace(CONTRACT, color="BGR"))
    with pytest.raises(CheckpointError, match="contradicts"):
        FaceEmbedder.load(path)
    side_file(path).write_text("{nonsense")
    with pytest.raises(CheckpointError, match=r"net\.onnx\.json"):
        FaceEmbedder.load(path)


def test_a_threshold_is_stored_beside_a_foreign_file_and_comes_back(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "net.onnx", contract=None)
    side_file(path).write_text(json.dumps({"accuracy": 0.9, "contract": CONTRACT.to_dict()}))
    FaceEmbedder.load(path).store_threshold(path, 0.31, 1e-3)
    contract = FaceEmbedder.load(path).contract
    assert (contract.threshold, contract.threshold_far) == (0.31, 1e-3)
    assert json.loads(side_file(path).read_text())["accuracy"] == 0.9


def test_a_threshold_is_stored_inside_a_checkpoint(tmp_path: Path) -> None:
    path = save_small_checkpoint(tmp_path)
    before = read_checkpoint(path)
    assert FaceEmbedder.load(path).store_threshold(path, 0.42, 1e-4) == path
    after = read_checkpoint(path)
    assert FaceEmbedder.load(path).contract.threshold == 0.42
    assert set(after) == set(before)
    assert all((after["state_dict"][name] == value).all() for name, value in before["state_dict"].items())
