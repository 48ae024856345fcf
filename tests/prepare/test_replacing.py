"""What may stand at OUT and OUT.work, and what becomes of it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mfn.errors import ConfigError, MfnError
from mfn.prepare.lock import LOCK
from mfn.prepare.ownership import LIST, hashes_of, is_work, not_ours
from mfn.prepare.pack_step import PackRules
from tests.prepare.fakes import write_photos
from tests.prepare.running import prepared
from tests.prepare.test_resume import StopsAfter


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos") / "in", {f"p{i}": [1, 1, 1] for i in range(3)})


def everything(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() or path.is_symlink()]
    names = [str(path.relative_to(folder)) for path in files]
    return {**hashes_of(folder, [name for name in names if (folder / name).is_file()]), **dict.fromkeys(names, "")}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def note(out: Path) -> None:
    (out / "notes.txt").write_text("mine")


def photo_below(out: Path) -> None:
    (out / "train/p0").mkdir(parents=True, exist_ok=True)
    (out / "train/p0/mine.jpg").write_bytes(b"mine")


def empty_folder(out: Path) -> None:
    (out / "mine").mkdir()


def link(out: Path) -> None:
    (out / "mine").symlink_to(out.parent)


def link_in_place_of_a_file(out: Path) -> None:
    (out / "report.json").rename(out.parent / "report.json")
    (out / "report.json").symlink_to(out.parent / "report.json")


def changed(out: Path) -> None:
    (out / "names.txt" if (out / "names.txt").exists() else out / "index.csv").write_text("mine")


def changed_in_its_size(out: Path) -> None:
    text = (out / "index.csv").read_text()
    (out / "index.csv").write_text(text.replace("p0", "q0"))


def no_list(out: Path) -> None:
    (out / LIST).unlink()


def damaged_list(out: Path) -> None:
    (out / LIST).write_text('{"made_by": "mfn prepare", "files": {"train.rec": 3}}')


def list_of_somebody(out: Path) -> None:
    (out / LIST).write_text(json.dumps({"files": {path: [1, "0"] for path in names(out)}}))


SPOILT: list[tuple[Callable[[Path], None], str]] = [
    (note, r"notes\.txt"),
    (photo_below, r"train/p0/mine\.jpg"),
    (empty_folder, "mine"),
    (link, "mine"),
    (link_in_place_of_a_file, r"report\.json"),
    (changed, r"(names\.txt|index\.csv) \(changed since\)"),
    (changed_in_its_size, r"index\.csv \(changed since\)"),
    (no_list, "no list"),
    (damaged_list, "no list"),
    (list_of_somebody, "no list"),
]


@pytest.mark.parametrize("form", ["pack", "folder"])
@pytest.mark.parametrize(("spoil", "named"), SPOILT)
def test_an_output_that_is_not_all_ours_stays(
    root: Path, tmp_path: Path, spoil: Callable[[Path], None], named: str, form: str
) -> None:
    out = tmp_path / "out"
    prepared(root, out, pack=PackRules(form))
    spoil(out)
    before = everything(tmp_path)
    with pytest.raises(ConfigError, match=named) as told:
        prepared(root, out, seed=1, overwrite=True)
    assert "overwrite=true" not in str(told.value)
    with pytest.raises(ConfigError) as told:
        prepared(root, out, seed=1)
    assert "overwrite=true" not in str(told.value)  # which would be refused
    assert everything(tmp_path) == before
    out.rename(tmp_path / "moved")  # what both say
    assert prepared(root, out, seed=1).kept == 9


@pytest.mark.parametrize("form", ["pack", "folder"])
@pytest.mark.parametrize("missing", [(), ("report.json",), ("index.csv", "dropped.html")])
def test_an_output_of_ours_is_replaced_when_asked(
    root: Path, tmp_path: Path, form: str, missing: tuple[str, ...]
) -> None:
    prepared(root, tmp_path / "first", pack=PackRules(form))
    shutil.copytree(tmp_path / "first", out := tmp_path / "out")  # other dates, the same files
    for name in missing:
        (out / name).unlink()
    with pytest.raises(ConfigError, match="or overwrite=true"):
        prepared(root, out, seed=1)
    assert prepared(root, out, seed=1, overwrite=True).kept == 9
    assert json.loads((out / "settings.json").read_text())["seed"] == 1
    assert not (out / "train").exists() and not not_ours(out)
    assert names(tmp_path) == ["first", "out"]


def test_an_output_that_lacks_something_is_not_finished(root: Path, tmp_path: Path) -> None:
    prepared(root, tmp_path / "out")
    (tmp_path / "out/train.rec").unlink()
    with pytest.raises(ConfigError, match=r"lacks train\.rec: choose another output, or overwrite=true"):
        prepared(root, tmp_path / "out")
    prepared(root, tmp_path / "out", overwrite=True)
    assert (tmp_path / "out/train.rec").exists()


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    "files",
    [
        {"a.jpg": "mine"},
        {"settings.json": '{"editor.fontSize": 12}'},
        {LIST: "{}"},
        {"p/1.jpg": "", "settings.json": "["},
    ],
)
def test_a_folder_of_others_stays(root: Path, tmp_path: Path, files: dict[str, str], overwrite: bool) -> None:
    for place in ("out", "out.work"):
        for name, text in files.items():
            (tmp_path / place / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / place / name).write_text(text)
        before = everything(tmp_path)
        with pytest.raises(ConfigError, match="choose another output") as told:
            prepared(root, tmp_path / "out", overwrite=overwrite)
        assert "delete" not in str(told.value) and "overwrite" not in str(told.value)
        assert everything(tmp_path) == before
        shutil.rmtree(tmp_path / place)
    assert prepared(root, tmp_path / "out", overwrite=overwrite).kept == 9


def test_empty_folders_are_no_hindrance(root: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out.work").mkdir()
    assert prepared(root, tmp_path / "out").kept == 9
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_appears_at_the_output_meanwhile_stays(root: Path, tmp_path: Path, overwrite: bool) -> None:
    out = tmp_path / "out"

    class Meddles(StopsAfter):
        def __call__(self, job, shards):
            yield from map(job, shards)
            out.mkdir()
            note(out)

    with pytest.raises(ConfigError, match=f"output={out}"):
        prepared(root, out, Meddles(1), overwrite=overwrite)
    assert (out / "notes.txt").read_text() == "mine"
    out.rename(tmp_path / "moved")
    assert prepared(root, out).worked_on == 0  # the work was not lost


@pytest.mark.parametrize("place", ["", "photos", "result", "result/train"])
def test_files_of_others_in_unfinished_work_stay(root: Path, tmp_path: Path, place: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        prepared(root, tmp_path / "out", StopsAfter(0))
    mine = tmp_path / "out.work" / place / "notes.txt"
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text("mine")
    if place.startswith("result"):
        with pytest.raises(ConfigError, match=f"{place}/notes.txt"):
            prepared(root, tmp_path / "out")
        assert mine.read_text() == "mine"
        mine.rename(tmp_path / "notes.txt")
        assert prepared(root, tmp_path / "out").kept == 9
    else:
        assert prepared(root, tmp_path / "out").kept == 9
        assert prepared(root, tmp_path / "out").kept == 9  # there is nothing to do
        assert mine.read_text() == "mine"


def test_names_of_unfinished_work() -> None:
    ours = (
        "settings.json photos/000123.npz result/train.rec result/val.lst result/held_out.bin.json result/index.parquet"
    )
    ours += " result/train/some_body/1_2.jpg result/.train.host-12.tmp/train.rec.part photos/.000001.host-1.tmp.npz"
    theirs = (
        "notes.txt photos/me.jpg photos/1.npz.bak result/me.jpg result/train/a/b/c.jpg old/train.rec result/train.txt"
    )
    assert all(map(is_work, ours.split())) and not any(map(is_work, [*theirs.split(), LOCK]))


def test_settings_of_another_version_are_told_apart(root: Path, tmp_path: Path) -> None:
    prepared(root, tmp_path / "out")
    settings = json.loads((tmp_path / "out/settings.json").read_text())
    (tmp_path / "out/settings.json").write_text(json.dumps(settings | {"new_rule": 3}))
    (tmp_path / "out" / LIST).unlink()  # as versions before left it
    with pytest.raises(ConfigError, match=r"new_rule=3, this run has None: choose another output$"):
        prepared(root, tmp_path / "out")


def test_a_report_of_another_version_is_read(root: Path, tmp_path: Path) -> None:
    report = prepared(root, tmp_path / "out")
    (tmp_path / "out" / LIST).unlink()
    file = tmp_path / "out/report.json"
    there = json.loads(file.read_text())
    file.write_text(json.dumps({key: value for key, value in there.items() if key != "passed_over"} | {"new": 1}))
    assert prepared(root, tmp_path / "out") == report
    file.write_text("{")
    with pytest.raises(MfnError, match=r"report\.json cannot be read"):
        prepared(root, tmp_path / "out")
