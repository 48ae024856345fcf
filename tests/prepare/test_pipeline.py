from pathlib import Path

import cv2
import numpy as np
import pytest

from mfn.align.warp import align_face
from mfn.benchmarks.bin_pack import read_bin
from mfn.contract import ARCFACE_112, InputContract
from mfn.errors import DataError
from mfn.images.decode import decode_rgb
from mfn.packs.recordio import IndexedRecordReader
from mfn.prepare.align_step import AlignRules
from mfn.prepare.balance import BalanceRules, Band
from mfn.prepare.clean import CleanRules
from mfn.prepare.manifest import Manifest
from mfn.prepare.pack_step import PackRules
from mfn.prepare.split_step import SplitShares
from mfn.sources.folder_dataset import FolderDataset
from mfn.sources.record_dataset import RecordDataset
from tests.prepare.fakes import photo, write_photos
from tests.prepare.running import prepared


def test_every_photo_is_accounted_for(tmp_path: Path) -> None:
    root = write_photos(tmp_path / "in", {"ann": [1, 0, 2], "bob": [1, 1, -1, 1], "cy": [0]})
    report = prepared(root, tmp_path / "out", max_broken=0.5)
    assert report.dropped == {"no face": 2, "several faces": 1, "broken": 1}
    assert (report.images, report.identities, report.aligned, report.kept, report.kept_identities) == (8, 3, 4, 4, 2)
    index = Manifest.read(tmp_path / "out/index.csv")
    assert index.identity.tolist() == ["ann"] * 3 + ["bob"] * 4 + ["cy"]
    assert index.reason.tolist() == ["", "no face", "several faces", "", "", "broken", "", "no face"]
    assert index.faces.tolist() == [1, 0, 2, 1, 1, -1, 1, 0]
    assert index.box[0].tolist() == [5, 10, 56, 56]
    assert index.height[[0, 5]].tolist() == [90, 0]
    assert {"report.json", "dropped.html", "images_per_identity.png", "train.rec"} <= _names(tmp_path / "out")
    assert not (tmp_path / "out.work").exists()


def test_crops_are_the_faces_aligned(tmp_path: Path) -> None:
    root = write_photos(tmp_path / "in", {"ann": [1], "bob": [1, 1]})
    prepared(root, tmp_path / "out", align=AlignRules(112, 96))
    pack = RecordDataset(tmp_path / "out")
    assert pack.labels.tolist() == [0, 1, 1] and pack.label_names == {0: "ann", 1: "bob"}
    points = np.array(ARCFACE_112) / 2 + (5, 10)
    for seed in range(3):
        wanted = align_face(photo(seed), points, InputContract.for_size(112, 96))
        assert pack.image(seed).shape == (112, 96, 3)
        assert np.abs(pack.image(seed).astype(int) - wanted).mean() < 2
    assert (tmp_path / "out/property").read_text().strip() == "2,112,96"


@pytest.mark.parametrize(("rule", "faces", "kept"), [("several", 2, "largest"), ("missing", 0, "centre")])
def test_rules_for_unclear_photos(tmp_path: Path, rule: str, faces: int, kept: str) -> None:
    root = write_photos(tmp_path / "in", {"ann": [1, faces]})
    assert prepared(root, tmp_path / "skip").kept == 1
    assert prepared(root, tmp_path / "keep", align=AlignRules(**{rule: kept})).kept == 2


def test_missing_fail_names_the_photo(tmp_path: Path) -> None:
    root = write_photos(tmp_path / "in", {"ann": [1, 0]})
    with pytest.raises(DataError, match=r"01\.png shows no face"):
        prepared(root, tmp_path / "out", align=AlignRules(missing="fail"))
    assert not (tmp_path / "out").exists()


def test_too_many_broken_photos_stop_the_run(tmp_path: Path) -> None:
    root = write_photos(tmp_path / "in", {"ann": [1, -1, -1]})
    with pytest.raises(DataError, match=r"more than 50% of the 3 images are broken, .*0[12]\.png"):
        prepared(root, tmp_path / "out", max_broken=0.5)
    with pytest.raises(DataError, match=r"more than 50% of the 3"):  # though nothing is left to do
        prepared(root, tmp_path / "out", max_broken=0.5)
    assert prepared(root, tmp_path / "out", max_broken=0.7).kept == 1


