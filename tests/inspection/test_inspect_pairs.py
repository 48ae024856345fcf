"""Lists of pairs, as mfn inspect tells of them."""

import json
import pickle
from pathlib import Path

import pytest

from mfn.commands.main import main
from mfn.errors import DataError
from mfn.inspection.inspect import inspect
from tests.benchmarks.benchmark_files import write_images, write_text
from tests.sources.files import jpeg

IMAGES = [f"{name}/{name}_{number:04d}.jpg" for name in ("Ada", "Bob") for number in (1, 2)]
LFW = "2\t1\nAda\t1\t2\nAda\t1\tBob\t1\nBob\t1\t2\nAda\t2\tBob\t2\n"
LIST = "".join(f"{IMAGES[a]} {IMAGES[b]} {same}\n" for a, b, same in ((0, 1, 1), (2, 3, 1), (0, 2, 0), (1, 3, 0)))
CSV = "a,b,label,fold,group\n" + "".join(
    f"images/{IMAGES[a]},images/{IMAGES[b]},{same},{fold},{group}\n"
    for a, b, same, fold, group in ((0, 1, 1, "x", "g"), (2, 3, 1, "y", "h"), (0, 2, 0, "x", "g"), (1, 3, 0, "y", "h"))
)


@pytest.mark.parametrize(
    ("file", "text", "kind"),
    [
        ("pairs.txt", LFW, "list of pairs (LFW's form)"),
        ("PAIRS.TXT", LIST, "list of pairs (one line a pair, 'image image flag')"),
        ("mine.csv", CSV, "list of pairs (CSV)"),
    ],
)
def test_a_list_with_its_images(tmp_path: Path, file: str, text: str, kind: str) -> None:
    write_images(tmp_path / "images", IMAGES)
    found = inspect(write_text(tmp_path / file, text))
    assert found.kind == kind and not found.problems
    facts = {key: found.facts[key] for key in ("pairs", "genuine", "impostor", "images", "images missing", "broken")}
    assert facts == {"pairs": 4, "genuine": 2, "impostor": 2, "images": 4, "images missing": 0, "broken": 0}
    assert found.facts["folds"] == 2 and found.facts["sizes (height x width)"] == "16x16 100%"
    assert found.images is not None and len(found.images) == 4
    if file == "mine.csv":
        assert found.facts["groups"] == 2
    else:
        assert found.facts["people"] == 2 and found.facts["images are in"] == str(tmp_path / "images")


def test_a_folder_with_a_list_is_looked_at_as_one(tmp_path: Path) -> None:
    write_images(tmp_path / "images", IMAGES)
    write_text(tmp_path / "pairs.txt", LFW)
    assert inspect(tmp_path).kind == "list of pairs (LFW's form)"


def test_missing_images_repeats_and_pairs_with_itself_are_problems(tmp_path: Path) -> None:
    write_images(tmp_path, IMAGES[:3])
    again = f"{IMAGES[1]} {IMAGES[0]} 1\n{IMAGES[0]} {IMAGES[0]} 1\n{IMAGES[0]} {IMAGES[2]} 1\n"
    found = inspect(write_text(tmp_path / "mine.txt", LIST + again))
    assert found.facts["images missing"] == 1
    assert any(f"1 of 4 images are not there, such as {IMAGES[3]}" in problem for problem in found.problems)
    for problem in ("1 pair is of an image with itself", "2 pairs are called both", "1 pair is made before"):
        assert any(problem in said for said in found.problems), problem


def test_a_list_alone_is_looked_at_by_its_names(tmp_path: Path) -> None:
    text = LFW.replace("2\t1\n", "") + "Bob\t2\tAda\t2\nAda\t1\t1\nAda\t1\tAda\t2\n"
    found = inspect(write_text(tmp_path / "pairs.txt", text))
    assert found.facts["pairs"] == 6 and found.facts["images missing"] == 4 and found.images is None
    assert "1 pair is of an image with itself" in found.problems
    assert "1 pair is made before of the same images" in found.problems
    assert any("four columns but one name twice (first line 7)" in problem for problem in found.problems)


@pytest.mark.parametrize("name", ["set.bin", "SET.BIN"])
def test_a_pack_that_can_only_fail_says_so(tmp_path: Path, name: str) -> None:
    images = [jpeg(seed) for seed in range(4)]
    (tmp_path / name).write_bytes(pickle.dumps((images, [1, 1], {"made": "by me"})))
    found = inspect(tmp_path / name)
    assert found.kind == "verification pack"
    assert any("cannot be judged: it has 2 genuine and 0 impostor pairs" in problem for problem in found.problems)
    assert any("holds 1 more than images and flags" in problem for problem in found.problems)


@pytest.mark.parametrize(
    ("file", "data"), [("notes.txt", b"hello"), ("a.csv", b"x,y\n1,2\n"), ("b.txt", b"\0\1"), ("c.txt", b"")]
)
def test_what_is_no_list_is_told(tmp_path: Path, file: str, data: bytes) -> None:
    (tmp_path / file).write_bytes(data)
    with pytest.raises(DataError, match=rf"{file} is of no kind that is known here; read as a list of pairs: "):
        inspect(tmp_path / file)


def test_the_command_tells_it_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_images(tmp_path / "images", IMAGES)
    write_text(tmp_path / "pairs.txt", LFW)
    with caplog.at_level("INFO"):
        main(["inspect", str(tmp_path / "pairs.txt"), *("--json", str(tmp_path / "x.json"))])
        main(["inspect", str(tmp_path / "pairs.txt"), *("--show", str(tmp_path / "x.png"))])
    assert "genuine" in caplog.text and json.loads((tmp_path / "x.json").read_text())["facts"]["pairs"] == 4
    assert (tmp_path / "x.png").stat().st_size > 0
