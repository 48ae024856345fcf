from pathlib import Path

import numpy as np
import pytest

from mfn.benchmarks.cfp import read_cfp
from mfn.errors import DataError
from tests.benchmarks.benchmark_files import given, write_cfp, write_text


def shown(path: str) -> str:
    return "/".join(path.split("/")[-3:]).removesuffix(".jpg")


@pytest.mark.parametrize("inside", ["", "Protocol", ".."])
def test_frontal_against_profile(tmp_path: Path, inside: str) -> None:
    root = write_cfp(tmp_path / "cfp-dataset") / inside
    benchmark = read_cfp(root)
    names = [[shown(benchmark.source.describe(int(i))) for i in pair] for pair in benchmark.pairs]
    assert names[:3] == [
        ["001/frontal/01", "001/profile/01"],
        ["001/frontal/01", "002/profile/01"],
        ["002/frontal/02", "001/profile/01"],
    ]
    assert benchmark.name == "cfp_fp"
    assert benchmark.is_same.tolist() == [True, False, False] * 2
    assert benchmark.fold_of.tolist() == [0, 0, 0, 1, 1, 1]
    assert np.array_equal(np.equal(*given(benchmark.identities)[benchmark.pairs].T), benchmark.is_same)
    assert benchmark.source.image(0).shape == (16, 16, 3)


def test_frontal_against_frontal(tmp_path: Path) -> None:
    benchmark = read_cfp(write_cfp(tmp_path), "FF", name="mine")
    names = [[shown(benchmark.source.describe(int(i))) for i in pair] for pair in benchmark.pairs]
    assert names[0] == ["001/frontal/01", "001/frontal/02"] and benchmark.name == "mine"
    assert all("frontal" in name for pair in names for name in pair)


def test_missing_images(tmp_path: Path) -> None:
    (write_cfp(tmp_path) / "Data/Images/001/profile/01.jpg").unlink()
    with pytest.raises(DataError, match=r"lacks 1 of .*Data/Images/001/profile/01\.jpg"):
        read_cfp(tmp_path)
    benchmark = read_cfp(tmp_path, allow_missing=True)
    assert benchmark.left_out == 2 and benchmark.fold_of.tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("Pair_list_P.txt", "1 ../Data/Images/001/profile/01.jpg\n2\n", "Pair_list_P.txt line 2 is '2'"),
        ("Pair_list_F.txt", "1 ../01.jpg\n", "Pair_list_F.txt line 1"),
        ("Split/FP/01/same.txt", "1:1\n", "same.txt line 1 is '1:1'"),
        ("Split/FP/02/diff.txt", "1,1\n\n1,99\n", "diff.txt line 3 is '1,99', and the list of images has no such"),
    ],
)
def test_lines_that_do_not_fit(tmp_path: Path, file: str, text: str, said: str) -> None:
    write_text(write_cfp(tmp_path) / "Protocol" / file, text)
    with pytest.raises(DataError) as caught:
        read_cfp(tmp_path)
    assert said in str(caught.value)


def test_incomplete_protocols(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no Protocol"):
        read_cfp(tmp_path)
    write_cfp(tmp_path, folds=0)
    with pytest.raises(DataError, match="holds no folds"):
        read_cfp(tmp_path)
    with pytest.raises(DataError, match="no kind of pairs 'PP'"):
        read_cfp(tmp_path, "PP")
    write_cfp(tmp_path, folds=1)
    (tmp_path / "Protocol/Split/FP/01/diff.txt").unlink()
    with pytest.raises(DataError, match=r"diff\.txt cannot be read"):
        read_cfp(tmp_path)
