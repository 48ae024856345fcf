"""evaluate.py when something is odd: a set that fails, names of any bytes, pairs that say nothing, a sick network."""

import csv
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import mfn.commands.evaluate
from mfn.benchmarks.bin_writer import write_bin
from mfn.benchmarks.lfw import read_lfw
from mfn.errors import DataError
from mfn.inference.embedder import FaceEmbedder
from tests.commands.evaluating import FIVE, command, judge_with, write_files, write_five
from tests.small_run import save_small_checkpoint


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(tmp_path_factory.mktemp("judging"))


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_five(tmp_path_factory.mktemp("five"))


@pytest.mark.slow
def test_a_set_that_fails_does_not_lose_the_others(files: Path, five: Path, tmp_path: Path) -> None:
    overrides = [f"benchmark=[{','.join(FIVE)}]", f"benchmark.root={five}"]
    said = r"not all could be done: cfp_fp \(cfp_fp\.bin image 7: these 4 bytes .*\); the rest is in"
    with pytest.raises(DataError, match=said):
        judge_with(files, tmp_path, *overrides)
    report = json.loads((tmp_path / "report.json").read_text())
    assert list(report["sets"]) == [name for name in FIVE if name != "cfp_fp"]
    assert "image 7" in report["failed"]["cfp_fp"]
    page = (tmp_path / "report.html").read_text()
    assert "What could not be done" in page and "cfp_fp.bin image 7" in page
    assert {row["set"] for row in csv.DictReader((tmp_path / "report.csv").open())} == set(report["sets"])


