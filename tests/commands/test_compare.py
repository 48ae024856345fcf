"""``mfn compare``: networks on the same pairs, and a guard that fails where one is worse than a report."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from mfn.report import kept_scores
from tests.commands.evaluating import judge_with, write_files
from tests.commands.recognising import say


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_files(tmp_path_factory.mktemp("compare"))
    judge_with(folder, folder / "run", "benchmark=lfw", f"benchmark.root={folder}", "check_alignment=false")
    return folder


def test_a_network_beside_its_copy_differs_by_nothing(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(files / "net.ckpt", tmp_path / "copy.ckpt")
    words = [files / "net.ckpt", tmp_path / "copy.ckpt", "--root", files, "--samples", "20", "--output", tmp_path / "o"]
    status, told, _ = say("compare", *words, monkeypatch=monkeypatch, capsys=capsys)
    assert status == 0 and "copy.ckpt" in told
    found = json.loads((tmp_path / "o" / "compare.json").read_text())["sets"]["lfw"]
    assert found["pairs"] == 40
    assert found["against_the_first"][0]["differences"]["accuracy"] == {"value": 0, "low": 0, "high": 0}
    assert found["against_the_first"][0]["mcnemar"]["p_value"] == 1
    assert (tmp_path / "o" / "roc.png").is_file() and not list((tmp_path / "o").glob("disagree*"))


def test_the_guard_passes_the_same_network_and_fails_a_worse_one(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(files / "run", run)
    words = [files / "net.ckpt", "--root", files, "--against", run / "report.json", "--max-drop", "0.002"]
    assert say("compare", *words, monkeypatch=monkeypatch, capsys=capsys)[0] == 0
    kept = kept_scores.read_scores(run)
    assert kept is not None
    perfect = dataclasses.replace(kept["lfw"], scores=kept["lfw"].is_same.astype(np.float32))
    columns = {"kept_0": perfect.kept, "scores_0": perfect.scores, "same_0": perfect.is_same}
    np.savez(run / kept_scores.FILE, names=np.array(["lfw"]), **columns)
    status, _, told = say("compare", *words, monkeypatch=monkeypatch, capsys=capsys)
    assert status == 1 and "beyond chance" in told and told.count("\n") <= 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["{net}"], "at least two networks"),
        (["{net}", "{net}", "--max-drop", "0.1"], "goes with --against"),
        (["{net}", "{net}", "--against", "{report}"], "takes one network"),
        (["{net}", "--against", "{report}", "--max-drop", "1.5"], "from 0 to below 1"),
        (["{net}", "--against", "{report}", "--flip", "none"], "judged with flip=sum"),
        (["{net}", "--against", "{net}"], "no report of mfn evaluate"),
    ],
)
def test_what_makes_no_sense_is_told(
    words: list[str], says: str, files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = [word.format(net=files / "net.ckpt", report=files / "run" / "report.json") for word in words]
    status, _, told = say("compare", *typed, "--root", files, monkeypatch=monkeypatch, capsys=capsys)
    assert status == 1 and says in told
