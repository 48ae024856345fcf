import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from mfn.data.folder_dataset import FolderDataset
from mfn.prepare.align_step import AlignRules
from mfn.prepare.manifest import Manifest
from mfn.prepare.pack_step import PackRules
from mfn.prepare.photos import CountsPassedOver, passed_over, rows_passed_over
from tests.prepare.fakes import write_photos
from tests.prepare.running import prepared
from tests.prepare.test_resume import StopsAfter


class Folder(FolderDataset):
    """A source that tells of more than it has."""

    def __init__(self, root: Path, files: Sequence[tuple[str, str]]) -> None:
        super().__init__(root)
        self.passed_over = list(files)


FILES = [("ann/notes.txt", "no image"), ("@eaDir", "of a tool"), ("bob/x.txt", "no image"), ("a/b/c.gif", "deeper")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "in", {"ann": [1, 1], "bob": [1, -1]})


def test_what_a_source_passed_over_is_counted_everywhere(root: Path, tmp_path: Path) -> None:
    report = prepared(root, tmp_path / "out", source=Folder(root, FILES), max_broken=0.5)
    assert report.passed_over == {"no image": 2, "of a tool": 1, "deeper": 1}
    assert json.loads((tmp_path / "out/report.json").read_text())["passed_over"] == report.passed_over
    assert {"what": "files passed over: no image", "value": "2"} in report.rows()
    assert (report.images, report.identities, report.kept) == (4, 2, 3)
    index = Manifest.read(tmp_path / "out/index.csv")
    assert index.name[4:].tolist() == [name for name, _ in FILES]
    assert index.identity[4:].tolist() == ["ann", "", "bob", "a"]
    assert index.reason[4:].tolist() == [f"passed over: {reason}" for _, reason in FILES]
    assert index.row.tolist() == [0, 1, 2, 3, -1, -1, -1, -1]
    page = (tmp_path / "out/dropped.html").read_text()
    assert "passed over" in page and "<td>of a tool</td><td>1</td>" in page


def test_a_source_without_counts_passed_nothing_over(root: Path, tmp_path: Path) -> None:
    class Silent:
        name, label_names = "silent", None

    assert not isinstance(Silent(), CountsPassedOver) and isinstance(FolderDataset(root), CountsPassedOver)
    report = prepared(root, tmp_path / "out", max_broken=0.5)
    assert report.passed_over == {} and len(Manifest.read(tmp_path / "out/index.csv")) == 4
    assert "passed over" not in (tmp_path / "out/dropped.html").read_text()


def test_of_millions_the_first_are_listed_and_all_are_counted(root: Path) -> None:
    source = Folder(root, [(f"{number}.txt", "no image") for number in range(1000)] + [("x", "other")])
    rows = rows_passed_over(source, most=10)
    assert len(rows) == 11 and passed_over(source) == {"no image": 1000, "other": 1}
    assert rows.name[[0, 9, 10]].tolist() == ["0.txt", "9.txt", "x"]
    assert rows.detail.tolist() == [""] * 9 + ["and 990 more", ""]


@pytest.mark.parametrize("form", ["pack", "folder"])
def test_earlier_outputs_of_ours_are_no_photos(root: Path, tmp_path: Path, form: str) -> None:
    prepared(root, tmp_path / "made", pack=PackRules(form), max_broken=0.5)
    with pytest.raises(KeyboardInterrupt):
        prepared(root, tmp_path / "stopped", StopsAfter(0))
    (tmp_path / "made").rename(root / "cindy")
    (tmp_path / "stopped.work").rename(root / "dora.work")
    source = FolderDataset(root)
    assert list((source.label_names or {}).values()) == ["ann", "bob"]
    report = prepared(root, tmp_path / "out", source=source, max_broken=0.5)
    assert sum(report.passed_over.values()) == 2 and report.images == 4


def test_why_a_photo_is_broken_stands_in_the_index_and_on_the_page(root: Path, tmp_path: Path) -> None:
    (root / "ann/empty.png").touch()
    prepared(root, tmp_path / "out", max_broken=0.5, align=AlignRules())
    index = Manifest.read(tmp_path / "out/index.csv")
    broken = index.take(index.reason == "broken")
    assert broken.name.tolist() == ["ann/empty.png", "bob/01.png"]
    assert ["0 bytes" in broken.detail[0], "8 bytes" in broken.detail[1]] == [True, True]
    assert str(root) not in "".join(broken.detail)  # the name has a column of its own
    assert not index.detail[index.reason != "broken"].any()
    assert str(broken.detail[1]) in (tmp_path / "out/dropped.html").read_text()
