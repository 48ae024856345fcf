import json
from pathlib import Path

import pytest
import torch

from mfn.checkpoint.format import BACKBONE, HEAD, CheckpointMetadata, write_atomically
from mfn.contract import InputContract
from mfn.errors import CheckpointError, DataError
from mfn.inspection.inspect import inspect, show
from mfn.models.mobilefacenet import MobileFaceNet

ARGUMENTS = {"_target_": "mfn.models.mobilefacenet.MobileFaceNet", "embedding_dim": 64, "input_size": [32, 32]}


def write_checkpoint(path: Path, spoil: bool = False) -> Path:
    network = MobileFaceNet(embedding_dim=64, input_size=(32, 32))
    state = {BACKBONE + name: value for name, value in network.state_dict().items()}
    state[HEAD + "weight"] = torch.full((5, 64), float("nan") if spoil else 1.0)
    contract = InputContract.for_size(32, 32, embedding_dim=64, threshold=0.25, threshold_far=1e-3)
    metadata = CheckpointMetadata(ARGUMENTS, contract.to_dict(), label_map=[0, 1, 2, 3, 9])
    callbacks = {"saver": {"monitor": "val/lfw/accuracy", "best_model_score": torch.tensor(0.9)}, "other": {}}
    content = {"state_dict": state, "mfn": metadata.to_dict(), "global_step": 1500, "epoch": 2, "callbacks": callbacks}
    write_atomically(content, path)
    return path


def test_a_checkpoint(tmp_path: Path) -> None:
    found = inspect(write_checkpoint(tmp_path / "last.ckpt"))
    assert found.kind == "checkpoint" and not found.problems
    facts = found.facts
    assert facts["network"] == "MobileFaceNet" and facts["classes"] == 5 and facts["head"] == "weight 5x64"
    assert facts["input (height x width)"] == "32x32 RGB" and facts["template"] == "InsightFace's"
    assert facts["threshold"] == "0.2500 at a false accept rate of 0.001"
    assert facts["trained"] == "1,500 steps, epoch 2" and facts["best"] == "val/lfw/accuracy 0.9000"
    assert facts["parameters"] == sum(
        p.numel() for p in MobileFaceNet(embedding_dim=64, input_size=(32, 32)).parameters()
    )


def test_spoilt_weights_are_told(tmp_path: Path) -> None:
    found = inspect(write_checkpoint(tmp_path / "last.ckpt", spoil=True))
    assert found.problems == ["1 tensors hold NaN or infinity: head.weight"]


def test_tensors_of_somebody_else(tmp_path: Path) -> None:
    torch.save({"conv.weight": torch.ones(4, 3)}, tmp_path / "model.pth")
    found = inspect(tmp_path / "model.pth")
    assert found.facts["values"] == 12 and "not a checkpoint of mfn" in found.problems[0]


WEIGHTS = {"conv.weight": torch.ones(4, 3), "conv.bias": torch.zeros(4)}


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (WEIGHTS, "in itself"),
        ({"state_dict": WEIGHTS, "epoch": 3}, "in state_dict"),
        ({"model": WEIGHTS, "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}}, "epoch": 3}, "in model"),
        ({"epoch": 3, "net": {"state_dict": WEIGHTS}}, "in net.state_dict"),
        ({"nets": [{"params": WEIGHTS}], "epoch": 3}, "in nets.0.params"),
        ({"state_dict": 7, "epoch": 3, "model_state_dict": WEIGHTS}, "in model_state_dict"),
    ],
)
def test_weights_of_others_are_found_where_they_lie(tmp_path: Path, content: dict[str, object], where: str) -> None:
    torch.save(content, tmp_path / "model.pth")
    found = inspect(tmp_path / "model.pth")
    assert found.facts[where] == "2 tensors, 16 values: conv.weight 4x3 ... conv.bias 4"
    assert "epoch" not in content or "epoch=3" in str(found.facts["it says"])
    json.dumps(found.to_dict())


@pytest.mark.parametrize("bad", [1.0, float("nan")])
def test_tensors_of_any_kind_are_looked_at(tmp_path: Path, bad: float) -> None:
    dense = torch.tensor([[1.0, bad], [0.0, 2.0]])
    content = {
        "coo": dense.to_sparse(),
        "csr": dense.to_sparse_csr(),
        "float8": dense.to(torch.float8_e4m3fn),
        "half": dense.half(),
        "bfloat16": dense.bfloat16(),
        "parameter": torch.nn.Parameter(dense),
        "whole": torch.ones(2, dtype=torch.int8),
        "complex": torch.ones(2, dtype=torch.complex64),
        "one value": torch.tensor(bad),
        "none": torch.empty(0),
        "meta": torch.empty(3, device="meta"),
    }
    torch.save(content, tmp_path / "model.pth")
    found = inspect(tmp_path / "model.pth")
    assert found.facts["tensors"] == len(content)
    assert any("5 tensors hold NaN or infinity: float8, half, bfloat16" in line for line in found.problems) == (
        bad != bad
    )


def test_what_is_strange_in_checkpoints_of_others(tmp_path: Path) -> None:
    loop: dict[object, object] = {f"part {number}": {"w": torch.ones(2)} for number in range(20)}
    loop |= {"self": loop, "\x1b[2Jname": "x" * 1000, 5: [loop], "none": {"w": torch.full((2,), float("nan"))}}
    torch.save(loop, tmp_path / "model.pth")
    found = inspect(tmp_path / "model.pth")
    assert found.facts["tensors"] == 21 and found.facts["in other parts"] == "9 more"
    assert "\x1b" not in found.text() and len(found.text()) < 3000
    assert found.problems[0] == "1 tensors hold NaN or infinity: w"
    torch.save({"epoch": 1}, tmp_path / "empty.pth")
    assert inspect(tmp_path / "empty.pth").facts["tensors"] == 0


def test_a_damaged_checkpoint(tmp_path: Path) -> None:
    whole = write_checkpoint(tmp_path / "last.ckpt").read_bytes()
    (tmp_path / "last.ckpt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="cannot be read"):
        inspect(tmp_path / "last.ckpt")


def test_networks_have_no_images(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no images"):
        show(inspect(write_checkpoint(tmp_path / "last.ckpt")), tmp_path / "sheet.png")


def test_an_exported_file_without_a_contract(shared: Path) -> None:
    found = inspect(shared / "weights" / "foamliu_MobileFaceNet.onnx")
    assert found.kind == "network (onnx)" and found.facts["embedding"] == 128
    assert found.facts["input (height x width)"] == "112x112" and "does not say what pixels" in found.problems[0]


def test_arrays_in_forward_order(shared: Path) -> None:
    found = inspect(shared / "weights" / "y1.npz")
    assert found.facts["parameters"] == 1_003_136 and found.facts["std"] == "128, 128, 128" and not found.problems
