"""The kit on a board that does one thing wrong: its checks name it, in each language."""

import json
import re
import runpy
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch

from mfn.errors import DataError
from mfn.export.kit.board import check_kit, kit_folder, write_kit
from mfn.export.kit.mistakes import MISTAKES
from mfn.export.network import Deployable
from mfn.export.target import Description
from mfn.inference.network import TorchNetwork
from tests.export.kit.planting import planted
from tests.export.networks import faces, small_deployable

MADE_OF = Description("1", batch="1")
INTEGERS = {
    "image": {"dtype": "int8", "scale": 1.0, "zero_point": -128},
    "embedding": {"dtype": "int8", "scale": 0.05, "zero_point": -3},
}
PLANTED = ("right", *(name for name in MISTAKES if name not in ("signed_pixels", "wrong_sign")))


@lru_cache
def network() -> Deployable:
    return small_deployable()


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a file that takes rows last, whose runtime is PyTorch here."""
    folder = tmp_path_factory.mktemp("kit ü")
    return written(folder)


def written(folder: Path, faces: np.ndarray | None = None, count: int = 3) -> Path:
    file = folder / "net.v1.tflite"
    return write_kit(file, ".tflite", MADE_OF, network(), TorchNetwork(network().network), faces, count)


def board(kit: Path, what: str, folder: Path) -> Path:
    """The output of a board that prepares the golden pictures in some way."""
    images, deployable = np.load(kit / "golden" / "pixels.npy"), network()
    with torch.no_grad():
        found = deployable.network(torch.tensor(planted(images, deployable.contract, what, rows_last=True)))
    found.numpy().astype("<f4").tofile(folder / "output.bin")
    return folder / "output.bin"


def in_python(kit: Path, output: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["check.py", str(output)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(kit / "check.py"))
    return end.value.code  # type: ignore[return-value]


@pytest.mark.parametrize("what", PLANTED)
def test_python_names_what_was_done(
    kit: Path, tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status = in_python(kit, board(kit, what, tmp_path), monkeypatch)
    assert capsys.readouterr().out.splitlines()[-1] == f"verdict: {what}"
    assert status == (0 if what == "right" else 1)


def test_a_file_of_pixels_has_mistakes_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deployable = small_deployable(input="uint8")
    kit = write_kit(tmp_path / "net.onnx.pte", ".pte", MADE_OF, deployable, None, None, 1)
    images, names = np.load(kit / "golden" / "pixels.npy"), (kit / "golden" / "names.txt").read_text().split()
    assert "signed_pixels" in names and np.load(kit / "golden" / "input.npy").dtype == np.uint8
    for what in names:
        values = torch.tensor(planted(images, deployable.contract, what, pixels=True))
        np.save(tmp_path / "output.npy", deployable.network(values).detach().numpy())
        in_python(kit, tmp_path / "output.npy", monkeypatch)
        verdict = capsys.readouterr().out.splitlines()[-1].removeprefix("verdict: ")
        # Both leave hardly more than black of the pixels
        together = {"double_normalisation", "wrong_scale"}
        assert set(verdict.split(" or ")) == {what} or {what} < set(verdict.split(" or ")) <= together
    assert "nothing else may" in (kit / "README.md").read_text()


@pytest.fixture(scope="module")
def integer_kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a file of pixels less 128, whose embeddings are int8."""
    file, deployable = tmp_path_factory.mktemp("kit") / "net.tflite", small_deployable(input="uint8")
    return write_kit(file, ".tflite", Description("1", batch="1", integers=INTEGERS), deployable, None, None, 1)


def integer_board(kit: Path, what: str, output: Path) -> Path:
    """The integers that a board gives."""
    images, deployable = np.load(kit / "golden" / "pixels.npy"), small_deployable(input="uint8")
    values = torch.tensor(planted(images, deployable.contract, what, rows_last=True, pixels=True))
    found = deployable.network(values.round().clamp(0, 255)).detach().numpy()
    np.clip(np.rint(found / 0.05) - 3, -128, 127).astype(np.int8).tofile(output)
    return output


