from pathlib import Path

import numpy as np
import pytest

from mfn.data.folder_dataset import FolderDataset
from mfn.errors import BrokenImageError, DataError
from tests.data.sources import jpeg


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
    write(tmp_path / "1.jpg")
    with pytest.raises(DataError, match="1 images but no folders of identities"):
        FolderDataset(tmp_path)


def test_real_photos(shared: Path) -> None:
    dataset = FolderDataset(shared / "data/wild/photos")
    assert len(dataset) == 144 and np.unique(dataset.labels).size == 24
