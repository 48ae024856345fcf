import logging
from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate

from mfn.commands import prepare as preparing
from mfn.data.datamodule import FaceDataModule
from mfn.errors import BrokenImageError, ConfigError, DataError
from mfn.images.copies import write_copies
from mfn.sources.folder_dataset import FolderDataset
from tests.composing import composed
from tests.sources.files import jpeg


def write(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg(seed))


def test_identities_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in (
        "b b/2.JPG",
        "b b/1.jpeg",
        "a/x.jpg",
        "c/y.jpg",
        "c/notes.txt",
        "empty/notes.txt",
        "top.jpg",
    ):
        write(tmp_path / name)
    dataset = FolderDataset(tmp_path)
    assert dataset.labels.tolist() == [0, 1, 1, 2]
    assert dataset.label_names == {0: "a", 1: "b b", 2: "c"}
    assert [Path(dataset.describe(index)).name for index in range(4)] == ["x.jpg", "1.jpeg", "2.JPG", "y.jpg"]
    assert dataset.image(1).shape == (16, 16, 3)


def test_deeper_folders_are_their_persons_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("ann/2019/1.jpg", "ann/2020/1.jpg", "bob/1.jpg"):
        write(tmp_path / name)
    assert FolderDataset(tmp_path).labels.tolist() == [0, 0, 1]
    assert "2 of 3 images lie in deeper folders, such as ann/2019/1.jpg, which counts as ann" in caplog.text
    assert "if 2019 is the person, set data.person_level=2 (source.person_level=2 to prepare them)" in caplog.text
    faces = FolderDataset(tmp_path, person_level=2)
    assert faces.labels.tolist() == [0, 1] and faces.label_names == {0: "ann/2019", 1: "ann/2020"}
    assert faces.passed_over.counts == {"images in no person's folder": 1}
    for level, error in ((0, ConfigError), (3, DataError)):
        with pytest.raises(error):
            FolderDataset(tmp_path, person_level=level)


def test_one_folder_round_all_people_is_told_with_both_remedies(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("lfw/ann/1.jpg", "lfw/bob/1.jpg"):
        write(tmp_path / name)
    assert np.unique(FolderDataset(tmp_path).labels).size == 1
    assert f"set data.person_level=2 (source.person_level=2 to prepare them), or give the folder {tmp_path}/lfw" in (
        caplog.text
    )
    assert FolderDataset(tmp_path / "lfw").label_names == {0: "ann", 1: "bob"}
    for source in (
        composed("data=folder", f"data.root={tmp_path}", "data.person_level=2").data.source,
        preparing.composed("prepare", [f"source.root={tmp_path}", "source.person_level=2", "output=unused"]).source,
    ):
        assert instantiate(source).label_names == {0: "lfw/ann", 1: "lfw/bob"}


@pytest.mark.parametrize("parts", [["train"], ["train", "val"], ["Train", "TEST", "val"], ["validation", "training"]])
def test_a_divided_set_is_no_set_of_people_called_train_and_val(tmp_path: Path, parts: list[str]) -> None:
    for part in parts:
        for person in ("ann", "bob"):
            write(tmp_path / part / person / "1.jpg")
    write(tmp_path / "readme.txt")
    train = tmp_path / next(part for part in parts if part.lower().startswith("train"))
    with pytest.raises(DataError, match=f"which are no people: did you mean {train}?") as caught:
        FolderDataset(tmp_path)
    assert all(part in str(caught.value) for part in parts)
    assert FolderDataset(train).label_names == {0: "ann", 1: "bob"}


def test_people_who_are_called_so_are_people(tmp_path: Path) -> None:
    for name in ("train/1.jpg", "val/2019/1.jpg", "test/1.jpg"):
        write(tmp_path / name)
    assert FolderDataset(tmp_path).label_names == {0: "test", 1: "train", 2: "val"}


def test_what_is_passed_over_is_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a/1.jpg", "a/._1.jpg", "a/notes.txt", "empty/x.txt", ".git/1.jpg", "b/1.jpg", "top.jpg"):
        write(tmp_path / name)
    write_copies(tmp_path, [])
    with caplog.at_level(logging.INFO):
        faces = FolderDataset(tmp_path, virtual_copies=True)
    assert sorted(faces.passed_over) == [
        (".git", "hidden folders"),
        ("a/._1.jpg", "hidden files"),
        ("a/notes.txt", "files that are no images (.txt)"),
        ("empty", "folders without images"),
        ("empty/x.txt", "files that are no images (.txt)"),
        ("top.jpg", "images in no person's folder"),
    ]
    assert "passed over files that are no images (.txt): 2 (a/notes.txt, empty/x.txt); " in caplog.text
    data = FaceDataModule(faces, image_size=(16, 16), batch_size=2, val_identities=0.0)
    assert data.summary()["passed over: hidden files"] == "1: a/._1.jpg"


def test_names_that_differ_by_case_only_are_two_people(tmp_path: Path) -> None:
    for name in ("Ann/1.jpg", "ann/1.jpg"):
        write(tmp_path / name)
    if len(list(tmp_path.iterdir())) == 1:
        pytest.skip("this file system knows no case")
    assert FolderDataset(tmp_path).label_names == {0: "Ann", 1: "ann"}


def test_broken_and_vanished_files(tmp_path: Path) -> None:
    write(tmp_path / "a/1.jpg")
    (tmp_path / "a/2.jpg").write_bytes(b"junk")
    dataset = FolderDataset(tmp_path)
    with pytest.raises(BrokenImageError, match=r"2\.jpg"):
        dataset.image(1)
    (tmp_path / "a/1.jpg").unlink()
    with pytest.raises(BrokenImageError, match=r"1\.jpg: No such file"):
        dataset.image(0)


def test_roots_without_identities(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        FolderDataset(tmp_path / "none")
    with pytest.raises(DataError, match="is empty"):
        FolderDataset(tmp_path)
    (tmp_path / "train.rec").touch()
    with pytest.raises(DataError, match="data=ms1m"):
        FolderDataset(tmp_path)
    (tmp_path / "train.rec").rename(tmp_path / "a.tfrecords")
    with pytest.raises(DataError, match="data=tfrecord"):
        FolderDataset(tmp_path)
    write(tmp_path / "1.jpg")
    with pytest.raises(DataError, match="1 images but no folders of identities"):
        FolderDataset(tmp_path)


def test_real_photos(shared: Path) -> None:
    dataset = FolderDataset(shared / "data/wild/photos")
    assert len(dataset) == 144 and np.unique(dataset.labels).size == 24
