import os
import sys

import pytest
from rich.cells import cell_len

from mfn.report.grid import table

WIDE = {f"TAR@1e-{power} %": "99.80 (99.60-99.97)" for power in range(1, 7)}
ROW = {"set": "lfw", "pairs": 6000, "accuracy %": "99.47 (99.09-99.68)", **WIDE, "threshold": "0.276"}
WORDS = [*WIDE, "99.80 (99.60-99.97)", "99.47 (99.09-99.68)", "accuracy %", "6000", "0.276"]


class Stream:
    """Standard output, to a terminal or not."""

    def __init__(self, is_terminal: bool) -> None:
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal


def at(monkeypatch: pytest.MonkeyPatch, width: int | None) -> None:
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, Stream(width is not None))
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((width or 80, 24)))


@pytest.mark.parametrize("width", [None, 40, 60, 80, 110, 400])
def test_no_number_and_no_word_is_broken_at_any_width(monkeypatch: pytest.MonkeyPatch, width: int | None) -> None:
    at(monkeypatch, width)
    path = "/a/path/that/has/no/blanks/" + "x" * 200
    text = table("Title", [ROW, {"set": "b", "pairs": 7, "file": path}])
    for word in [*WORDS, path]:
        assert word in text, word


@pytest.mark.parametrize("width", [60, 80, 110])
def test_on_a_terminal_a_wide_table_comes_in_parts_that_fit(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    at(monkeypatch, width)
    text = table("Title", [ROW])
    assert max(map(cell_len, text.splitlines())) <= width
    parts = text.split("─\n")[1:]
    assert len(parts) > 1 and all(part.strip().startswith("lfw") for part in parts)


def test_without_a_terminal_a_table_is_as_wide_as_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, None)
    lines = table("Title", [ROW, ROW | {"set": "山田　太郎"}]).splitlines()
    assert sum("99.80" in line for line in lines) == 2 and len(lines) == 7


def test_words_of_long_texts_go_to_the_next_line(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 50)
    text = table("Title", [{"what": "note", "value": "many words that do not fit into one line of a narrow terminal"}])
    assert max(map(len, text.splitlines())) <= 50 and "terminal" in text


def test_names_are_shown_as_they_are_and_cannot_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, None)
    text = table("[red]T\n", [{"[b]": "[red]x[/]", "b": "two\nlines", "c": "\x1b[2J", "d": "caf\udce9", "e": None}])
    for shown in ("[red]T\\n", "[b]", "[red]x[/]", "two\\nlines", "\\x1b[2J", "caf\\xe9"):
        assert shown in text
    text.encode("utf-8")


def test_nothing_to_show() -> None:
    assert table("Title", []).strip() == "Title"
