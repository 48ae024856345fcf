from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mfn.checkpoint import weights_hash, write_atomically
from mfn.contract import InputContract
from mfn.errors import CheckpointError, ConfigError
from mfn.heads.cosface import CosFaceHead
from mfn.transplant import transplant
from tests.small_run import SIZE, small_data, small_recognizer


def saved(tmp_path: Path, contract: InputContract | None = None) -> Path:
    recognizer = small_recognizer(small_data())
    torch.nn.init.normal_(recognizer.head.weight)
    torch.nn.init.normal_(recognizer.backbone.output.embed.conv.weight)
    passport = recognizer.passport.to_dict()
    if contract is not None:
        passport["contract"] = contract.to_dict()
    write_atomically({"state_dict": recognizer.state_dict(), "mfn": passport}, tmp_path / "from.ckpt")
    return tmp_path / "from.ckpt"


def test_same_classes_take_everything_even_under_another_loss(tmp_path: Path) -> None:
    path, data = saved(tmp_path), small_data()
    recognizer = small_recognizer(data, head=CosFaceHead(32, data.num_classes, scale=16, margin=0.2))
    rows = transplant(recognizer, path)
    assert [(row["what"], row["start"]) for row in rows] == [("backbone", "taken"), ("head", "taken")]
    expected = torch.load(path, weights_only=True)["state_dict"]
    assert weights_hash(recognizer.state_dict()) == weights_hash(expected)


def test_other_classes_get_new_centres_and_a_reason(tmp_path: Path) -> None:
    path = saved(tmp_path)
    recognizer = small_recognizer(small_data(val_identities=0.5))
    before = recognizer.head.weight.clone()
    rows = transplant(recognizer, path)
    assert rows[-1]["start"] == "new"
    assert rows[-1]["why"] == "other classes: 6 there, 4 here"
    assert torch.equal(recognizer.head.weight, before)


def test_as_many_but_other_people_get_new_centres(tmp_path: Path) -> None:
    path = saved(tmp_path)
    recognizer = small_recognizer(small_data())
    recognizer.passport = replace(recognizer.passport, label_names=["a", "b", "c", "d", "e", "f"])
    assert transplant(recognizer, path)[-1]["why"] == "other classes: 6 there, 6 here"


def test_another_embedding_length_keeps_all_but_the_last_layers(tmp_path: Path) -> None:
    from mfn.models.mobilefacenet import MobileFaceNet

    path = saved(tmp_path)
    recognizer = small_recognizer(small_data())
    recognizer.backbone = MobileFaceNet(embedding_dim=16, input_size=SIZE, width=0.25)
    rows = {row["what"]: row for row in transplant(recognizer, path) if row["start"] == "new"}
    assert rows["backbone.output.embed.conv.weight"]["why"] == "shape (32, 128, 1, 1) there, (16, 128, 1, 1) here"
    assert all(name.startswith("backbone.output.embed") for name in rows)


def test_weights_trained_on_other_pixels_are_refused_with_the_keys_to_set(tmp_path: Path) -> None:
    path = saved(tmp_path, InputContract.for_size(*SIZE, embedding_dim=32, std=(128.0,) * 3, color="BGR"))
    with pytest.raises(ConfigError, match=r"contract\.color=BGR contract\.std=\[128\.0, 128\.0, 128\.0\]"):
        transplant(small_recognizer(small_data()), path)


def test_files_that_are_no_checkpoints_are_told(tmp_path: Path) -> None:
    recognizer = small_recognizer(small_data())
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        transplant(recognizer, tmp_path / "nothing.ckpt")
    (tmp_path / "text.ckpt").write_text("hello")
    with pytest.raises(CheckpointError, match="cannot be read"):
        transplant(recognizer, tmp_path / "text.ckpt")
    torch.save({"state_dict": {}}, tmp_path / "foreign.ckpt")
    with pytest.raises(CheckpointError, match="not a checkpoint of mfn"):
        transplant(recognizer, tmp_path / "foreign.ckpt")
