from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from mfn.checkpoint.format import read_checkpoint, weights_hash, write_atomically
from mfn.contract import InputContract
from mfn.data.datamodule import FaceDataModule
from mfn.errors import CheckpointError, ConfigError
from mfn.heads.arcface import ArcFaceHead
from mfn.heads.cosface import CosFaceHead
from mfn.heads.softmax import SoftmaxHead
from mfn.heads.staged import StagedHead
from mfn.synthetic.dataset import SyntheticFaces
from mfn.training.warm_start import warm_start
from tests.small_run import SIZE, small_data, small_recognizer


def saved(tmp_path: Path, contract: InputContract | None = None) -> Path:
    recognizer = small_recognizer(small_data())
    torch.nn.init.normal_(recognizer.head.weight)
    torch.nn.init.normal_(recognizer.backbone.output.embed.conv.weight)
    metadata = recognizer.metadata.to_dict()
    if contract is not None:
        metadata["contract"] = contract.to_dict()
    write_atomically({"state_dict": recognizer.state_dict(), "mfn": metadata}, tmp_path / "from.ckpt")
    return tmp_path / "from.ckpt"


def test_same_classes_take_everything_even_under_another_loss(tmp_path: Path) -> None:
    path, data = saved(tmp_path), small_data()
    recognizer = small_recognizer(data, head=CosFaceHead(32, data.num_classes, scale=16, margin=0.2))
    rows = warm_start(recognizer, path)
    assert [(row["what"], row["start"]) for row in rows] == [("backbone", "taken"), ("head", "taken")]
    expected = torch.load(path, weights_only=True)["state_dict"]
    assert weights_hash(recognizer.state_dict()) == weights_hash(expected)


def test_other_classes_get_new_centres_and_a_reason(tmp_path: Path) -> None:
    path = saved(tmp_path)
    recognizer = small_recognizer(small_data(val_identities=0.5))
    before = recognizer.head.weight.clone()
    rows = warm_start(recognizer, path)
    assert rows[-1]["start"] == "new"
    assert rows[-1]["why"] == "other people: 6 there, 4 here"
    assert torch.equal(recognizer.head.weight, before)


def test_as_many_but_other_people_get_new_centres(tmp_path: Path) -> None:
    path = saved(tmp_path)
    recognizer = small_recognizer(small_data())
    recognizer.metadata = replace(recognizer.metadata, label_names=["a", "b", "c", "d", "e", "f"])
    assert warm_start(recognizer, path)[-1]["why"] == "other people: as many classes, but other names"


def test_another_pack_that_counts_its_people_alike_gets_new_centres(tmp_path: Path) -> None:
    path, data = saved(tmp_path), small_data()
    others = FaceDataModule(SyntheticFaces(8, 6, image_size=SIZE, seed=1), image_size=SIZE, val_identities=0.25)
    others.setup()
    assert others.num_classes == data.num_classes
    recognizer = small_recognizer(data)
    recognizer.metadata = replace(recognizer.metadata, label_map=read_checkpoint(path)["mfn"]["label_map"])
    assert warm_start(recognizer, path)[-1]["start"] == "taken"
    recognizer.metadata = replace(recognizer.metadata, data=others.fingerprint)
    assert warm_start(recognizer, path)[-1] == {
        "what": "head",
        "start": "new",
        "tensors": "1",
        "why": "other people: as many classes, but other pictures of them",
    }


def staged(num_classes: int) -> StagedHead:
    return StagedHead(32, num_classes, SoftmaxHead, lambda dim, count: ArcFaceHead(dim, count, 16, 0.2))


@pytest.mark.parametrize("before", ["staged", "plain", "softmax"])
@pytest.mark.parametrize("now", ["staged", "plain", "softmax"])
def test_class_centres_go_from_any_kind_of_head_to_any(tmp_path: Path, before: str, now: str) -> None:
    data = small_data()
    kinds = {"staged": staged, "plain": lambda count: ArcFaceHead(32, count), "softmax": partial(SoftmaxHead, 32)}
    trained = small_recognizer(data, head=kinds[before](data.num_classes))
    torch.nn.init.normal_(trained.head.weight)
    if before == "staged":
        trained.head.advance()
    write_atomically({"state_dict": trained.state_dict(), "mfn": trained.metadata.to_dict()}, tmp_path / "from.ckpt")
    fresh = small_recognizer(data, head=kinds[now](data.num_classes))
    rows = warm_start(fresh, tmp_path / "from.ckpt")
    assert torch.equal(fresh.head.weight, trained.head.weight)
    assert {row["start"] for row in rows if row["what"] == "head"} <= {"taken", "left"}
    if now == "staged":
        assert fresh.head.current is fresh.head.first and fresh.head.second.weight is fresh.head.first.weight


def test_another_embedding_length_keeps_all_but_the_last_layers(tmp_path: Path) -> None:
    from mfn.models.mobilefacenet import MobileFaceNet

    path = saved(tmp_path)
    recognizer = small_recognizer(small_data())
    recognizer.backbone = MobileFaceNet(embedding_dim=16, input_size=SIZE, width=0.25)
    rows = {row["what"]: row for row in warm_start(recognizer, path) if row["start"] == "new"}
    assert rows["backbone.output.embed.conv.weight"]["why"] == "shape (32, 128, 1, 1) there, (16, 128, 1, 1) here"
    assert all(name.startswith("backbone.output.embed") for name in rows)


def test_weights_trained_on_other_pixels_are_refused_with_the_keys_to_set(tmp_path: Path) -> None:
    path = saved(tmp_path, InputContract.for_size(*SIZE, embedding_dim=32, std=(128.0,) * 3, color="BGR"))
    with pytest.raises(ConfigError, match=r"contract\.color=BGR contract\.std=\[128\.0, 128\.0, 128\.0\]"):
        warm_start(small_recognizer(small_data()), path)


def test_files_that_are_no_checkpoints_are_told(tmp_path: Path) -> None:
    recognizer = small_recognizer(small_data())
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        warm_start(recognizer, tmp_path / "nothing.ckpt")
    (tmp_path / "text.ckpt").write_text("hello")
    with pytest.raises(CheckpointError, match="cannot be read"):
        warm_start(recognizer, tmp_path / "text.ckpt")
    torch.save({"state_dict": {}}, tmp_path / "foreign.ckpt")
    with pytest.raises(CheckpointError, match="not a checkpoint of mfn"):
        warm_start(recognizer, tmp_path / "foreign.ckpt")
