"""Damaged files of runtimes that trust theirs: what crashes them is told before they see it."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mfn.errors import CheckpointError
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.native import survives, told
from mfn.inference.ncnn_sizes import misfit

CONV = "Convolution conv 1 1 image 1 0=4 1=3 11=3 3=4 13=4 6=108"
NETWORK = f"""Input image 0 1 image 0=16 1=16 2=3
{CONV}
PReLU slopes 1 1 1 2 0=4
ConvolutionDepthWise last 1 1 2 3 0=4 1=4 11=4 6=64 7=4"""


def first_misfit(text: str, size: tuple[int, int] = (16, 16)) -> str | None:
    return misfit([line.split() for line in text.splitlines()], size)


@pytest.mark.parametrize(
    ("right", "wrong", "layer"),
    [
        ("3=4", "3=7", "last"),  # leaves 2 columns for a window of 4
        ("13=4", "13=8", "last"),
        ("3=4", "3=0", "conv"),
        ("1=3", "1=17", "conv"),
        ("11=3", "11=3 12=8", "conv"),
        ("6=108", "6=108 14=2147483647", "conv"),
        ("6=108", "6=108 4=-1", "conv"),
        ("6=108", "6=108 19=1", "conv"),
        ("1 1 image", "2 1 image image", "conv"),
        ("0=4 1=4", "0=4 1=4.0", "last"),
        ("PReLU slopes 1 1 1 2 0=4", "PReLU slopes 1 1 1 2 0=99999999999", "slopes"),
    ],
)
def test_windows_larger_than_what_they_slide_over(right: str, wrong: str, layer: str) -> None:
    assert right in NETWORK and first_misfit(NETWORK.replace(right, wrong, 1)) == layer


@pytest.mark.parametrize("change", ["", "6=108 4=1", "6=108 4=-233", "6=108 4=-234 -23310=1,2147483647"])
def test_windows_that_fit(change: str) -> None:
    assert first_misfit(NETWORK.replace("6=108", change or "6=108")) is None
    assert first_misfit(NETWORK.replace("PReLU", "Unheard"), (17, 16)) is None
    assert first_misfit(NETWORK, (14, 16)) == "last"


def test_a_trial_knows_a_crash_and_a_greedy_program() -> None:
    assert survives("assert words == ['a b', '1']", "a b", 1, size=0)
    assert not survives("import os; os.abort()", size=0)
    assert not survives("import mmap; mmap.mmap(-1, 3 << 30)", size=0)
    assert survives("import mmap; mmap.mmap(-1, 3 << 30)", size=1 << 28)


def test_a_process_with_less_memory_than_a_trial_may_take_can_still_try() -> None:
    pytest.importorskip("resource", reason="no limits on memory here")
    program = "import resource as r; r.setrlimit(r.RLIMIT_AS, (1 << 40, 1 << 40)); from mfn.inference import native"
    subprocess.run([sys.executable, "-c", f"{program}; assert native.survives('', size=1 << 50)"], check=True)


@pytest.mark.parametrize("error", [ValueError("no\nmore"), RuntimeError("")])
def test_whatever_a_runtime_raises_is_one_sentence(error: Exception) -> None:
    with pytest.raises(CheckpointError, match=r"^a cannot be run by Tests \(.*\)$"), told(Path("a"), "by Tests"):
        raise error
    with pytest.raises(CheckpointError, match="as it is"), told(Path("a.xml"), "by Tests"):
        raise CheckpointError("as it is")


def test_ncnn_is_not_given_what_it_cannot_run(tmp_path: Path) -> None:
    pytest.importorskip("ncnn", reason="needs ncnn")
    path, text = tmp_path / "net.param", NETWORK.replace("0=16 1=16", "")
    (tmp_path / "net.bin").write_bytes(bytes(4) + bytes(432) + bytes(16) + bytes(4) + bytes(256))
    stated = {"color": "RGB", "mean": [0.0] * 3, "std": [1.0] * 3, "height": 16, "width": 16}
    path.write_text(f"7767517\n4 4\n{text}\n")
    network = FaceEmbedder.load(path, stated).network
    assert network(torch.zeros(2, 3, 16, 16)).shape == (2, 4)
    with pytest.raises(CheckpointError, match="on images of 12x16: layer last does not fit"):
        network(torch.zeros(1, 3, 12, 16))
    path.write_text(f"7767517\n4 4\n{text.replace('3=4', '3=70')}\n")
    with pytest.raises(CheckpointError, match="layer last does not fit"):
        FaceEmbedder.load(path, stated)
