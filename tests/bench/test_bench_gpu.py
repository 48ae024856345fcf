"""Every part of ``mfn bench gpu`` runs, tiny and on the processor; no claim about speed, and none about a GPU."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from mfn.bench.gpu import heads, parts, sharing
from mfn.bench.gpu.parts import PARTS, Part, bench_gpu, rows_here
from mfn.bench.gpu.rivals import PlainHead
from mfn.bench.gpu.setting import Row, Setting, checked_setting, row
from mfn.commands.main import main
from mfn.errors import ConfigError, DataError
from mfn.heads.arcface import ArcFaceHead


def setting(folder: Path) -> Setting:
    return checked_setting("cpu", folder, quick=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PARTS if name not in ("compiled", "shared head")])
def test_every_part_measures_what_it_says(name: str, tmp_path: Path) -> None:
    rows = rows_here(name, setting(tmp_path))
    assert rows and not [found for found in rows if found["what"] == "failed"]
    assert all(set(found) == {"part", "what", "value", "unit", "note"} and found["value"] is not None for found in rows)
    json.dumps(rows, allow_nan=False)
    notes = " ".join(found["note"] for found in rows)
    assert "MORE" not in notes and "NOT" not in notes
    if name == "waits":
        assert [found["value"] for found in rows[:3]] == [0, 0, 0]
    if name == "resume":
        assert [found["note"] for found in rows] == ["equal to the bit"] * 3
    if name == "loading":
        assert rows[-1]["value"] == 0  # of the processor's decoder beside itself


def test_the_head_is_measured_at_every_rate(tmp_path: Path) -> None:
    rows = rows_here("head", setting(tmp_path))
    assert len(rows) == 2 * len(heads.RATES) * 2
    assert all(found["value"] > 0 for found in rows)


@pytest.mark.slow
def test_compiled_networks_are_measured_where_there_is_a_compiler(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if not request.config.getoption("--all-networks"):
        pytest.skip("compiling takes minutes: --all-networks")
    rows = rows_here("compiled", setting(tmp_path))
    if rows[-1]["what"] == "failed":
        pytest.skip(f"nothing is compiled here: {rows[-1]['note']}")
    assert len(rows) == 2 and all(found["value"] > 0 for found in rows)


def test_the_rivals_head_is_arcface() -> None:
    torch.manual_seed(0)
    plain, ours = PlainHead(16, 30), ArcFaceHead(16, 30, 64.0, 0.5)
    with torch.no_grad():
        ours.weight.copy_(plain.weight)
    embeddings, labels = torch.randn(12, 16), torch.randint(30, (12,))
    torch.testing.assert_close(plain(embeddings, labels), ours(embeddings, labels).loss, rtol=1e-4, atol=1e-4)
    sampled = PlainHead(16, 30, rate=0.5)
    loss = sampled(embeddings, labels)
    loss.backward()
    assert sampled.weight.grad is not None
    touched = sampled.weight.grad.abs().sum(1) > 0
    assert 12 <= int(touched.sum()) <= 15 and touched[labels].all()


def test_without_a_gpu_one_sentence_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"PyTorch sees none here.*--device cpu --quick"):
        bench_gpu()
    with pytest.raises(ConfigError, match="hours at full size: add --quick"):
        bench_gpu("cpu")


def test_all_parts_together_take_less_than_eight_minutes() -> None:
    assert sum(part.seconds for part in PARTS.values()) < 480


def broken(_: Setting) -> Iterator[Row]:
    yield row("before", 1.0)
    raise DataError("the pack is gone")


def odd(_: Setting) -> Iterator[Row]:
    yield row("before", 1.0)
    raise KeyError("who")


def hanging(_: Setting) -> Iterator[Row]:
    yield row("before", 1.0)
    time.sleep(600)


def dying(_: Setting) -> Iterator[Row]:
    yield row("before", 1.0)
    time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)


class Here(Part):
    """A part whose function is in this file."""

    @property
    def measure(self) -> Any:
        return globals()[self.function]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "end"),
    [
        ("broken", "the pack is gone"),
        ("odd", "KeyError: 'who'"),
        ("hanging", "ended after"),
        ("dying", "its process ended with -9"),
    ],
)
def test_a_part_that_fails_is_a_line_and_not_the_end(
    function: str, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Forked, so that the process has this file's functions
    monkeypatch.setattr(parts, "get_context", lambda _: torch.multiprocessing.get_context("fork"))
    monkeypatch.setattr(parts, "PARTS", {function: Here(0.5 if function == "hanging" else 100, "", function)})
    rows = bench_gpu("cpu", quick=True)["rows"]
    assert [found["what"] for found in rows][:1] == ["before"]
    assert rows[-1]["note"].startswith(end) and rows[-1]["part"] == function


@pytest.mark.slow
def test_a_head_is_shared_out_over_two_processes(tmp_path: Path) -> None:
    rows = list(sharing.sharing_rows(setting(tmp_path)))
    verdicts = [found["note"] for found in rows if "beside" in found["what"] or "gradient" in found["what"]]
    assert verdicts == ["as it should be"] * 6


@pytest.mark.slow
def test_the_command_writes_a_table_and_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    words = ["bench", "gpu", "--device", "cpu", "--quick", "--parts", "head", "--json", str(tmp_path / "gpu.json")]
    with caplog.at_level("INFO"):
        main(words)
    assert "arcface_torch, 1,000 classes, rate 0.02" in caplog.text
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert found["machine"]["device"] == "cpu" and {each["part"] for each in found["rows"]} == {"head"}


def test_a_part_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["bench", "gpu", "--parts", "step,heads"])
    assert "invalid" in capsys.readouterr().err
