"""One folder of people as it lies on disks: every reader finds the same images of the same people in it."""

import logging
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import pytest
from hydra.utils import instantiate

from mfn.benchmarks.gallery import split_gallery
from mfn.benchmarks.made_pairs import make_pairs
from mfn.contract import InputContract
from mfn.data.datamodule import FaceDataModule
from mfn.export.calibration import calibration_faces, open_images
from mfn.images.formats import HEIC
from mfn.inspection.inspect import inspect
from mfn.prepare.manifest import Manifest
from mfn.prepare.pack_step import PackRules
from mfn.sources.folder_dataset import FolderDataset
from mfn.sources.image_folder import ImageFolder
from mfn.sources.record_dataset import RecordDataset
from mfn.sources.source import FaceSource
from tests.composing import composed
from tests.prepare.fakes import write_photos
from tests.prepare.running import prepared

SIDE = 112
IMAGES = [
    *("ann/1.jpg", "ann/2.JPG", "ann/3.jpeg", "ann/4.jpe", "ann/5.JFIF", "ann/2019/summer/6.png"),
    *("bo b/1.tif", "bo b/2.TIFF", "bo b/3.gif", "bo b/4.ppm", "bo b/5.pgm", "bo b/6.bmp", "bo b/7.webp"),
    *("Zoë/1.png", "Zoë/2", "Zoë/3.jpg_large"),
]
PASSED_OVER = {
    "hidden folders": {"ann/.ipynb_checkpoints", ".thumbnails"},
    "folders of tools": {"@eaDir", "ann/@eaDir", "__MACOSX"},
    "hidden files": {"ann/._1.jpg", "bo b/.DS_Store"},
    "files that are no images (.txt)": {"notes.txt"},
    "files that are no images (.db)": {"bo b/Thumbs.db"},
    "files that are no images (no suffix)": {"bo b/LICENSE"},
    "links that lead nowhere": {"ann/gone.jpg"},
    "HEIC images (": {"bo b/8.HEIC", "ann/7.heif"},
    "folders without images": {"empty", "outputs"},
    "RecordIO packs": {"out"},
    "outputs of mfn prepare": {"out of folders"},
    "runs of mfn": {"outputs/2026-01-01"},
}


def encoded(seed: int, suffix: str) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    pixels = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    if suffix == ".pgm":
        pixels = pixels[..., 0]
    return cv2.imencode(suffix, pixels)[1].tobytes()


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("mfn.images.folder.can_decode", lambda form: form is not HEIC)
    root = tmp_path / "photos"
    as_written = {".jpe": ".jpg", ".jfif": ".jpg", "": ".jpg", ".jpg_large": ".jpg"}
    for seed, name in enumerate(IMAGES):
        suffix = Path(name).suffix.lower()
        write(root / name, encoded(seed, as_written.get(suffix, suffix)))
    picture = encoded(99, ".jpg")
    for name in (
        "ann/.ipynb_checkpoints/1-checkpoint.jpg",
        ".thumbnails/1.jpg",
        "@eaDir/1.jpg",
        "ann/@eaDir/1.jpg/x.jpg",
    ):
        write(root / name, picture)
    write(root / "__MACOSX/ann/._1.jpg", b"\0\5\x16\7\0\2\0\0Mac OS X")
    write(root / "ann/._1.jpg", b"\0\5\x16\7\0\2\0\0Mac OS X")
    for name in ("bo b/.DS_Store", "notes.txt", "bo b/Thumbs.db", "bo b/LICENSE"):
        write(root / name, b"text")
    for name in PASSED_OVER["HEIC images ("]:
        write(root / name, b"\0\0\0\x18ftypheic\0\0\0\0")
    (root / "ann/gone.jpg").symlink_to(tmp_path / "nothing")
    (root / "empty").mkdir()
    small = write_photos(tmp_path / "small", {"carl": [1, 1], "dora": [1, 1]})
    prepared(small, tmp_path / "out")
    prepared(small, tmp_path / "folders", pack=PackRules("folder"))
    (tmp_path / "out").rename(root / "out")
    (tmp_path / "folders").rename(root / "out of folders")
    write(root / "outputs/2026-01-01/.hydra/config.yaml", b"{}")
    write(root / "outputs/2026-01-01/curves.png", encoded(98, ".png"))
    return root


