"""Packs under any name, in any case, given as a folder or as a file."""

import logging
from pathlib import Path

import pytest

from mfn.errors import DataError
from mfn.sources.record_dataset import RecordDataset
from tests.sources.files import write_pack

PEOPLE = {0.0: 2, 1.0: 1}


def named(folder: Path, name: str, index: str | None = None) -> Path:
    """A pack of another name."""
    write_pack(folder, PEOPLE)
    (folder / "train.rec").rename(folder / name)
    (folder / "train.idx").rename(folder / (index or Path(name).stem + ".idx"))
    return folder / name


@pytest.mark.parametrize("name", ["validation.rec", "TRAIN.REC", "faces_emore.Rec"])
def test_the_only_pack_of_a_folder_is_taken_and_told(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = named(tmp_path, name)
    (tmp_path / "property").write_text("2,16,16")
    (tmp_path / "names.txt").write_text("Ann\nBo\n")
    with caplog.at_level(logging.WARNING):
        faces = RecordDataset(tmp_path)
        told = list(caplog.messages)
        again = RecordDataset(path)
    assert faces.labels.tolist() == again.labels.tolist() == [0, 0, 1]
    assert faces.label_names == {0: "Ann", 1: "Bo"} == again.label_names
    assert faces.describe(0) == f"{name} record 1"
    assert [f"taking {name}, the only pack there" in line for line in told] == ([] if name == "TRAIN.REC" else [True])


@pytest.mark.parametrize("given", ["validation.rec", "validation.idx"])
def test_one_of_several_is_named_by_its_file(tmp_path: Path, given: str) -> None:
    named(tmp_path, "validation.rec")
    write_pack(tmp_path, {4.0: 1, 3.0: 1})
    (tmp_path / "property").write_text("2,16,16")
    (tmp_path / "names.txt").write_text("\n".join("abcdef"))
    assert RecordDataset(tmp_path).labels.tolist() == [4, 3]
    faces = RecordDataset(tmp_path / given)
    assert faces.labels.tolist() == [0, 0, 1] and faces.label_names is None
    assert RecordDataset(tmp_path, pack="validation").labels.tolist() == [0, 0, 1]


def test_which_of_several_has_to_be_said(tmp_path: Path) -> None:
    named(tmp_path, "a.rec")
    named(tmp_path, "b.rec")
    with pytest.raises(DataError, match=rf"holds no train\.rec, but a\.rec, b\.rec: .* as in {tmp_path}/a\.rec"):
        RecordDataset(tmp_path)
    with pytest.raises(DataError, match=r"holds no c\.rec"):
        RecordDataset(tmp_path, pack="c")
    assert RecordDataset(tmp_path / "a.rec").labels.tolist() == [0, 0, 1]


@pytest.mark.parametrize("name", ["train.rec", "faces.REC"])
def test_a_pack_one_folder_deeper_is_pointed_at(tmp_path: Path, name: str) -> None:
    (tmp_path / "faces_emore").mkdir()
    (tmp_path / "people/ann").mkdir(parents=True)
    named(tmp_path / "faces_emore", name)
    with pytest.raises(DataError, match=rf"did you mean {tmp_path}/faces_emore\?"):
        RecordDataset(tmp_path)
    assert len(RecordDataset(tmp_path / "faces_emore")) == 3
    (tmp_path / "other").mkdir()
    named(tmp_path / "other", name)
    with pytest.raises(DataError, match=r"holds no train\.rec: root must be"):
        RecordDataset(tmp_path)


@pytest.mark.parametrize("index", ["train.IDX", "Train.idx"])
def test_the_index_may_be_written_in_any_case(tmp_path: Path, index: str) -> None:
    named(tmp_path, "train.rec", index)
    assert RecordDataset(tmp_path).keys.tolist() == [1, 2, 3]


def test_other_files_are_no_packs(tmp_path: Path) -> None:
    named(tmp_path, "train.rec")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "other.idx").write_text("0\t0\n")
    for name in ("notes.txt", "other.idx"):
        with pytest.raises(DataError, match=r"is a file and no \.rec"):
            RecordDataset(tmp_path / name)
