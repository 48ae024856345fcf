import io
import logging
import time
from pathlib import Path

import pytest
from rich.console import Console

from mfn.progress import counting, tracked


def test_a_terminal_gets_a_bar_with_the_rate() -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=120)
    assert list(tracked([30, 20], 60, "photos", int, 10, console)) == [30, 20]
    assert "60/60" in text.getvalue() and "photos/s" in text.getvalue() and "0:00:00 left" in text.getvalue()


def test_elsewhere_nothing_is_drawn_and_short_work_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    text = io.StringIO()
    with caplog.at_level(logging.INFO):
        assert list(tracked([30, 20], 60, "photos", int, 10, Console(file=text))) == [30, 20]
    assert text.getvalue() == "" and not caplog.records


def test_elsewhere_long_work_is_told_in_lines_whose_rate_leaves_out_what_was_there(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10_000, 20))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    with caplog.at_level(logging.INFO), counting(100, "images", "lfw", Console(file=io.StringIO())) as count:
        count(40, fresh=False)
        count(20)
    assert "lfw: 40/100 images, 0.0 images/s, unknown time left" in caplog.messages
    assert caplog.messages[-1].startswith("lfw: 60/100 images, 0.") and "unknown" not in caplog.messages[-1]


def test_no_work_and_names_with_markup_are_told_too(tmp_path: Path) -> None:
    text = io.StringIO()
    with counting(0, "images", "[red]a[/] [", Console(file=text, force_terminal=True, width=120)) as count:
        count(0)
    assert "[red]a[/] [" in text.getvalue()