def test_the_figures_so_far_are_there_while_a_later_set_is_judged(
    files: Path, five: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is killed in its second set leaves the first."""
    results_on, seen = mfn.commands.evaluate.results_on, []

    def until_killed(*arguments: Any) -> Any:
        seen.append(arguments)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return results_on(*arguments)

    monkeypatch.setattr("mfn.commands.evaluate.results_on", until_killed)
    with pytest.raises(KeyboardInterrupt):
        judge_with(files, tmp_path, f"benchmark=[{','.join(FIVE)}]", f"benchmark.root={five}")
    assert list(json.loads((tmp_path / "report.json").read_text())["sets"]) == ["lfw"]
    assert len(list(csv.DictReader((tmp_path / "report.csv").open()))) == 1


@pytest.mark.slow
def test_a_threshold_is_never_taken_from_another_set_than_the_first(files: Path, five: Path, tmp_path: Path) -> None:
    network = save_small_checkpoint(tmp_path)
    overrides = ["benchmark=[cfp_fp,lfw]", f"benchmark.root={five}", "store_threshold=0.1"]
    with pytest.raises(DataError, match=r"store_threshold .*cfp_fp, the first set of pairs, could not be judged"):
        judge_with(tmp_path, tmp_path / "run", *overrides)
    assert FaceEmbedder.load(network).contract.threshold is None
    assert list(json.loads((tmp_path / "run" / "report.json").read_text())["sets"]) == ["lfw"]


def test_a_report_that_cannot_be_drawn_leaves_the_figures(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("mfn.report.evaluation.render", lambda _: (_ for _ in ()).throw(OSError(28, "no space")))
    with caplog.at_level("INFO"), pytest.raises(DataError, match=r"report .*no space"):
        judge_with(files, tmp_path, "benchmark=lfw", f"benchmark.root={files / 'packs'}")
    assert "Verification of" in caplog.text
    assert json.loads((tmp_path / "report.json").read_text())["sets"]["lfw"]["pairs"] == 40


@pytest.mark.slow
def test_the_mirror_setting_is_stored_with_the_threshold(files: Path, tmp_path: Path) -> None:
    network = save_small_checkpoint(tmp_path)
    for flip in ("none", "sum", "concat"):
        overrides = ["benchmark=lfw", f"benchmark.root={files / 'packs'}", "store_threshold=0.1", f"flip={flip}"]
        report = judge_with(tmp_path, tmp_path / flip, *overrides)
        assert FaceEmbedder.load(network).contract.threshold_flip == flip == report["contract"]["threshold_flip"]
        assert f"flip={flip}" in (tmp_path / flip / "report.html").read_text()


@pytest.mark.slow
def test_odd_pairs_are_told_in_every_report(files: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pairs = read_lfw(files / "lfw")
    images = [pairs.source.encoded(int(index)) for index in pairs.pairs.ravel()]
    (tmp_path / "own").mkdir()
    for name in ("lfw", "mine"):
        same = [*pairs.is_same.tolist(), True, True]
        write_bin(tmp_path / "own" / f"{name}.bin", [*images, images[0], images[0], *images[:2]], same)
    kept = judge_with(files, tmp_path / "a", "benchmark=lfw", f"benchmark.root={tmp_path / 'own'}")["sets"]["lfw"]
    assert (kept["pairs"], kept["left_out"], kept["self_pairs"], kept["repeated_pairs"]) == (42, 0, 1, 1)
    assert "of 42 pairs 1 is of an image with itself, 1 is made before" in kept["notes"][0]
    left_out = ["benchmark=lfw", f"benchmark.root={tmp_path / 'own'}", "benchmark.lfw.odd_pairs=leave_out"]
    rest = judge_with(files, tmp_path / "b", *left_out)["sets"]["lfw"]
    with caplog.at_level("INFO"):
        file = judge_with(files, tmp_path / "c", "benchmark=file", f"benchmark.root={tmp_path / 'own' / 'mine.bin'}")
    assert (rest["pairs"], rest["left_out"]) == (40, 2)
    assert file["sets"]["mine"]["accuracy"] == rest["accuracy"] != kept["accuracy"]
    assert "left out" in caplog.text and "Of 42 pairs 1 is" in (tmp_path / "c" / "report.html").read_text()
    assert next(csv.DictReader((tmp_path / "c" / "report.csv").open()))["self_pairs"] == "1"


@pytest.mark.slow
def test_names_of_any_bytes_leave_every_report(files: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pairs = read_lfw(files / "lfw")
    folder = tmp_path / "caf\udce9"
    folder.mkdir()
    names = [f"\udcff\x1b[31m$<script>alert({index})</script>".replace("/", "|") for index in range(len(pairs.source))]
    for index, name in enumerate(names):
        (folder / f"{name}.png").write_bytes(pairs.source.encoded(index))
    lines = [
        f"{names[a]}.png\t{names[b]}.png\t{int(same)}"
        for (a, b), same in zip(pairs.pairs.tolist(), pairs.is_same.tolist(), strict=True)
    ]
    lines.append(f"gone\udcff.png\t{names[0]}.png\t0")
    path = folder / "<b>$list\udcff.txt"
    path.write_bytes("\n".join(lines).encode(errors="surrogateescape"))
    root = [f'benchmark.root="{path}"', "benchmark.allow_missing=true"]
    with caplog.at_level("INFO"):
        report = judge_with(files, tmp_path / "run", "benchmark=file", *root)
    (judged,) = report["sets"].values()
    assert judged["pairs"] == 40 and judged["missing"] == ["gone\udcff.png"]
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page and "\x1b" not in page
    assert "\\xff\\x1b[31m$&lt;script" in page and "gone\\xff.png" in page
    for file in ("report.csv", "roc.png", "scores.png", "det.png"):
        assert (tmp_path / "run" / file).stat().st_size > 0
    tags = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload().Tags()["scalars"]
    assert "<b>$list\\xff/accuracy" in tags
    assert "\x1b" not in caplog.text


def test_a_sick_network_is_told_by_the_image(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = FaceEmbedder.raw
    monkeypatch.setattr(FaceEmbedder, "raw", lambda self, images: raw(self, images) * float("nan"))
    with pytest.raises(DataError, match=r"lfw\.bin image 0: the network gives NaN or infinity"):
        judge_with(files, tmp_path, "benchmark=lfw", f"benchmark.root={files / 'packs'}")


@pytest.mark.slow
def test_kept_embeddings_follow_what_is_in_the_files(files: Path, five: Path, tmp_path: Path) -> None:
    """Two different packs of one name, one folder of kept embeddings: each has its own figures, twice."""
    kept = f"cache={tmp_path / 'kept'}"
    roots = {}
    for name in ("lfw", "agedb_30"):
        roots[name] = tmp_path / name
        roots[name].mkdir()
        (roots[name] / "lfw.bin").write_bytes((five / f"{name}.bin").read_bytes())
    figures = [
        judge_with(files, tmp_path / f"{number}", "benchmark=lfw", f"benchmark.root={roots[name]}", *more)["sets"][
            "lfw"
        ]
        for number, (name, more) in enumerate(
            [("lfw", [kept]), ("agedb_30", [kept]), ("agedb_30", []), ("lfw", [kept]), ("lfw", [])]
        )
    ]
    assert figures[0] == figures[3] and figures[0] != figures[1]
    assert figures[1]["genuine_cosine"] == pytest.approx(figures[2]["genuine_cosine"], abs=1e-5)
    assert figures[0]["genuine_cosine"] == pytest.approx(figures[4]["genuine_cosine"], abs=1e-5)


@pytest.mark.slow
def test_folds_of_our_own_pack_can_be_chosen(files: Path, tmp_path: Path) -> None:
    own = judge_with(files, tmp_path / "a", "benchmark=lfw", f"benchmark.root={files / 'packs'}")["sets"]["lfw"]
    asked = ["benchmark=lfw", f"benchmark.root={files / 'packs'}", "benchmark.lfw.folds=4"]
    assert (own["folds"], judge_with(files, tmp_path / "b", *asked)["sets"]["lfw"]["folds"]) == (2, 4)


@pytest.mark.slow
def test_the_command_shows_names_of_any_bytes_and_fails_where_a_set_does(
    files: Path, five: Path, tmp_path: Path
) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    Path(os.fsdecode(folder)).mkdir()
    for name in (b"lfw.bin", b"cfp_fp.bin"):
        shutil.copy(os.fsencode(five) + b"/" + name, folder + b"/" + name)
    root = f"benchmark.root='{os.fsdecode(folder)}'"
    network = f"model_path={files / 'net.ckpt'}"
    done = command(tmp_path / "run", network, "benchmark=[lfw,cfp_fp]", root, "bootstrap=0")
    said = done.stdout + done.stderr
    assert done.returncode == 1 and b"Traceback" not in said and b"Logging error" not in said
    assert b"Verification of" in said and b"cfp_fp.bin image 7" in said
    assert b"cfp_fp.bin image 7" in (tmp_path / "run" / "evaluate.log").read_bytes()
    missing = command(tmp_path / "none", network, "benchmark=calfw", root)
    said = missing.stdout + missing.stderr
    assert missing.returncode == 1 and b"holds no benchmark calfw" in said and b"Logging error" not in said
