"""The wheel, installed in an environment of its own and used from a folder that is no clone."""

import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from mfn.checkpoint.format import read_checkpoint
from mfn.sources.encode import png
from mfn.synthetic.dataset import SyntheticFaces
from tests.scripts import ROOT, TINY

pytestmark = pytest.mark.slow

SOURCES = ("mfn", "conf", "pyproject.toml", "setup.py", "README.md", "LICENSE")
MY_HEAD = '''
"""A head of the user's own."""

from mfn.heads.arcface import ArcFaceHead


class LoudHead(ArcFaceHead):
    """ArcFace that says when it is made."""

    def __init__(self, embedding_dim: int, num_classes: int, scale: float = 16.0, margin: float = 0.1) -> None:
        super().__init__(embedding_dim, num_classes, scale, margin)
        print(f"a LoudHead for {num_classes} people, margin {margin}")
'''
MY_EXPERIMENT = """
# @package _global_
defaults:
  - small
  - override /head: loud
data:
  batch_size: 8
"""

Mfn = Callable[..., str]


@pytest.fixture(scope="module")
def mfn(tmp_path_factory: pytest.TempPathFactory) -> Mfn:
    """Calls the installed ``mfn`` in an empty folder; what it needs besides comes from the running environment."""
    base = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy2)(ROOT / name, base / "source" / name)
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", base, base / "source"]
    subprocess.run([*pip, *build], check=True)
    shutil.rmtree(base / "source")
    venv.create(base / "env", with_pip=False)
    python = next(found for found in (base / "env").glob("*/python*") if found.parent.name in ("bin", "Scripts"))
    (wheel,) = base.glob("mobilefacenet-*.whl")
    subprocess.run([*pip, "--python", python, "install", "--no-deps", "--no-index", "-I", wheel], check=True)
    (installed,) = (base / "env").glob("**/site-packages")
    (installed / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    elsewhere = base / "elsewhere"
    elsewhere.mkdir()

    def call(*words: str, status: int = 0) -> str:
        command = [next(python.parent.glob("mfn*")), *words]
        done = subprocess.run(
            command, cwd=elsewhere, capture_output=True, text=True, timeout=300, env={"OMP_NUM_THREADS": "1"}
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    call.folder = elsewhere  # type: ignore[attr-defined]
    return call


def folder_of(mfn: Mfn) -> Path:
    return mfn.folder  # type: ignore[attr-defined]


def test_everything_works_from_a_wheel(mfn: Mfn) -> None:
    here = folder_of(mfn)
    assert mfn("--version").startswith("mfn ")
    assert "arcface" in mfn("train", "--help") and "margin: 0.5" in mfn("train", "--cfg", "job", "experiment=paper")
    drawn = SyntheticFaces(12, 4, (64, 64))
    for index in range(len(drawn)):
        (person := here / "people" / f"p{drawn.labels[index]}").mkdir(parents=True, exist_ok=True)
        (person / f"{index}.png").write_bytes(png(drawn.image(index)))
    prepared = mfn("prepare", "source=folder", "source.root=people", "output=pack", "steps=[clean]", "workers=0")
    assert (here / "pack" / "train.rec").is_file() and "mfn train data=ms1m" in prepared
    small = [word for word in TINY if not word.startswith("data.source")]
    trained = mfn("train", "data=ms1m", "data.root=pack", "data.val_identities=0", "fit=resize", *small)
    assert "last.ckpt" in trained
    (checkpoint,) = (here / "outputs").glob("*/*/checkpoints/last.ckpt")
    steps = read_checkpoint(checkpoint)["global_step"]
    mfn("train", "ckpt_path=last", "trainer.max_epochs=3")
    assert read_checkpoint(checkpoint)["global_step"] == steps * 3 / 2
    pairs = ("benchmark=pairs", "benchmark.root=people", "benchmark.pairs.folds=2", "benchmark.pairs.pairs_per_fold=20")
    evaluated = mfn("evaluate", f"model_path={checkpoint}", "fit=resize", "bootstrap=0", *pairs)
    assert "report.html" in evaluated
    exported = mfn("export", f"ckpt_path={checkpoint}", "target=onnx", "latency.rounds=0")
    assert "onnx" in exported
    (onnx,) = (here / "outputs" / "export").glob("*/*/*.onnx")
    assert "embedding" in mfn("inspect", str(onnx)) and "12 classes" in mfn("inspect", "pack")


def test_a_sweep_and_a_head_and_an_experiment_of_ones_own_need_no_change_of_the_package(mfn: Mfn) -> None:
    own = folder_of(mfn) / "mine"
    for name, text in (
        ("my_heads.py", MY_HEAD),
        ("head/loud.yaml", "_target_: my_heads.LoudHead\nscale: 16.0\nmargin: 0.2\n"),
        ("experiment/ours.yaml", MY_EXPERIMENT),
        ("data/dozen.yaml", "defaults: [synthetic, _self_]\nsource:\n  num_identities: 12\n"),
    ):
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_text(text.lstrip())
    short = (*(word for word in TINY if "epochs" not in word and "num_identities" not in word), "trainer.max_epochs=1")
    told = mfn("train", "--config-dir", "mine", "experiment=ours", "data=dozen", *short)
    assert "a LoudHead for 9 people, margin 0.2" in told
    assert "loud" in mfn("train", "--config-dir", "mine", "--help")
    swept = mfn("train", "--config-dir", "mine", "-m", "head=loud,softmax", "data=dozen", *short)
    assert "head=loud" in swept and "head=softmax" in swept
    assert "error: " in mfn("train", "head=loud", status=1)


def test_several_processes_start_from_a_wheel(mfn: Mfn) -> None:
    short = (*(word for word in TINY if "epochs" not in word), "trainer.max_steps=2", "trainer.max_epochs=-1")
    two = mfn("train", "trainer.devices=2", "trainer.strategy=ddp", *short, "hydra.run.dir=two")
    assert "last.ckpt" in str(list((folder_of(mfn) / "two" / "checkpoints").iterdir())), two
