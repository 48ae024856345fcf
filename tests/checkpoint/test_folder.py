"""A network as a folder of safetensors: written, read, shared, and made by somebody who means harm."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from mfn.checkpoint.folder import CARD, CONFIG, FILES, WEIGHTS, read_folder
from mfn.commands.export import export
from mfn.commands.main import main
from mfn.errors import CheckpointError, ConfigError, ExportError, MfnError
from mfn.inference import hub
from mfn.inference.embedder import FaceEmbedder
from tests.composing import composed
from tests.export.networks import CONTRACT, faces, small_checkpoint
from tests.scripts import TINY, run_script


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return small_checkpoint(tmp_path)


def exported(checkpoint: Path, *overrides: str) -> list[Path]:
    words = (f"model_path={checkpoint}", "target=safetensors", "latency.rounds=0", *overrides)
    config = composed(*words, config="export")
    config.paths.output = str(checkpoint.parent / "out")
    return export(config)


@pytest.fixture
def folder(checkpoint: Path) -> Path:
    return exported(checkpoint)[0]


def test_a_folder_is_the_network(checkpoint: Path) -> None:
    plain, half = exported(checkpoint, "precision=[fp32,fp16]", "limits.min_cosine=0.99")
    assert {file.name for file in plain.iterdir()} == set(FILES)
    wanted = FaceEmbedder.load(checkpoint)
    for path, most in ((plain, 1e-6), (plain / WEIGHTS, 1e-6), (half, 0.1)):
        embedder = FaceEmbedder.load(path)
        assert embedder.contract == CONTRACT
        assert np.abs(embedder(faces()) - wanted(faces())).max() <= most
    kinds = {value.dtype for value in load_file(half / WEIGHTS).values() if value.dim() > 1}
    assert kinds == {torch.float16}
    assert (half / WEIGHTS).stat().st_size < 0.8 * (plain / WEIGHTS).stat().st_size


def test_the_card_and_the_configuration_say_what_it_expects(folder: Path) -> None:
    card, config = (folder / CARD).read_text(), json.loads((folder / CONFIG).read_text())
    assert card.startswith("---\nlibrary_name: mfn\n") and "32x32, RGB, (x - 100/120/140) / 50/60/70" in card
    assert config["format"] == 1 and config["contract"]["height"] == 32
    assert config["model"]["_target_"] == "mfn.models.mobilefacenet.MobileFaceNet"


def test_a_threshold_goes_into_the_configuration(folder: Path) -> None:
    embedder = FaceEmbedder.load(folder)
    assert embedder.store_threshold(folder, 0.3, 1e-3, "sum") == folder / CONFIG
    assert FaceEmbedder.load(folder).contract.threshold == FaceEmbedder.load(folder / WEIGHTS).contract.threshold == 0.3


@pytest.mark.slow
def test_every_command_takes_a_folder(folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (again,) = exported(folder, "target=torchscript", "name=again")
    assert np.allclose(
        FaceEmbedder.load(again, trust_torchscript=True)(faces()), FaceEmbedder.load(folder)(faces()), atol=1e-4
    )
    with caplog.at_level("INFO"):
        main(["inspect", str(folder)])
    assert "MobileFaceNet" in caplog.text and "0.00 MB" not in caplog.text
    small = ("model.width=0.25", "model.embedding_dim=16", "contract.mean=[100,120,140]", "contract.std=[50,60,70]")
    words = [word for word in TINY if "width" not in word]
    done = run_script("train", *words, *small, f"model_path={folder}", "trainer.max_steps=1", cwd=tmp_path)
    assert "same name and shape" in done.output


@pytest.mark.parametrize("option", ["input=uint8", "l2_normalize=true", "color=BGR"])
def test_what_a_folder_cannot_hold_is_refused(option: str, checkpoint: Path) -> None:
    with pytest.raises(ExportError, match="keeps the network as it is"):
        exported(checkpoint, option)


class Hub:
    """The client of the hub, in a folder."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.calls: list[dict[str, Any]] = []

    def snapshot_download(self, name: str, **options: Any) -> str:
        self.calls.append(options)
        if not (self.place / name).is_dir():
            raise OSError(f"404: {name} is not there\nsee https://hub")
        return str(self.place / name)

    def create_repo(self, name: str, **options: Any) -> None:
        self.calls.append(options)
        (self.place / name).mkdir(parents=True, exist_ok=options["exist_ok"])

    def upload_folder(self, repo_id: str, folder_path: str, **options: Any) -> str:
        self.calls.append(options)
        shutil.copytree(folder_path, self.place / repo_id, dirs_exist_ok=True)
        return f"https://hub/{repo_id}"


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    stub = Hub(tmp_path / "hub")
    monkeypatch.setattr(hub, "_client", lambda: stub)
    return stub


