"""Attributes by person and by image, in any order and under any name a set may know them by."""

from pathlib import Path

import numpy as np
import pytest

from mfn.benchmarks.attributes import matched, read_attributes
from mfn.benchmarks.bfw import read_bfw
from mfn.benchmarks.rfw import RACES, read_rfw
from mfn.benchmarks.verification import VerificationSet
from mfn.errors import DataError
from tests.sources.files import ArraySource


class Named(ArraySource):
    """Images of which the paths are told."""

    def __init__(self, paths: list[str]) -> None:
        super().__init__(list(range(len(paths))))
        self.paths = paths

    def describe(self, index: int) -> str:
        return self.paths[index]


def a_set(*paths: str, **fields: object) -> VerificationSet:
    return VerificationSet(
        "some", Named(list(paths)), np.zeros((1, 2), int), np.ones(1, bool), np.zeros(1, int), **fields
    )


def csv_of(folder: Path, text: str) -> Path:
    (folder / "a.csv").write_text(text, encoding="utf-8")
    return folder / "a.csv"


FACES = ("/x/Ann/Ann_1.jpg", "/x/Jörg Ö/Jörg Ö_1.png", "/x/Ann/Ann_2.jpg")


def test_persons_are_known_by_name_by_folder_or_by_number(tmp_path: Path) -> None:
    table = read_attributes(csv_of(tmp_path, "gender;Identity;age\nf;Ann;30\nm;Jörg Ö;\n"))
    assert table.columns == ("gender", "age") and not table.of_images
    for fields in ({}, {"identities": np.array([0, 1, 0]), "people": {0: "Ann", 1: "Jörg Ö"}}):
        found = matched(table, a_set(*FACES, **fields), ["gender", "age"])
        assert found["gender"].tolist() == ["f", "m", "f"] and found["age"].tolist() == ["30", "", "30"]
    numbers = read_attributes(csv_of(tmp_path, "label,gender\n7,m\n9,f\n"))
    by_number = a_set("a.rec record 1", "a.rec record 2", identities=np.array([9, 7]))
    assert matched(numbers, by_number, ["gender"])["gender"].tolist() == ["f", "m"]


@pytest.mark.parametrize(
    "names",
    [("Ann_1.jpg", "Jörg Ö_1.png"), ("Ann/Ann_1", "Jörg Ö/Jörg Ö_1"), (".\\Ann\\Ann_1.JPG", "/x/Jörg Ö/Jörg Ö_1.png")],
    ids=["file", "folder", "windows"],
)
def test_images_are_known_by_the_end_of_their_path(tmp_path: Path, names: tuple[str, str]) -> None:
    table = read_attributes(csv_of(tmp_path, f"sharpness,image\n1,{names[0]}\n2,{names[1]}\n"))
    assert matched(table, a_set(*FACES), ["sharpness"])["sharpness"].tolist() == ["1", "2", ""]


def test_a_file_name_that_two_people_have_says_nothing_without_its_folder(tmp_path: Path) -> None:
    table = read_attributes(csv_of(tmp_path, "image,age\n1.jpg,5\nb/1.jpg,6\n"))
    assert matched(table, a_set("/x/a/1.jpg", "/x/b/1.jpg"), ["age"])["age"].tolist() == ["", "6"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "first line must name"),
        ("gender,age\nf,3\n", "image or identity"),
        ("identity,a,a\nAnn,1,2\n", "twice"),
        ("identity,a\nAnn\n", "line 2 has 1 columns"),
        ("identity,a\nAnn,1\nAnn,2\n", "line 3 says something else of Ann"),
    ],
    ids=["empty", "no_key", "twice", "short", "contradiction"],
)
def test_a_file_that_cannot_be_understood_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_attributes(csv_of(tmp_path, text))
    with pytest.raises(DataError, match="has no column size: it has age"):
        matched(read_attributes(csv_of(tmp_path, "image,age\n1,2\n")), a_set("1.jpg"), ["size"])


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(path.as_posix().encode())


def test_rfw_is_read_as_one_set_of_four_groups(tmp_path: Path) -> None:
    for race in RACES:
        lines = ["m.1\t1\t2", "m.1\t1\tm.2\t1", "m.2\t1\t2", "m.2\t2\tm.1\t2"]
        (tmp_path / "test" / "txts" / race).mkdir(parents=True)
        (tmp_path / "test" / "txts" / race / f"{race}_pairs.txt").write_text("\n".join(lines))
        for person in ("m.1", "m.2"):
            for number in (1, 2):
                picture(tmp_path / "test" / "data" / race / person / f"{person}_{number:04d}.jpg")
    found = read_rfw(tmp_path, folds=2)
    assert len(found.pairs) == 16 and found.groups is not None and found.identities is not None
    assert sorted(set(found.groups.tolist())) == sorted(RACES)
    assert len(set(found.identities.tolist())) == 8  # m.1 of one part is not m.1 of another
    race_of = found.attributes["race"]
    assert (race_of[found.pairs[:, 0]] == found.groups).all() and (race_of[found.pairs[:, 1]] == found.groups).all()
    (tmp_path / "test" / "txts" / "Asian" / "Asian_pairs.txt").unlink()
    with pytest.raises(DataError, match=r"lacks Asian_pairs\.txt"):
        read_rfw(tmp_path)
    with pytest.raises(DataError, match="holds no RFW"):
        read_rfw(tmp_path / "test" / "data")


def test_bfw_is_read_with_its_attributes(tmp_path: Path) -> None:
    names = ["asian_females/n1/0001_01.jpg", "asian_females/n1/0002_01.jpg", "white_males/n2/0001_01.jpg"]
    rows = [
        "fold,p1,p2,label,id1,id2,att1,att2,vgg16,resnet50,senet50,a1,a2,g1,g2,e1,e2",
        f"1,{names[0]},{names[1]},1,0,0,asian_females,asian_females,.8,.7,.6,AF,AF,F,F,A,A",
        f"2,{names[0]},{names[2]},0,0,1,asian_females,white_males,.1,.1,.1,AF,WM,F,M,A,W",
    ]
    (tmp_path / "bfw-v0.1.5-datatable.csv").write_text("\n".join(rows))
    for name in names:
        picture(tmp_path / "images" / name)
    found = read_bfw(tmp_path)
    assert found.is_same.tolist() == [True, False] and found.fold_of.tolist() == [0, 1]
    assert found.attributes["att"].tolist() == ["asian_females", "asian_females", "white_males"]
    assert found.attributes["g"].tolist() == ["F", "F", "M"] and found.attributes["e"].tolist() == ["A", "A", "W"]
    assert set(found.attributes) == {"att", "a", "g", "e"}
    assert read_bfw(tmp_path / "bfw-v0.1.5-datatable.csv").pairs.tolist() == found.pairs.tolist()
    with pytest.raises(DataError, match="holds no table bfw"):
        read_bfw(tmp_path / "images")
