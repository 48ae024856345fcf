import json
from pathlib import Path

import pytest

from mfn.images.passed_over import PassedOver
from mfn.prepare.align_step import AlignRules
from mfn.prepare.manifest import Manifest
from mfn.prepare.pack_step import PackRules
from mfn.prepare.photos import rows_passed_over
from mfn.sources.folder_dataset import FolderDataset
from tests.prepare.fakes import write_photos
from tests.prepare.running import prepared
from tests.prepare.test_resume import StopsAfter

FILES = {
    "ann/notes.txt": "files that are no images (.txt)",
    "bob/x.txt": "files that are no images (.txt)",
    "bob/._00.png": "hidden files",
    "@eaDir": "folders of tools",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two people, one of whose four photos is broken."""
    return write_photos(tmp_path / "in", {"ann": [1, 1], "bob": [1, -1]})


def test_what_a_source_passed_over_is_counted_everywhere(root: Path, tmp_path: Path) -> None:
    (root / "@eaDir").mkdir()
    for name in FILES:
        if name != "@eaDir":
            (root / name).write_text("no image")
    report = prepared(root, tmp_path / "out", max_broken=0.5)
    assert report.passed_over == {**dict.fromkeys(FILES.values(), 1), "files that are no images (.txt)": 2}
    assert json.loads((tmp_path / "out/report.json").read_text())["passed_over"] == report.passed_over
    assert {"what": "passed over: files that are no images (.txt)", "value": "2"} in report.rows()
    assert (report.images, report.identities, report.kept) == (4, 2, 3)
    index = Manifest.read(tmp_path / "out/index.csv")
    assert dict(zip(index.name[4:].tolist(), index.reason[4:].tolist(), strict=True)) == {
        name: f"passed over: {reason}" for name, reason in FILES.items()
    }
    assert sorted(index.identity[4:].tolist()) == ["", "ann", "bob", "bob"]
    assert index.row.tolist() == [0, 1, 2, 3, -1, -1, -1, -1]
    page = (tmp_path / "out/dropped.html").read_text()
    assert "passed over" in page and "<td>folders of tools</td><td>1</td>" in page


def test_nothing_passed_over_is_not_told(root: Path, tmp_path: Path) -> None:
    report = prepared(root, tmp_path / "out", max_broken=0.5)
    assert report.passed_over == {} and len(Manifest.read(tmp_path / "out/index.csv")) == 4
    assert "passed over" not in (tmp_path / "out/dropped.html").read_text()


def test_of_millions_the_first_are_listed_and_all_are_counted() -> None:
    passed = PassedOver()
    for name in ("0.txt", "1.txt"):
        passed.add(name, "no image")
    passed.add("x", "other")
    passed.add("2.txt", "no image", count=998)
    rows = rows_passed_over(passed)
    assert rows.name.tolist() == ["0.txt", "1.txt", "2.txt", "x"]
    assert rows.detail.tolist() == ["", "", "and 997 more", ""]


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
