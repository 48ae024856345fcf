from pathlib import Path

import numpy as np
import pytest

from mfn.benchmarks.lfw import read_lfw
from mfn.benchmarks.lfw_writer import write_lfw
from mfn.benchmarks.made_pairs import make_pairs, pairs_from_source
from mfn.benchmarks.verification import VerificationSet
from mfn.errors import BrokenImageError, DataError
from mfn.sources.encode import encoded
from tests.benchmarks.benchmark_files import given, stems
from tests.sources.files import ArraySource, write_pack

LABELS = np.repeat(np.arange(6), 5).tolist()


def assert_same(written: VerificationSet, read: VerificationSet) -> None:
    assert np.array_equal(read.is_same, written.is_same) and np.array_equal(read.fold_of, written.fold_of)
    for ours, theirs in zip(read.pairs.ravel(), written.pairs.ravel(), strict=True):
        assert encoded(read.source, int(ours)) == encoded(written.source, int(theirs))
    assert np.array_equal(np.equal(*given(read.identities)[read.pairs].T), written.is_same)


def test_made_pairs_come_back(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    pack = write_pack(tmp_path / "pack", {float(person): 6 for person in range(5)})
    pairs = make_pairs(pack, folds=4, pairs_per_fold=10)
    assert_same(write_lfw(pairs, tmp_path / "lfw"), read_lfw(tmp_path / "lfw"))
    assert (tmp_path / "lfw/pairs.txt").read_text().startswith("4\t5\nperson_00000")


def test_pairs_by_person_come_back(tmp_path: Path) -> None:
    pairs = pairs_from_source(ArraySource(LABELS), sampling="by_person", num_sample=3, folds=3)
    assert_same(write_lfw(pairs, tmp_path), read_lfw(tmp_path))
    assert (tmp_path / "pairs.txt").read_text().startswith("3\t0\n")
    assert {path.suffix for path in tmp_path.glob("images/*/*")} == {".png"}


def test_names_are_safe_and_nobody_elses(tmp_path: Path) -> None:
    pairs = pairs_from_source(ArraySource(LABELS), folds=2, pairs_per_fold=20)
    names = {0: "Ada B", 1: "Ada\tB", 2: "ada_b", 3: "../José", 4: "..", 5: "12"}
    write_lfw(pairs, tmp_path, names)
    found = {path.name for path in (tmp_path / "images").iterdir()}
    assert found == {"Ada_B", "Ada_B_1", "ada_b_2", "José", "person", "12"}
    assert {stem.rsplit("_", 1)[0] for pair in stems(read_lfw(tmp_path)) for stem in pair} == found


def test_what_lfws_form_cannot_hold(tmp_path: Path) -> None:
    fields = {
        "name": "x",
        "source": ArraySource([0, 0, 1, 1]),
        "pairs": np.array([[0, 1], [0, 2], [2, 3], [1, 3]]),
        "is_same": np.array([True, False, True, False]),
        "fold_of": np.array([0, 0, 1, 1]),
        "identities": np.array([0, 0, 1, 1]),
    }
    for change, said in (
        ({"identities": None}, "does not know them"),
        ({"identities": np.array([0, 0, 0, 1])}, "against its identities"),
        ({"fold_of": np.array([0, 1, 0, 1])}, "no place for the folds"),
    ):
        with pytest.raises(DataError, match=said):
            write_lfw(VerificationSet(**(fields | change)), tmp_path)
    assert not list(tmp_path.iterdir())
    write_lfw(VerificationSet(**fields), tmp_path)
    with pytest.raises(DataError, match=r"pairs\.txt already"):
        write_lfw(VerificationSet(**fields), tmp_path)


@pytest.mark.parametrize("taken", ["pairs.txt", "images"])
def test_nothing_that_is_there_is_replaced(tmp_path: Path, taken: str) -> None:
    pairs = pairs_from_source(ArraySource(LABELS), folds=2, pairs_per_fold=60)
    (tmp_path / taken / "person_000000").mkdir(parents=True)
    (photo := tmp_path / taken / "person_000000/person_000000_0001.png").write_bytes(b"mine")
    with pytest.raises(DataError, match=f"holds {taken} already"):
        write_lfw(pairs, tmp_path)
    assert photo.read_bytes() == b"mine" and len(list(tmp_path.iterdir())) == 1
    (tmp_path / taken).rename(tmp_path / "moved")  # what the message says
    assert_same(write_lfw(pairs, tmp_path), read_lfw(tmp_path))


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = pairs_from_source(ArraySource(LABELS), folds=2, pairs_per_fold=60)

    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    for function in ("pathlib.Path.write_bytes", "pathlib.Path.write_text", "pathlib.Path.rename"):
        with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
            patched.setattr(function, full)
            write_lfw(pairs, tmp_path / "lfw")
        assert not list((tmp_path / "lfw").iterdir())
    assert_same(write_lfw(pairs, tmp_path / "lfw"), read_lfw(tmp_path / "lfw"))


def test_broken_images(tmp_path: Path) -> None:
    pairs = pairs_from_source(ArraySource(LABELS, broken=(4,)), folds=2, pairs_per_fold=60)
    written = write_lfw(pairs, tmp_path)
    assert 0 < len(written.pairs) < 120
    assert_same(written, read_lfw(tmp_path))
    strict = VerificationSet(**(pairs.__dict__ | {"strict": True}))
    with pytest.raises(BrokenImageError, match="array 4"):
        write_lfw(strict, tmp_path / "other")


def test_real_faces(tmp_path: Path, shared: Path) -> None:
    pairs = make_pairs(shared / "data/celeb", folds=10, pairs_per_fold=60, seed=1)
    assert_same(write_lfw(pairs, tmp_path), read_lfw(tmp_path))
