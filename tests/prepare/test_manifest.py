from pathlib import Path

import numpy as np
import pytest

from mfn.errors import DataError
from mfn.prepare.manifest import Manifest

RNG = np.random.default_rng(0)


def some(count: int = 5) -> Manifest:
    manifest = Manifest(
        name=[f'p/{i}, "x".jpg' for i in range(count)],
        identity=["p"] * count,
        box=RNG.random((count, 4)),
        points=RNG.random((count, 5, 2)) * 1e3,
        score=RNG.random(count),
        grey=RNG.random(count) < 0.5,
        hash=RNG.integers(0, 2**64, count, dtype=np.uint64),
        row=np.arange(count),
    )
    box = manifest.box.copy()
    box[0] = np.nan
    return manifest.replace(box=box).drop(np.arange(count) == 1, "no face")


def test_what_is_not_known_says_so() -> None:
    manifest = Manifest(name=["a", "b"], identity=["x", "y"])
    assert len(manifest) == 2
    assert manifest.kept().all() and (manifest.faces == -1).all() and np.isnan(manifest.points).all()
    assert manifest.points.shape == (2, 5, 2) and manifest.points.dtype == np.float32


def test_columns_of_other_lengths_are_refused() -> None:
    with pytest.raises(DataError, match="column box has shape"):
        Manifest(name=["a", "b"], identity=["x", "y"], box=np.zeros((3, 4)))


def test_a_dropped_row_keeps_its_first_reason() -> None:
    manifest = Manifest(name=list("abc"), identity=list("xyz"))
    manifest = manifest.drop([True, False, False], "broken").drop([True, True, False], "a much longer reason")
    assert manifest.reason.tolist() == ["broken", "a much longer reason", ""]
    assert manifest.kept().tolist() == [False, False, True]
    assert manifest.reasons() == {"broken": 1, "a much longer reason": 1}


def test_rows_may_repeat_as_copies() -> None:
    manifest = some().take([0, 3, 3])
    assert manifest.row.tolist() == [0, 3, 3]
    assert manifest.replace(variant=["", "", "hsv"]).variant.tolist() == ["", "", "hsv"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_written_and_read_again_it_is_the_same(tmp_path: Path, suffix: str) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    manifest = some()
    manifest.write(tmp_path / f"index{suffix}")
    again = Manifest.read(tmp_path / f"index{suffix}")
    for name, values in manifest.columns().items():
        np.testing.assert_array_equal(again.columns()[name], values, err_msg=name)
        assert again.columns()[name].dtype.kind == values.dtype.kind
    assert [file.name for file in tmp_path.iterdir()] == [f"index{suffix}"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("blur", "sharp", "no column blur"),
        ("no face", "no face,", "row 3 has 31 cells, the header has 30"),
        (",-1,", ",x,", "column faces holds what is no int32"),
    ],
)
def test_a_damaged_index_says_where(tmp_path: Path, old: str, new: str, message: str) -> None:
    some().write(tmp_path / "index.csv")
    text = (tmp_path / "index.csv").read_text()
    (tmp_path / "index.csv").write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=message):
        Manifest.read(tmp_path / "index.csv")


def test_an_empty_manifest_survives(tmp_path: Path) -> None:
    manifest = some().take([])
    manifest.write(tmp_path / "index.csv")
    assert len(Manifest.read(tmp_path / "index.csv")) == 0
