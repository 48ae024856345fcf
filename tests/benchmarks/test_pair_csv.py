from pathlib import Path

import pytest

from mfn.benchmarks.pair_csv import read_pair_csv
from mfn.errors import DataError
from tests.benchmarks.benchmark_files import given, stems, write_images, write_text

NAMES = ("Ada/1.jpg", "Ada/2.jpg", "Bob/1.jpg", "Bob/2, right.jpg")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_images(tmp_path, NAMES)


def test_all_columns_in_any_order(folder: Path) -> None:
    text = (
        "\ufefffold,note,Label,image_b,IMAGE_A,group,identity_a,identity_b\n"
        "x,,same,Ada/2.jpg,Ada/1.jpg,women,ada,ada\n"
        "\n"
        'y,,different,"Bob/2, right.jpg",Ada/1.jpg,mixed,ada,bob\n'
        'x,"two\nlines",1,Bob/1.jpg,"Bob/2, right.jpg",men,bob,bob\n'
    )
    pairs = read_pair_csv(write_text(folder / "mine.csv", text))
    assert stems(pairs) == [["1", "2"], ["1", "2, right"], ["2, right", "1"]] and pairs.name == "mine"
    assert pairs.is_same.tolist() == [True, False, True] and pairs.fold_of.tolist() == [0, 1, 0]
    assert given(pairs.groups).tolist() == ["women", "mixed", "men"] and given(pairs.identities).tolist() == [
        0,
        0,
        1,
        1,
    ]


@pytest.mark.parametrize("header", ["img1,img2,is_same", "Image1, Image2, Label", "path1,path2,match", "a,b,same"])
@pytest.mark.parametrize("labels", [("1", "0"), ("true", "FALSE"), ("Same", "diff"), ("genuine", "impostor")])
def test_other_names_and_labels(folder: Path, header: str, labels: tuple[str, str]) -> None:
    text = f"{header}\nAda/1.jpg,Ada/2.jpg,{labels[0]}\nAda/1.jpg,Bob/1.jpg,{labels[1]}\n"
    pairs = read_pair_csv(write_text(folder / "lists" / "mine.csv", text), images=folder, name="x", folds=2)
    assert pairs.is_same.tolist() == [True, False] and pairs.name == "x"
    assert pairs.groups is None and pairs.identities is None


def test_folds_without_a_column(folder: Path) -> None:
    rows = "Ada/1.jpg,Ada/2.jpg,1\n" * 4 + "Ada/1.jpg,Bob/1.jpg,0\n" * 4
    pairs = read_pair_csv(write_text(folder / "mine.csv", "a,b,label\n" + rows), folds=2)
    assert pairs.fold_of.tolist() == [0, 0, 1, 1] * 2


def test_missing_images(folder: Path) -> None:
    path = write_text(folder / "mine.csv", "a,b,label,group\nAda/1.jpg,Ada/2.jpg,1,g\nAda/1.jpg,Eve/1.jpg,0,h\n")
    with pytest.raises(DataError, match=r"lacks 1 of the 3 images the pairs need: Eve/1\.jpg"):
        read_pair_csv(path)
    pairs = read_pair_csv(path, allow_missing=True)
    assert pairs.missing == ("Eve/1.jpg",) and pairs.left_out == 1 and given(pairs.groups).tolist() == ["g"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lacks the column image_a and image_b and label"),
        ("Ada/1.jpg,Ada/2.jpg,1\n", "lacks the column"),
        ("a,b\nx,y\n", "lacks the column label"),
        ("a,b,label\n", "holds no pairs"),
        ("a,b,label\nx,y\n", "line 2 is 'x,y', not the 3 columns"),
        ("a,b,label\n\nx,y,1,2\n", "line 3 is 'x,y,1,2'"),
        ("a,b,label\n,y,1\n", "line 2 is ',y,1'"),
        ("a,b,label\nx,y,maybe\n", "line 2 has the label 'maybe'"),
        ("a,b,label,identity_a,identity_b\nx,y,1,p,q\n", "line 2: the identities p and q do not fit the label"),
        ("a,b,label,identity_a,identity_b\nx,y,1,p,p\nx,z,1,q,q\n", "line 3: x shows q, and p in a line above"),
    ],
)
def test_lines_that_do_not_fit(folder: Path, text: str, said: str) -> None:
    with pytest.raises(DataError) as caught:
        read_pair_csv(write_text(folder / "mine.csv", text))
    assert said in str(caught.value) and "mine.csv" in str(caught.value)
