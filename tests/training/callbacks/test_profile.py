"""A profiled run leaves a trace, a table and the share of the time that waits for data."""

import json
import logging
from pathlib import Path

import pytest

from mfn.errors import ConfigError
from mfn.training.callbacks.profile import TABLE, TRACE, Profile
from tests.scripts import TINY, run_script
from tests.small_run import small_data, small_recognizer, small_trainer


def profiled(tmp_path: Path, skip: int, steps: int, batches: int) -> Path:
    data = small_data()
    data.setup()
    folder = tmp_path / "run"
    folder.mkdir(parents=True)
    trainer = small_trainer([Profile(str(folder), skip, steps)], tmp_path, max_epochs=1, limit_train_batches=batches)
    trainer.fit(small_recognizer(data), datamodule=data)
    return folder


def names_of(trace: Path) -> list[str]:
    return [event["name"] for event in json.loads(trace.read_text())["traceEvents"] if "name" in event]


@pytest.mark.parametrize(("steps", "seen"), [(1, 1), (2, 2), (50, 2)])
def test_the_steps_behind_those_that_are_skipped_are_seen(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, steps: int, seen: int
) -> None:
    with caplog.at_level(logging.INFO):
        folder = profiled(tmp_path, 1, steps, 3)
    names = names_of(folder / TRACE)
    assert names.count("aten::convolution_backward") > 0
    assert names.count("waiting for data") >= seen
    assert (folder / TABLE).read_text().startswith(f"{seen} steps of ")
    assert "% waiting for data" in (folder / TABLE).read_text() and "aten::" in (folder / TABLE).read_text()
    assert any(f"{seen} steps of " in message and "aten::" in message for message in caplog.messages)


def test_a_run_that_is_too_short_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number, skip in enumerate((3, 2)):
        caplog.clear()
        folder = profiled(tmp_path / str(number), skip, 1, 2)
        assert not list(folder.iterdir())
        assert f"nothing was profiled: the run had 2 steps and callbacks.profile.skip={skip}" in caplog.text


@pytest.mark.parametrize(("skip", "steps"), [(0, 1), (1, 0), (-1, 5)])
def test_numbers_that_are_too_small(skip: int, steps: int) -> None:
    with pytest.raises(ConfigError, match=f"callbacks.profile.skip={skip} and callbacks.profile.steps={steps} must be"):
        Profile("x", skip, steps)


@pytest.mark.slow
def test_from_the_command_line(tmp_path: Path) -> None:
    words = [word for word in TINY if not word.startswith("trainer.max_epochs")]
    words += ["debug=profiler", "callbacks.profile.skip=2", "callbacks.profile.steps=2", "hydra.run.dir=run"]
    done = run_script("train", *words, cwd=tmp_path)
    assert "2 steps of " in done.output
    assert "convolution_backward" in done.output and "ERROR" not in done.output
    assert (tmp_path / "run" / TABLE).is_file() and names_of(tmp_path / "run" / TRACE)
    refused = run_script("train", *words, "callbacks.profile.skip=0", cwd=tmp_path, status=1)
    assert "callbacks.profile.skip=0 and callbacks.profile.steps=2 must be at least 1" in refused.last_line
