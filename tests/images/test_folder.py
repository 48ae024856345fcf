"""What is in a folder of images, and what is passed over and counted."""

import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mfn.about import install_command
from mfn.images.folder import find_images
from mfn.images.passed_over import PassedOver
from tests.sources.files import jpeg


def write(path: Path, content: bytes = b"") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content or jpeg(0))


def found(root: Path) -> tuple[list[str], dict[str, int]]:
    passed_over = PassedOver()
    names = find_images(root, passed_over)
    return names, dict(passed_over.counts)


def test_the_plain_layout_comes_in_the_order_of_its_paths(tmp_path: Path) -> None:
    names = ["b b/1.jpeg", "b b/2.JPG", "B/x.png", "a/y.bmp", "a.b/z.webp", "a/0.jpg", "top.jpg"]
    for name in names:
        write(tmp_path / name)
    plain = [path.relative_to(tmp_path).as_posix() for path in sorted(map(tmp_path.joinpath, names))]
    assert found(tmp_path) == (plain, {})


def test_deeper_folders_count(tmp_path: Path) -> None:
    names = ["ann/2019/a.jpg", "ann/a.jpg", "ann/session/b/c/d.jpg", "bob/1/1.jpg"]
    for name in names:
        write(tmp_path / name)
    assert found(tmp_path) == (names, {})


@pytest.mark.parametrize("suffix", [".jpg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"])
def test_names_of_images(tmp_path: Path, suffix: str) -> None:
    for name in (f"a/1{suffix}", f"a/2{suffix.upper()}", f"a/3{suffix.title()}"):
        write(tmp_path / name, b"not looked into")
    assert len(found(tmp_path)[0]) == 3


def test_names_that_say_nothing_are_looked_into(tmp_path: Path) -> None:
    png = cv2.imencode(".png", np.zeros((2, 2, 3), np.uint8))[1].tobytes()
    for name in ("a/0001", "a/Aaron.Eckhart_0001", "a/x.jpg_large", "a/y."):
        write(tmp_path / name, png if name == "a/0001" else b"")
    write(tmp_path / "a/notes", b"BM is no picture, only two letters")
    write(tmp_path / "a/page.aspx", b"<html>")
    write(tmp_path / "a/list.txt")
    names, passed_over = found(tmp_path)
    assert names == ["a/0001", "a/Aaron.Eckhart_0001", "a/x.jpg_large", "a/y."]
    assert passed_over == {
        "files that are no images (no suffix)": 1,
        "files that are no images (.aspx)": 1,
        "files that are no images (.txt)": 1,
    }


@pytest.mark.parametrize(
    "folder",
    [
        *(".ipynb_checkpoints", ".Trashes", ".git", ".thumbnails", ".@__thumb"),
        *("@eaDir", "__MACOSX", "$RECYCLE.BIN", "lost+found", "#recycle", "System Volume Information", "__pycache__"),
    ],
)
def test_folders_of_systems_and_tools_are_passed_over_at_any_depth(tmp_path: Path, folder: str) -> None:
    write(tmp_path / "ann/1.jpg")
    for place in (folder, f"ann/{folder}", f"ann/deeper/{folder}", folder.swapcase()):
        write(tmp_path / place / "x/1.jpg")
    names, passed_over = found(tmp_path)
    assert names == ["ann/1.jpg"]
    (reason,) = passed_over
    assert reason in ("hidden folders", "folders of tools") and passed_over[reason] in (3, 4)  # 3: it has no case


@pytest.mark.parametrize("name", ["._1.jpg", ".1.jpg", "Thumbs.db", "desktop.ini", ".DS_Store"])
def test_files_of_systems_are_passed_over(tmp_path: Path, name: str) -> None:
    write(tmp_path / "ann/1.jpg")
    write(tmp_path / "ann" / name)
    names, passed_over = found(tmp_path)
    assert names == ["ann/1.jpg"] and sum(passed_over.values()) == 1


def prepared(folder: Path, name: str) -> None:
    write(folder / "settings.json", json.dumps({"align": None, "photos": {"count": 1, "sha256": ""}}).encode())
    write(folder / name)


