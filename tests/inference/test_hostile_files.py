"""Whatever bytes a network file holds: it loads, or one sentence says why not."""

import io
import json
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mfn.checkpoint.format import read_checkpoint
from mfn.errors import CheckpointError, MfnError
from mfn.export.source import read_source
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.file_contract import side_file
from mfn.inspection.networks import inspect_checkpoint, inspect_network
from mfn.models.mobilefacenet import MobileFaceNet
from tests.inference.onnx_files import CONTRACT, write_onnx
from tests.small_run import save_small_checkpoint

Mutation = Callable[[random.Random, bytes], bytes]


def overwrite(random: random.Random, content: bytes) -> bytes:
    at = random.randrange(len(content))
    return content[:at] + random.randbytes(random.randrange(1, 9)) + content[at + random.randrange(9) :]


def extreme_number(random: random.Random, content: bytes) -> bytes:
    at = random.randrange(len(content))
    return content[:at] + random.choice([b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f"]) + content[at + 4 :]


def repeat(random: random.Random, content: bytes) -> bytes:
    at, length = random.randrange(len(content)), random.randrange(1, 200)
    return content[:at] + content[at : at + length] + content[at:]


def cut(random: random.Random, content: bytes) -> bytes:
    return content[: random.randrange(len(content))]


MUTATIONS: tuple[Mutation, ...] = (overwrite, overwrite, extreme_number, repeat, cut)


def mutated(random: random.Random, content: bytes) -> bytes:
    return random.choice(MUTATIONS)(random, content)


def repacked(random: random.Random, content: bytes, changed: str) -> bytes:
    """An archive that is whole, so that what is in it gets read, with mutated entries."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(out, "w") as after:
        for name in before.namelist():
            entry = before.read(name)
            after.writestr(name, mutated(random, entry) if changed in name and entry else entry)
    return out.getvalue()


def ends_well(load: Callable[..., Any], *arguments: Any) -> bool:
    """Whether it loads; what it raises is a sentence, without another library's advice."""
    try:
        load(*arguments)
    except MfnError as error:
        told = str(error)
        assert told and "\n" not in told and len(told) < 1000
        assert not any(advice in told for advice in ("weights_only", "allow_pickle", "http"))
        return False
    return True


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_checkpoint(tmp_path_factory.mktemp("hostile"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_mutated_checkpoints(checkpoint: Path, tmp_path: Path, seed: int) -> None:
    generator, content, path = random.Random(seed), checkpoint.read_bytes(), tmp_path / "net.ckpt"
    for number in range(20):
        path.write_bytes(mutated(generator, content) if number % 3 == 0 else repacked(generator, content, "data.pkl"))
        for load in (FaceEmbedder.load, inspect_checkpoint, read_source):
            ends_well(load, path)


ODD = [None, 5, -1, "x", "x" * 10**5, [], {}, [1, "a"], {"a": 1}, float("nan"), True, torch.zeros(2), b"bytes", {1: 2}]


@pytest.mark.slow
@pytest.mark.parametrize("where", ["", "mfn", "state_dict", "mfn.model", "mfn.contract"])
def test_values_of_other_types_anywhere_in_a_checkpoint(checkpoint: Path, tmp_path: Path, where: str) -> None:
    path = tmp_path / "net.ckpt"
    names = list(_at(read_checkpoint(checkpoint), where))
    for name in [*random.Random(where).sample(names, min(len(names), 8)), "callbacks", "global_step"]:
        for odd in random.Random(name).sample(ODD, 2):
            content = read_checkpoint(checkpoint)
            _at(content, where)[name] = odd
            torch.save(content, path)
            for load in (FaceEmbedder.load, inspect_checkpoint, read_source):
                ends_well(load, path)


def _at(content: dict, where: str) -> dict:
    for name in where.split(".") if where else ():
        content = content[name]
    return content


@pytest.mark.parametrize(
    "state", [{"saver": 5}, {"saver": {"best_model_score": torch.zeros(2), "monitor": 5}}, [1], "x"]
)
def test_callbacks_of_any_kind(checkpoint: Path, tmp_path: Path, state: object) -> None:
    torch.save({**read_checkpoint(checkpoint), "callbacks": state, "global_step": "x"}, tmp_path / "net.ckpt")
    assert "best" not in inspect_checkpoint(tmp_path / "net.ckpt").facts
    assert "accuracy" not in read_source(tmp_path / "net.ckpt").origin


def test_an_archive_that_unpacks_to_far_more_than_it_is(checkpoint: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "net.ckpt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/data.pkl", bytes(10**8))
    with pytest.raises(CheckpointError, match="would unpack to"):
        read_checkpoint(tmp_path / "net.ckpt")


def test_a_tensor_that_claims_a_trillion_numbers(checkpoint: Path, tmp_path: Path) -> None:
    content = read_checkpoint(checkpoint)
    content["state_dict"]["backbone.features.conv1.conv.weight"] = torch.zeros(1).expand(10**12)
    torch.save(content, tmp_path / "net.ckpt")
    with pytest.raises(CheckpointError, match="no plain tensor"):
        FaceEmbedder.load(tmp_path / "net.ckpt")
    assert "no plain tensor" in inspect_checkpoint(tmp_path / "net.ckpt").problems[0]


@pytest.mark.parametrize("seed", range(2))
def test_mutated_side_files(tmp_path: Path, seed: int) -> None:
    generator, path = random.Random(seed), write_onnx(tmp_path / "net.onnx", contract=None)
    content = json.dumps({"accuracy": 0.9, "contract": CONTRACT.to_dict()}).encode()
    for _ in range(150):
        side_file(path).write_bytes(mutated(generator, content))
        if ends_well(FaceEmbedder.load, path):
            FaceEmbedder.load(path).store_threshold(path, 0.3, 1e-3)


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x80", b"[1]", b"5", b'"contract"', b"", b"[" * 10**5, b'{"contract": [1]}']
)
def test_side_files_that_are_no_contract(tmp_path: Path, content: bytes) -> None:
    path = write_onnx(tmp_path / "net.onnx")
    side_file(path).write_bytes(content)
    with pytest.raises(CheckpointError, match=r"net\.onnx\.json"):
        FaceEmbedder.load(path)
    assert side_file(path).read_bytes() == content


@pytest.mark.parametrize("seed", range(2))
def test_mutated_onnx_files(tmp_path: Path, seed: int, capfd: pytest.CaptureFixture[str]) -> None:
    generator, path = random.Random(seed), tmp_path / "net.onnx"
    content = write_onnx(path).read_bytes()
    for _ in range(150):
        path.write_bytes(mutated(generator, content))
        ends_well(FaceEmbedder.load, path)
        ends_well(inspect_network, path)
    assert "Falling back" not in capfd.readouterr().out


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("arrays") / "net.npz"
    state = MobileFaceNet(16, (32, 32)).state_dict()
    np.savez(path, **{name: value.numpy() for name, value in state.items() if "num_batches" not in name})
    about = {"input": "32x32 RGB, (x-127.5)/128", "bn_eps": 1e-3, "last_bn_eps": 2e-5}
    path.with_suffix(".json").write_text(json.dumps(about))
    return path


def test_mutated_arrays(arrays: Path, tmp_path: Path) -> None:
    assert ends_well(FaceEmbedder.load, arrays)
    generator, content, path = random.Random(0), arrays.read_bytes(), tmp_path / "net.npz"
    about = arrays.with_suffix(".json").read_bytes()
    for number in range(60):
        path.write_bytes(mutated(generator, content) if number % 3 == 0 else content)
        path.with_suffix(".json").write_bytes(about if number % 3 == 0 else mutated(generator, about))
        ends_well(FaceEmbedder.load, path)


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ([1], "holds a list as JSON"),
        ({"input": 5}, "must read like"),
        ({"input": "999999999x32 RGB, (x-127.5)/128"}, "contract.height must be"),
        ({"input": "32x32 RGB, (x-127.5)/0"}, "contract.std must be"),
        ({"input": "32x32 RGB, (x-1.2.3)/1"}, "must read like"),
        ({"bn_eps": None}, '"bn_eps" must be a number'),
        ({"bn_eps": "1e-3"}, '"bn_eps" must be a number'),
        ({"last_bn_eps": float("nan")}, '"last_bn_eps" must be a number'),
    ],
)
def test_descriptions_of_arrays_that_make_no_sense(arrays: Path, tmp_path: Path, about: Any, words: str) -> None:
    path = Path(shutil.copy(arrays, tmp_path))
    told = json.loads(arrays.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(told | about if isinstance(about, dict) else about))
    with pytest.raises(CheckpointError, match=words):
        FaceEmbedder.load(path)


def test_arrays_that_are_none(arrays: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    shutil.copy(arrays.with_suffix(".json"), path.with_suffix(".json"))
    np.save(path.with_suffix(".npy"), np.zeros(3))
    path.with_suffix(".npy").rename(path)
    assert not ends_well(FaceEmbedder.load, path)
    for odd in (np.array([{"a": 1}]), np.zeros(3, complex), np.zeros(3, "U5"), np.zeros(()), np.zeros((0, 3))):
        np.savez(path, odd)
        assert not ends_well(FaceEmbedder.load, path)


def test_hostile_numbers_in_ncnn_files(tmp_path: Path) -> None:
    pytest.importorskip("ncnn", reason="needs ncnn")
    lines = [
        "7767517",
        "3 3",
        "Input image 0 1 image 0=8 1=8 2=3",
        "Convolution conv 1 1 image a 0=4 1=1 5=1 6=12",
        "Reshape last 1 1 a embedding 0=-1",
    ]
    path, generator = tmp_path / "net.param", random.Random(0)
    path.with_suffix(".bin").write_bytes(bytes(4) + np.ones(16, np.float32).tobytes())
    stated = {"color": "RGB", "mean": [127.5] * 3, "std": [127.5] * 3}
    path.write_text("\n".join(lines) + "\n")
    assert FaceEmbedder.load(path, stated).contract.embedding_dim == 256
    for _ in range(25):
        words = "\n".join(lines).split(" ")
        at = generator.choice([index for index, word in enumerate(words) if "=" in word])
        number = generator.choice(
            ["-1", "0", "2147483647", "-2147483648", "1000000", "99999999999999999999", "x", "1e9"]
        )
        words[at] = words[at].partition("=")[0] + "=" + number + "".join(words[at].partition("\n")[1:])
        path.write_text(" ".join(words) + "\n")
        ends_well(FaceEmbedder.load, path, stated)