def test_a_network_goes_to_the_hub_and_comes_back(checkpoint: Path, stub: Hub) -> None:
    embedder = FaceEmbedder.load(checkpoint)
    assert embedder.push_to_hub("me/face", private=True, token="t") == "https://hub/me/face"
    assert {file.name for file in (stub.place / "me/face").iterdir()} == set(FILES)
    back = FaceEmbedder.from_pretrained("me/face", revision="main", token="t")
    assert np.allclose(back(faces()), embedder(faces()), atol=1e-6) and back.contract == CONTRACT
    assert [call.get("token") for call in stub.calls] == ["t"] * 3 and stub.calls[0]["private"]
    assert stub.calls[2] == {"allow_patterns": list(FILES), "revision": "main", "token": "t"}


def test_a_folder_of_that_name_needs_no_hub(folder: Path, stub: Hub) -> None:
    assert FaceEmbedder.from_pretrained(folder).contract == CONTRACT and not stub.calls


@pytest.mark.slow
def test_what_the_hub_refuses_is_one_sentence(stub: Hub, checkpoint: Path) -> None:
    with pytest.raises(CheckpointError, match="nobody/nothing could not be fetched from the hub") as caught:
        FaceEmbedder.from_pretrained("nobody/nothing")
    assert "\n" not in str(caught.value)
    onnx = exported(checkpoint, "target=onnx")[0]
    with pytest.raises(ConfigError, match="only a network of a checkpoint"):
        FaceEmbedder.load(onnx).push_to_hub("me/face")


def test_without_the_client_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(CheckpointError, match=r"pip install 'mobilefacenet\[hub\]'"):
        FaceEmbedder.from_pretrained("me/face")


def _config(folder: Path, **fields: object) -> None:
    path = folder / CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def _model(folder: Path, **arguments: object) -> None:
    _config(folder, model=json.loads((folder / CONFIG).read_text())["model"] | arguments)


def _weights(folder: Path, **tensors: torch.Tensor) -> None:
    save_file(load_file(folder / WEIGHTS) | tensors, folder / WEIGHTS)


HARM = {
    "code": lambda folder: _model(folder, _target_="os.system"),
    "a class that only passes through": lambda folder: _model(folder, _target_="mfn.models.mobilefacenet.nn.Linear"),
    "a huge network": lambda folder: _model(folder, embedding_dim=65536, width=64),
    "an argument that is no value": lambda folder: _model(folder, width={"_target_": "os.system"}),
    "no contract": lambda folder: _config(folder, contract={}),
    "no model": lambda folder: _config(folder, model="mfn"),
    "a list": lambda folder: (folder / CONFIG).write_text("[" * 100_000),
    "no JSON": lambda folder: (folder / CONFIG).write_bytes(b"\xff\xfe"),
    "a huge configuration": lambda folder: (folder / CONFIG).write_text(" " * 11_000_000),
    "no safetensors": lambda folder: (folder / WEIGHTS).write_bytes(b"PK\x03\x04"),
    "a header beyond the file": lambda folder: (folder / WEIGHTS).write_bytes((2**40).to_bytes(8, "little") + b"{}"),
    "half of the weights": lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:5000]),
    "a tensor too many": lambda folder: _weights(folder, **{"../../etc": torch.zeros(2)}),
    "a complex tensor": lambda folder: _weights(folder, more=torch.zeros(2, dtype=torch.complex64)),
}


@pytest.mark.slow
@pytest.mark.parametrize("harm", HARM)
def test_a_folder_of_a_stranger_does_no_harm(harm: str, folder: Path) -> None:
    HARM[harm](folder)
    with pytest.raises(MfnError) as caught:
        FaceEmbedder.load(folder)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)


def test_weights_that_are_no_numbers_are_not_exported(folder: Path) -> None:
    name = next(name for name, value in load_file(folder / WEIGHTS).items() if value.is_floating_point())
    _weights(folder, **{name: torch.full_like(load_file(folder / WEIGHTS)[name], float("nan"))})
    with pytest.raises(ExportError, match="NaN"):
        exported(folder, "target=onnx")


def test_the_fields_of_a_checkpoint_are_not_taken_from_a_folder(folder: Path) -> None:
    _config(folder, request={"values": {"seed": 3}}, label_map=[1], loops={})
    assert set(read_folder(folder)["mfn"]) == {"format", "model", "contract", "version", "config"}
