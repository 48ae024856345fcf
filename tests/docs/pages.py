"""Blocks of the documentation, with the mark that says how each is tested.

A mark is a comment right before a block: ``<!-- file: PATH -->`` (what a command after it needs), ``test: run``,
``long`` (too long to be run here; it must compose), ``skip REASON``. Blocks without one are commands that must compose,
Python that must compile, or YAML that must parse.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("[CS]*.md"))]
_BLOCK = re.compile(r"(?:<!-- (?P<mark>[^>]+) -->\n)?```(?P<language>[\w{}-]*)\n(?P<text>.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: str
    number: int
    mark: str
    language: str
    text: str

    @property
    def id(self) -> str:
        return f"{self.page}-{self.number}"

    @property
    def commands(self) -> Iterator[str]:
        """Lines of a shell, joined where they go on, without comments."""
        if self.language in ("", "bash"):
            for line in self.text.replace("\\\n", " ").splitlines():
                if line.startswith(("python ", "mfn ")):
                    yield line


def blocks() -> list[Block]:
    """All blocks of all pages."""
    return [
        Block(page.stem, number, (found["mark"] or "").strip(), found["language"], found["text"])
        for page in PAGES
        for number, found in enumerate(_BLOCK.finditer(page.read_text(encoding="utf-8")))
    ]
