import io

from rich.console import Console

from mfn.prepare.executors import Done
from mfn.prepare.progress import tracked

DONE = [Done(0, 30, 0, ""), Done(1, 20, 0, "")]


def test_a_terminal_gets_a_bar_with_the_rate() -> None:
    text = io.StringIO()
    assert list(tracked(DONE, 60, 10, Console(file=text, force_terminal=True, width=100))) == DONE
    assert "60/60" in text.getvalue() and "photos/s" in text.getvalue()


def test_elsewhere_nothing_is_drawn() -> None:
    text = io.StringIO()
    assert list(tracked(DONE, 60, 10, Console(file=text))) == DONE
    assert text.getvalue() == ""
