import pytest

from mfn.text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zoë 山田　太郎 $<b>", "Zoë 山田　太郎 $<b>"),
        ("caf\udce9.jpg", "caf\\xe9.jpg"),
        ("two\nlines\t\r", "two\\nlines\\t\\r"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("exe\u202egpj", "exe\\u202egpj"),
        ("\ud800", "\\ud800"),
        ("", ""),
    ],
)
def test_names_are_shown_on_one_line_that_can_be_written_anywhere(text: str, shown: str) -> None:
    assert printable(text) == shown
    shown.encode("utf-8")