def test_earlier_outputs_of_ours_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "ann/1.jpg")
    prepared(tmp_path / "OUT", "images_per_identity.png")
    prepared(tmp_path / "OUT folders", "train/ann/1.jpg")
    prepared(tmp_path / "OUT.work", "photos/1.png")
    write(tmp_path / "packed/train.rec")
    write(tmp_path / "packed/1.jpg")
    write(tmp_path / "outputs/2025-01-01/12-00-00/.hydra/config.yaml")
    write(tmp_path / "outputs/2025-01-01/12-00-00/curves.png")
    write(tmp_path / "run/last.ckpt")
    write(tmp_path / "run/curves.png")
    write(tmp_path / "images_per_identity.png")
    names, passed_over = found(tmp_path)
    assert names == ["ann/1.jpg"]
    assert passed_over == {
        "outputs of mfn prepare": 3,
        "RecordIO packs": 1,
        "runs of mfn": 2,
        "folders without images": 1,
        "pictures that mfn drew": 1,
    }


def test_a_folder_that_was_prepared_is_itself_a_root(tmp_path: Path) -> None:
    prepared(tmp_path / "OUT", "train/ann/1.jpg")
    assert found(tmp_path / "OUT")[0] == ["train/ann/1.jpg"]
    write(tmp_path / "ann/settings.json", b'{"camera": 1}')
    write(tmp_path / "ann/1.jpg")
    assert "ann/1.jpg" in found(tmp_path)[0]


def test_links_are_followed_once(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    write(root / "ann/1.jpg")
    write(other / "bob/1.jpg")
    links = {
        "root/bob": other / "bob",
        "root/robert": other / "bob",
        "root/anna": root / "ann",
        "root/ann/loop": root,
        "root/ann/self": root / "ann",
        "other/bob/up": other,
        "root/ann/2.jpg": other / "bob/1.jpg",
        "root/ann/gone.jpg": tmp_path / "nothing",
        "root/ann/round.jpg": root / "ann/round.jpg",
    }
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    names, passed_over = found(root)
    assert names == ["ann/1.jpg", "ann/2.jpg", "bob/1.jpg"]
    assert passed_over == {
        "links to folders that are here themselves": 3,
        "links to folders that were here before": 2,
        "links that lead nowhere": 1,
        "files and links that cannot be looked at (Too many levels of symbolic links)": 1,
    }


def test_pipes_are_not_read(tmp_path: Path) -> None:
    write(tmp_path / "ann/1.jpg")
    os.mkfifo(tmp_path / "ann/2.jpg")
    assert found(tmp_path) == (["ann/1.jpg"], {"devices and pipes": 1})


def test_folders_that_cannot_be_read_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ann/1.jpg", "ann/locked/2.jpg", "bob/1.jpg"):
        write(tmp_path / name)
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith(("locked", "bob")):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert found(tmp_path) == (["ann/1.jpg"], {"folders that cannot be read (Permission denied)": 2})
    with pytest.raises(PermissionError):
        find_images(tmp_path / "bob", PassedOver())


def test_names_that_are_no_utf_8(tmp_path: Path) -> None:
    person = os.fsdecode(b"\xff\xfe person")
    write(tmp_path / person / os.fsdecode(b"\xe9.jpg"))
    write(tmp_path / person / os.fsdecode(b"\xe9.txt"))
    passed_over = PassedOver()
    (name,) = find_images(tmp_path, passed_over)
    assert (tmp_path / name).is_file()
    passed_over.sentence().encode()
    assert r"\xff\xfe person/\xe9.txt" in passed_over.sentence()


def test_formats_that_this_machine_cannot_decode_say_what_they_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mfn.images.folder.can_decode", lambda form: form.name not in ("HEIC", "GIF"))
    for name in ("a/1.HEIC", "a/2.heif", "a/3.gif", "a/4.jpg"):
        write(tmp_path / name)
    names, passed_over = found(tmp_path)
    assert names == ["a/4.jpg"]
    heic, gif = passed_over
    assert heic == f"HEIC images ({install_command('heic')})" and passed_over[heic] == 2
    assert gif == f"GIF images (OpenCV {cv2.__version__} cannot read it, a newer one may)" and passed_over[gif] == 1


def test_examples_are_few_and_counts_are_right() -> None:
    passed_over = PassedOver()
    for number in range(30_000):
        passed_over.add(f"{number}.txt", "texts")
    passed_over.add("x", "others", 5)
    assert passed_over.counts == {"texts": 30_000, "others": 5} and len(list(passed_over)) == 10_001
    assert passed_over.sentence() == "texts: 30,000 (0.txt, 1.txt, 2.txt, ...); others: 5 (x, ...)"
    assert passed_over.rows() == {"texts": "30,000: 0.txt, 1.txt, 2.txt, ...", "others": "5: x, ..."}
