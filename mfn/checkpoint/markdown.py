"""Markdown and YAML of values that come from strangers: a name is shown as it is written and starts nothing."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from mfn.text import printable

_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~!&@$^])")
_ADDRESSES = re.compile(r"(?i)\b(https?|ftp|mailto|www)([:.])")
_LONGEST = 500


def plain(value: object) -> str:
    """A value on one line in which nothing is a mark, a link, a mention or HTML."""
    text = printable(str(value))
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    text = _ADDRESSES.sub(r"\1\\\2", _MARKS.sub(r"\\\1", text))
    return re.sub(r"^(\d*)([-+=]|(?<=\d)[.)](?=\s))", r"\1\\\2", text.strip())


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows with the columns of all of them; "" where there is none."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        return ""
    lines = [names, ["---"] * len(names), *([row.get(name, "") for name in names] for row in rows)]
    cells = [[cell if number == 1 else plain(cell) for cell in line] for number, line in enumerate(lines)]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in cells)


def facts(values: Mapping[str, object]) -> str:
    """Names with values, as a table without a header."""
    lines = "".join(f"| {plain(name)} | {plain(value)} |\n" for name, value in values.items())
    return f"| | |\n|---|---|\n{lines}" if lines else ""


def bullets(sentences: Iterable[str]) -> str:
    """Sentences as a list."""
    return "".join(f"- {plain(sentence)}\n" for sentence in sentences)


def code(text: str, language: str = "") -> str:
    """A block of code that no text in it can end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    body = "\n".join(printable(line) for line in text.split("\n"))
    return f"{fence}{language}\n{body.rstrip()}\n{fence}\n"


def front_matter(values: Mapping[str, Any]) -> str:
    """Values as YAML between two lines of dashes, as the Hugging Face hub reads them."""
    text = yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{text}---\n"