def test_without_align_bytes_are_untouched(tmp_path: Path) -> None:
    root = write_photos(tmp_path / "in", {"ann": [1, 0], "bob": [2]})
    report = prepared(root, tmp_path / "out", align=None)
    assert report.kept == 3
    source, pack = FolderDataset(root), RecordDataset(tmp_path / "out")
    assert [pack.encoded(i) for i in range(3)] == [source.encoded(i) for i in range(3)]
    assert (tmp_path / "out/property").read_text().strip() == "2,90,120"
    again = prepared(root, tmp_path / "again", align=None, source=pack)
    assert again.pack_hash != report.pack_hash  # its .lst names records instead of files
    assert (tmp_path / "again/train.rec").read_bytes() == (tmp_path / "out/train.rec").read_bytes()


def test_clean_balance_and_split_meet_in_one_pack(tmp_path: Path) -> None:
    root = write_photos(tmp_path / "in", {f"p{i}": [1] * 4 for i in range(6)} | {"few": [1]})
    (root / "p0/99.png").write_bytes((root / "p0/00.png").read_bytes())
    report = prepared(
        root,
        tmp_path / "out",
        clean=CleanRules(),
        balance=BalanceRules(2, None, (Band(1, None, ("hsv", "gaussian")),)),
        split=SplitShares(val_fraction=0.25, held_out_identities=0.5),
    )
    assert report.dropped == {"duplicate": 1, "identity has too few images": 1}
    assert report.splits == {
        "held_out": {"images": 12, "identities": 3},
        "train": {"images": 9, "identities": 3},
        "val": {"images": 3, "identities": 3},
    }
    assert report.copies == 18
    train = RecordDataset(tmp_path / "out", virtual_copies=True)
    assert train.copies is not None
    assert np.count_nonzero(train.copies.variants == "hsv") == 9 and len(train) == 27
    for name, count in (("train", 9), ("val", 3), ("held_out", 12)):
        reader = IndexedRecordReader(tmp_path / f"out/{name}.rec")
        images = [reader[key] for key in range(1, count + 1)]
        assert {float(record.labels[0]) for record in images} == {0.0, 1.0, 2.0}
        assert all(decode_rgb(record.payload).shape == (112, 112, 3) for record in images)
    pairs = read_bin(tmp_path / "out/held_out.bin")
    assert len(pairs.pairs) == 20 and pairs.is_same.sum() == 10  # 18 genuine pairs make one per fold


def test_validation_images_have_the_labels_of_training(tmp_path: Path) -> None:
    root = write_photos(tmp_path / "in", {"ann": [1], "bob": [1] * 6, "cy": [1] * 6})
    prepared(root, tmp_path / "out", split=SplitShares(val_fraction=0.4))
    index = Manifest.read(tmp_path / "out/index.csv")
    names = (tmp_path / "out/names.txt").read_text().split()
    lines = [line.split("\t") for line in (tmp_path / "out/val.lst").read_text().splitlines()]
    assert names == ["ann", "bob", "cy"]
    assert [names[int(label)] for _, _, label in lines] == index.identity[index.split == "val"].tolist()


def test_copies_written_out_differ_from_their_image(tmp_path: Path) -> None:
    root = write_photos(tmp_path / "in", {"ann": [1, 1], "bob": [1, 1]})
    rules = BalanceRules(1, None, (Band(0, None, ("opening",)),))
    prepared(root, tmp_path / "out", balance=rules, pack=PackRules(materialise=True))
    pack = RecordDataset(tmp_path / "out")
    assert len(pack) == 8 and pack.copies is None
    images = [pack.image(index).astype(int) for index in range(8)]
    wanted = cv2.morphologyEx(images[0].astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    assert np.abs(images[1] - wanted).mean() < 2 < np.abs(images[1] - images[0]).mean() * 4
    virtual = prepared(root, tmp_path / "virtual", balance=rules)
    same = prepared(
        root, tmp_path / "same", align=None, source=RecordDataset(tmp_path / "virtual", virtual_copies=True)
    )
    assert same.copies == virtual.copies == 4  # those of a source stay


def test_folders_are_read_back(tmp_path: Path) -> None:
    root = write_photos(tmp_path / "in", {"a b": [1, 1], "b?": [1]})
    rules = BalanceRules(1, None, (Band(0, None, ("hsv",)),))
    prepared(root, tmp_path / "out", balance=rules, pack=PackRules(format="folder"))
    folder = FolderDataset(tmp_path / "out/train", virtual_copies=True)
    assert folder.labels.tolist() == [0, 0, 1, 0, 0, 1]
    assert folder.label_names == {0: "a b", 1: "b_"}
    assert (tmp_path / "out/train/a b/00.jpg").is_file()


def test_nothing_left_is_told(tmp_path: Path) -> None:
    root = write_photos(tmp_path / "in", {"ann": [0, 0]})
    with pytest.raises(DataError, match=r"no image is left to train on \(no face: 2\)"):
        prepared(root, tmp_path / "out")


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}
