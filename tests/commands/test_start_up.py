"""What a command has imported when it ends: PyTorch takes seconds, and time alone would tell of the machine."""

import subprocess
import sys
from pathlib import Path

import pytest

from mfn.benchmarks.bin_writer import prepare_bin
from mfn.benchmarks.made_pairs import pairs_from_source
from mfn.packs.pack_writer import PackWriter
from mfn.sources.encode import encoded
from mfn.synthetic.dataset import SyntheticFaces
from tests.small_run import save_small_checkpoint

SLOW = ("torch", "lightning", "matplotlib", "hydra", "scipy", "pydantic", "onnxruntime")
_CALL = """
import atexit, sys
atexit.register(lambda: print("imported:", *(name for name in sys.argv[1].split() if name in sys.modules)))
from mfn.commands.main import main
main(sys.argv[2:])
"""


def imported(*words: str, of: tuple[str, ...] = SLOW) -> set[str]:
    """Which of some packages a verb has imported once it is done."""
    done = subprocess.run(
        [sys.executable, "-c", _CALL, " ".join(of), *words], capture_output=True, text=True, check=True, timeout=120
    )
    return set(done.stdout.strip().splitlines()[-1].split()[1:])


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Faces in each form, by its name."""
    root = tmp_path_factory.mktemp("places")
    faces = SyntheticFaces(4, 6, image_size=(32, 32))
    with PackWriter(root / "pack", (32, 32)) as pack:
        for index, label in enumerate(faces.labels.tolist()):
            pack.add(label, encoded(faces, index))
            file = root / "folder" / str(label) / f"{index}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(encoded(faces, index))
    prepare_bin(pairs_from_source(faces, folds=2, pairs_per_fold=4), root / "pairs.bin")
    return {
        "pack": root / "pack",
        "rec": root / "pack/train.rec",
        "folder": root / "folder",
        "flat": root / "folder/0",
        "bin": root / "pairs.bin",
    }


@pytest.mark.parametrize("words", [("--help",), ("--version",)])
def test_help_and_version_import_next_to_nothing(words: tuple[str, ...]) -> None:
    assert imported(*words, of=(*SLOW, "numpy", "cv2", "PIL", "rich")) == set()


@pytest.mark.parametrize("kind", ["pack", "rec", "folder", "flat", "bin"])
def test_looking_at_faces_needs_no_network(kind: str, places: dict[str, Path], tmp_path: Path) -> None:
    assert imported("inspect", str(places[kind]), "--json", str(tmp_path / "found.json")) == set()


def test_only_what_draws_imports_what_draws(places: dict[str, Path], tmp_path: Path) -> None:
    drawn = imported("inspect", str(places["pack"]), "--histogram", str(tmp_path / "histogram.png"))
    assert drawn == {"matplotlib"}


def test_looking_at_a_network_does_import_pytorch(tmp_path: Path) -> None:
    assert "torch" in imported("inspect", str(save_small_checkpoint(tmp_path)))


def test_what_can_be_typed_after_train_is_told_without_pytorch() -> None:
    assert imported("train", "--help") <= {"hydra", "pydantic"}