def by_person(source: FaceSource) -> dict[str, list[bytes]]:
    """The pixels of each person's images."""
    found: dict[str, list[bytes]] = {}
    for index, label in enumerate(source.labels.tolist()):
        found.setdefault((source.label_names or {})[label], []).append(source.image(index).tobytes())
    return {person: sorted(images) for person, images in found.items()}


def test_every_reader_finds_the_same_images_of_the_same_people(root: Path, tmp_path: Path) -> None:
    trained: FolderDataset = instantiate(composed("data=folder", f"data.root={root}").data.source)
    assert sorted(trained.names) == sorted(IMAGES)
    people = by_person(trained)
    assert {person: len(images) for person, images in people.items()} == {"ann": 6, "bo b": 7, "Zoë": 3}

    prepared(root, tmp_path / "pack", source=trained, align=None)
    index = Manifest.read(tmp_path / "pack/index.csv")
    assert sorted(index.name[index.row >= 0].tolist()) == sorted(IMAGES)
    told = dict(zip(index.name.tolist(), index.reason.tolist(), strict=True))
    for reason, names in PASSED_OVER.items():
        assert all(told[name].startswith(f"passed over: {reason}") for name in names), reason
    assert by_person(RecordDataset(tmp_path / "pack")) == people

    judged = split_gallery(root, enrolled=1)
    assert sorted(judged.source.describe(row) for row in range(len(judged.source))) == sorted(
        str(root / name) for name in IMAGES
    )
    pairs = make_pairs(root, sampling="by_person", num_sample=3, folds=2)
    assert len(pairs.source) == 9 and np.unique(np.asarray(pairs.identities)).size == 3

    calibrated = calibration_faces(root, InputContract.for_size(SIDE, SIDE))
    assert sorted(face.tobytes() for face in calibrated) == sorted(chain.from_iterable(people.values()))

    inspected = inspect(root)
    assert (inspected.facts["images"], inspected.facts["identities"]) == (len(IMAGES), 3)
    assert inspected.facts["broken"] == 0 and sorted(inspected.images_per_identity.tolist()) == [3, 6, 7]


def test_what_is_passed_over_is_counted_and_told_everywhere(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        trained, calibrated = FolderDataset(root), open_images(root)
    assert isinstance(calibrated, ImageFolder)
    for source in (trained, calibrated):
        for reason, names in PASSED_OVER.items():
            told = {name for name, why in source.passed_over if why.startswith(reason)}
            assert told == names, reason
        assert source.passed_over.counts.total() == sum(map(len, PASSED_OVER.values()))
    table = FaceDataModule(trained, val_identities=0.0, validation=FolderDataset(root)).summary()
    facts = inspect(root).facts
    for reason, names in PASSED_OVER.items():
        for words in ("passed over", "passed over there"):
            assert any(row.startswith(f"{words}: {reason}") for row in table), reason
        assert any(str(row).startswith(f"passed over, {reason}") for row in facts), reason
        assert all(name in caplog.text for name in list(names)[:3])


def test_upper_and_lower_case_make_no_difference(root: Path, tmp_path: Path) -> None:
    for name in IMAGES:
        if Path(name).suffix not in ("", ".jpg_large"):
            target = tmp_path / "other" / Path(name).with_suffix(Path(name).suffix.swapcase())
            write(target, (root / name).read_bytes())
    other = FolderDataset(tmp_path / "other")
    assert len(other) == len(IMAGES) - 2 and not other.passed_over.counts
    assert all(
        set(images) <= set(by_person(FolderDataset(root))[person]) for person, images in by_person(other).items()
    )