def test_a_file_of_integers_is_judged_by_its_integers(
    integer_kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    golden = integer_kit / "golden"
    pixels, inputs = (np.load(golden / name) for name in ("pixels.npy", "input.npy"))
    np.testing.assert_array_equal(inputs, (pixels.astype(int) - 128).astype(np.int8))
    np.testing.assert_array_equal(np.fromfile(golden / "input.bin", np.int8), inputs.reshape(-1))
    names = (golden / "names.txt").read_text().split()
    assert {"wrong_sign", "signed_pixels", "swapped_channels"} < set(names)
    for what in names:
        status = in_python(integer_kit, integer_board(integer_kit, what, tmp_path / "output.bin"), monkeypatch)
        verdict = capsys.readouterr().out.splitlines()[-1].removeprefix("verdict: ")
        assert what in verdict.split(" or ") and status == (what != "right")
    for name in ("integers.bin", "integers.npy", "embedding.bin", "embedding.npy"):
        assert in_python(integer_kit, golden / name, monkeypatch) == 0
    (tmp_path / "short.bin").write_bytes((golden / "integers.bin").read_bytes()[:-1])
    assert "expected" in str(in_python(integer_kit, tmp_path / "short.bin", monkeypatch))
    text = (integer_kit / "README.md").read_text(encoding="utf-8")
    assert "int8, rows last" in text and "x - 128" in text and "(q +3) * 0.05" in text and "$" not in text


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_cpp_takes_integers(integer_kit: Path, tmp_path: Path) -> None:
    program, output = tmp_path / "check", tmp_path / "output.bin"
    flags = ("-std=c++17", "-Wall", "-Wextra", "-Werror", "-Wno-unused-variable")
    subprocess.run(["g++", *flags, str(integer_kit / "check.cpp"), "-o", str(program)], check=True)
    for what in ("right", "swapped_channels", "wrong_sign"):
        words = [program, integer_board(integer_kit, what, output)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.stdout.splitlines()[-1] == f"verdict: {what}"


def test_another_network_and_spoilt_outputs_are_not_right(
    kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = np.load(kit / "golden" / "embedding.npy")
    np.save(tmp_path / "other.npy", np.random.default_rng(0).normal(size=right.shape).astype(np.float32))
    assert in_python(kit, tmp_path / "other.npy", monkeypatch) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "verdict: unknown"
    np.save(tmp_path / "rounded.npy", np.rint(right / np.abs(right).max() * 60))  # as an NPU rounds, at another scale
    assert in_python(kit, tmp_path / "rounded.npy", monkeypatch) == 0
    right[0, 0] = np.nan
    for name, values in {"nan.npy": right, "short.npy": right[1:]}.items():
        np.save(tmp_path / name, values)
        assert "expected" in str(in_python(kit, tmp_path / name, monkeypatch))


@pytest.mark.slow
def test_the_check_runs_without_mfn_and_from_anywhere(kit: Path, tmp_path: Path) -> None:
    output = board(kit, "swapped_channels", tmp_path)
    words = [sys.executable, "-I", str(kit / "check.py"), output.name]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stdout.endswith("verdict: swapped_channels\n"), done.stderr


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_cpp_names_what_was_done(kit: Path, tmp_path: Path) -> None:
    program = tmp_path / "check"
    flags = ("-std=c++17", "-Wall", "-Wextra", "-Werror", "-Wno-unused-variable")
    subprocess.run(["g++", *flags, str(kit / "check.cpp"), "-o", str(program)], check=True)
    for what in PLANTED:
        done = subprocess.run([program, board(kit, what, tmp_path)], capture_output=True, text=True, check=False)
        assert done.stdout.splitlines()[-1] == f"verdict: {what}"
        assert done.returncode == (0 if what == "right" else 1)
    (tmp_path / "output.bin").write_bytes(b"1234")
    assert subprocess.run([program, tmp_path / "output.bin"], capture_output=True, check=False).returncode == 2


def test_kotlin_is_whole(kit: Path, tmp_path: Path) -> None:
    text = (kit / "Check.kt").read_text(encoding="utf-8")
    assert "length: Int = 16" in text and "< 0.85" in text
    assert not re.search(r"\$(length|least)", text)
    assert all(text.count(one) == text.count(other) for one, other in ("{}", "()", "[]"))
    if (compiler := shutil.which("kotlinc")) is None:
        return
    jar = tmp_path / "check.jar"
    subprocess.run([compiler, str(kit / "Check.kt"), "-include-runtime", "-d", str(jar)], check=True)
    for what in PLANTED:
        words = ["java", "-jar", str(jar), str(board(kit, what, tmp_path))]
        done = subprocess.run(words, cwd=kit, capture_output=True, text=True, check=False)
        assert done.stdout.splitlines()[-1] == f"verdict: {what}"


def test_files_hold_the_same_numbers(kit: Path) -> None:
    golden = kit / "golden"
    inputs, known = np.load(golden / "input.npy"), np.load(golden / "known.npy")
    assert inputs.shape == (5, 32, 32, 3) and inputs.dtype == np.float32
    np.testing.assert_array_equal(np.fromfile(golden / "input.bin", "<f4"), inputs.reshape(-1))
    np.testing.assert_array_equal(np.fromfile(golden / "known.bin", "<f4"), known.reshape(-1))
    np.testing.assert_array_equal(known[0], np.load(golden / "embedding.npy"))
    header = (golden / "golden.h").read_text(encoding="utf-8")
    block = header.partition("mfn_known[MFN_KNOWN]")[2]
    np.testing.assert_allclose(np.float32(re.findall(r"(-?\d\.\d+e[+-]\d+)f", block)), known.reshape(-1), rtol=1e-7)
    assert (golden / "names.txt").read_text().split() == list(PLANTED)


def test_calibration_in_the_forms_of_npu_tools(kit: Path) -> None:
    listed = (kit / "dataset.txt").read_text().split()
    assert len(listed) == 3 and all((kit / path).is_file() for path in listed)
    rows, pixels = (np.load(kit / "calibration" / name) for name in ("rows.npy", "pixels.npy"))
    contract = network().contract
    np.testing.assert_allclose(rows, (pixels - np.float32(contract.mean)) / np.float32(contract.std), atol=1e-5)
    for line, row in zip((kit / "raw_list.txt").read_text().split(), rows, strict=True):
        name, _, path = line.partition(":=")
        assert name == "image"
        np.testing.assert_array_equal(np.fromfile(kit / path, "<f4"), row.reshape(-1))


def test_the_readme_tells_the_contract_and_names_every_file(kit: Path) -> None:
    text = (kit / "README.md").read_text(encoding="utf-8")
    assert (
        "net.v1.tflite" in text and "(x - 100/120/140) / 50/60/70" in text and "mean_values=[[100, 120, 140]]" in text
    )
    assert "$" not in text and all(f"| `{name}` |" in text for name in PLANTED)
    told = re.findall(r"^- `([^`]+)`:", text, re.MULTILINE)
    there = [path.relative_to(kit).as_posix() for path in kit.rglob("*") if path.is_file()]
    assert not [
        path for path in there if path not in ("README.md", "written.json") and not path.startswith(tuple(told))
    ]


def test_only_an_untouched_kit_is_replaced(tmp_path: Path) -> None:
    folder = written(tmp_path)
    assert folder == kit_folder(tmp_path / "net.v1.tflite", ".tflite") == tmp_path / "net.v1_kit"
    check_kit(folder)
    written(tmp_path, faces(2))
    assert len(list((folder / "calibration" / "images").iterdir())) == 2, "the old kit's third face is gone"
    (folder / "golden" / "notes.txt").write_text("mine")
    for attempt in (lambda: check_kit(folder), lambda: written(tmp_path)):
        with pytest.raises(DataError, match=r"golden/notes\.txt"):
            attempt()
    (folder / "golden" / "notes.txt").unlink()
    (folder / "check.py").write_text("changed")
    with pytest.raises(DataError, match=r"check\.py was changed"):
        check_kit(folder)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert "golden/input.bin" in json.loads((folder / "written.json").read_text())["files"]
