import os
from pathlib import Path

import pytest

from mfn.errors import ConfigError
from mfn.prepare import places
from mfn.prepare.places import is_within, output_folder, refuse_files_inside, refuse_overlap


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """photos/ann/1.jpg, a link to photos, and a working folder beside them."""
    (tmp_path / "photos/ann").mkdir(parents=True)
    (tmp_path / "photos/ann/1.jpg").touch()
    (tmp_path / "link").symlink_to("photos")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


@pytest.mark.parametrize(
    "output",
    [
        "../photos",
        "../photos/",
        "../link",
        "../photos/ann/..",
        "../photos/out",
        "../link/out/deep",
        "../photos/ann",
        "..",
    ],
)
@pytest.mark.parametrize("source", ["../photos", "../link", "../here/../photos"])
def test_an_output_that_meets_a_source_is_refused(tree: Path, output: str, source: str) -> None:
    with pytest.raises(ConfigError, match=r"source\.root.*choose an"):
        refuse_overlap(output_folder(output), {"source.root": Path(source)})


@pytest.mark.parametrize("output", ["out", "../photos2", "../out/photos", "../photos-out", "../photo"])
def test_others_are_not(tree: Path, output: str) -> None:
    (tree / "faces").symlink_to(tree / "nowhere")
    refuse_overlap(output_folder(output), {"source.root": Path("../link"), "model_path": Path("../faces")})


def test_a_file_that_is_read_is_not_within_reach(tree: Path) -> None:
    with pytest.raises(ConfigError, match=r"source\.path"):
        refuse_overlap(output_folder("../photos"), {"source.path": Path("../photos/ann/1.jpg")})


def test_folders_are_told_apart_by_what_they_are_on_the_disk(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file system without upper case, or behind a bind mount: another name, the same folder."""
    (tree / "PHOTOS").mkdir()
    samefile = Path.samefile
    monkeypatch.setattr(
        Path, "samefile", lambda one, two: str(one).casefold() == str(two).casefold() or samefile(one, two)
    )
    assert is_within(tree / "PHOTOS/out", tree / "photos") and is_within(tree / "photos", tree / "PHOTOS")
    assert not is_within(tree / "here", tree / "photos")


@pytest.mark.parametrize("output", [".", "", "../here", "./."])
def test_the_current_folder_is_refused(tree: Path, output: str) -> None:
    with pytest.raises(ConfigError, match=r"is the current folder: give one inside it, such as output=\S*pack"):
        output_folder(output)


def test_where_a_disk_is_mounted_nothing_can_appear(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"output=/ is where a disk is mounted: .* output=/pack"):
        output_folder("/")
    (tree / "with blank").mkdir()
    (mounts := tree / "mountinfo").write_text(f"36 35 98:0 / {tree}/with\\040blank rw - ext4 /dev/sda rw\n")
    monkeypatch.setattr(places, "_MOUNTS", mounts)
    with pytest.raises(ConfigError, match="mounted"):
        output_folder("../with blank")
    assert output_folder("../with blank/pack") == tree / "with blank/pack"
    monkeypatch.setattr(places, "_MOUNTS", tree / "nowhere")  # other systems have no such list
    assert output_folder("../with blank") == tree / "with blank"


def test_links_and_files_at_the_output(tree: Path) -> None:
    (tree / "dangling (1)").symlink_to("missing (2)")
    with pytest.raises(ConfigError, match=r"is a link to .*missing \(2\), which is not there: give 'output=") as told:
        output_folder("../dangling (1)")
    assert f'output="{tree}/here/../missing (2)"' in str(told.value) or "missing (2)" in str(told.value)
    assert output_folder("../link") == tree / "photos"
    for file in ("../photos/ann/1.jpg", "../photos/ann/1.jpg/out"):
        with pytest.raises(ConfigError, match=r"1\.jpg is a file: give the name of a folder"):
            output_folder(file)


def test_home_and_new_folders(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tree))
    assert output_folder("~/a/b/out") == tree / "a/b/out"
    assert output_folder("~nobody-of-this-name/out") == tree / "here/~nobody-of-this-name/out"
    assert output_folder("faces (2)") == tree / "here/faces (2)"


def test_files_behind_links_that_lie_in_the_output(tree: Path) -> None:
    (tree / "out/ann").mkdir(parents=True)
    (tree / "out/ann/2.jpg").touch()
    (tree / "photos/bob").symlink_to(tree / "out/ann")
    (tree / "photos/ann/3.jpg").symlink_to(tree / "out/ann/2.jpg")
    for name in ("bob/2.jpg", "ann/3.jpg"):
        with pytest.raises(ConfigError, match=f"{name}, which is read"):
            refuse_files_inside(tree / "out", [str(tree / "photos/ann/1.jpg"), str(tree / "photos" / name)])
    refuse_files_inside(tree / "out", [str(tree / "photos/ann/1.jpg")])
    refuse_files_inside(tree / "ou", [os.fspath(tree / "photos/bob/2.jpg")])
