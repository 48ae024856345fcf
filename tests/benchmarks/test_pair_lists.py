from pathlib import Path

import numpy as np
import pytest

from mfn.benchmarks.pair_lists import read_pair_list
from mfn.errors import DataError
from tests.benchmarks.benchmark_files import given, stems, write_images, write_text

IMAGES = ("Ada_0001.jpg", "Ada_0002.jpg", "Bob_0001.jpg", "Bob_0003.jpg")
WANTED = [["Ada_0001", "Ada_0002"], ["Ada_0002", "Bob_0001"], ["Bob_0001", "Bob_0003"], ["Ada_0001", "Bob_0003"]]


def listed(form: str, divider: str = " ", flags: tuple[str, str] = ("1", "0")) -> str:
    rows = [(f"{a}.jpg", f"{b}.jpg", flags[number % 2]) for number, (a, b) in enumerate(WANTED)]
    match form:
        case "two lines":
            return "".join(f"{image}{divider}{row[2]}\n" for row in rows for image in row[:2])
        case "flag last":
            return "".join(divider.join(row) + "\n" for row in rows)
        case _:
            return "".join(divider.join((row[2], *row[:2])) + "\n" for row in rows)


@pytest.mark.parametrize("form", ["two lines", "flag last", "flag first"])
@pytest.mark.parametrize("divider", [" ", "\t", ",", ", "])
@pytest.mark.parametrize("flags", [("1", "0"), ("1", "-1"), ("10", "0")])
def test_forms_of_the_field(tmp_path: Path, form: str, divider: str, flags: tuple[str, str]) -> None:
    images = write_images(tmp_path / "images", IMAGES)
    text = listed(form, divider, flags)
    benchmark = read_pair_list(write_text(tmp_path / "pairs_CALFW.txt", text), images, "calfw", folds=2)
    assert stems(benchmark) == WANTED and benchmark.name == "calfw"
    assert benchmark.is_same.tolist() == [True, False] * 2 and benchmark.fold_of.tolist() == [0, 0, 1, 1]
    assert np.array_equal(np.equal(*given(benchmark.identities)[benchmark.pairs].T), benchmark.is_same)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("2\t1\nAda\t1\t2\nAda\t2\tBob\t1\nBob\t1\t3\nAda\t1\tBob\t3\n", 4),
        ("1\nAda 1 2\nAda 2 Bob 1\n", 2),
        ("Ada 1 2\n", 1),
    ],
)
def test_lfws_form_is_told_apart(tmp_path: Path, text: str, count: int) -> None:
    images = write_images(tmp_path / "images", [f"{name.split('_')[0]}/{name}" for name in IMAGES])
    benchmark = read_pair_list(write_text(tmp_path / "pairs.txt", text), images, folds=3)
    assert stems(benchmark) == WANTED[:count] and benchmark.name == "pairs"
    assert benchmark.fold_of.tolist() == ([0, 0, 1, 1] if count == 4 else [0] * count)


def test_names_with_spaces_where_tabs_divide(tmp_path: Path) -> None:
    images = write_images(tmp_path, ["Ada L_1.jpg", "Ada L_2.jpg"])
    path = write_text(tmp_path / "mine.txt", "Ada L_1.jpg\tAda L_2.jpg\t1\n")
    assert stems(read_pair_list(path, images)) == [["Ada L_1", "Ada L_2"]]
    assert read_pair_list(path, images).name == "mine"


def test_people_are_read_off_agedbs_names(tmp_path: Path) -> None:
    images = write_images(tmp_path, ["0_Maria_35_f.jpg", "1_Maria_70_f.jpg", "2_John_20_m.jpg"])
    text = "0_Maria_35_f.jpg 1_Maria_70_f.jpg 1\n0_Maria_35_f.jpg 2_John_20_m.jpg 0\n"
    assert given(read_pair_list(write_text(tmp_path / "list.txt", text), images).identities).tolist() == [1, 1, 0]


@pytest.mark.parametrize("text", ["1.jpg 2.jpg 1\n1.jpg 3.jpg 0\n", "a_1.jpg b_1.jpg 1\n", "a_1.jpg a_2.jpg 0\n"])
def test_names_that_tell_no_people(tmp_path: Path, text: str) -> None:
    images = write_images(tmp_path, ["1.jpg", "2.jpg", "3.jpg", "a_1.jpg", "a_2.jpg", "b_1.jpg"])
    assert read_pair_list(write_text(tmp_path / "list.txt", text), images).identities is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a.jpg 1\nb.jpg 0\n", "lines 1 and 2 make a pair but have the flags 1 and 0"),
        ("a.jpg 1\nb.jpg 1\n\na.jpg 0\n", "has 3 lines, of which two make a pair"),
        ("a.jpg 1\nb.jpg 1\na.jpg b.jpg 0\n", "line 3 is 'a.jpg b.jpg 0'; a pair in this file is 'image flag'"),
        ("a.jpg b.jpg 1\na.jpg b.jpg\n", "line 2 is 'a.jpg b.jpg'"),
        ("a.jpg b.jpg 1\na.jpg b.jpg same\n", "line 2"),
        ("a.jpg b.jpg\n", "line 1"),
        ("", "holds 0 pairs"),
    ],
)
def test_lines_that_do_not_fit(tmp_path: Path, text: str, said: str) -> None:
    images = write_images(tmp_path, ["a.jpg", "b.jpg"])
    with pytest.raises(DataError) as caught:
        read_pair_list(write_text(tmp_path / "list.txt", text), images)
    assert said in str(caught.value) and "list.txt" in str(caught.value)


def test_missing_images(tmp_path: Path) -> None:
    path = write_text(tmp_path / "list.txt", "a.jpg b.jpg 1\na.jpg c.jpg 0\n")
    write_images(tmp_path, ["a.jpg", "b.jpg"])
    with pytest.raises(DataError, match=r"lacks 1 of the 3 images the pairs need: c\.jpg"):
        read_pair_list(path, tmp_path)
    assert read_pair_list(path, tmp_path, allow_missing=True).left_out == 1
