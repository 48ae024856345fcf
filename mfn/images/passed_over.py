"""What a source of faces found and did not take: counted, with examples, however much it is."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mfn.files.atomic import replacing
from mfn.text import printable

_MOST = 10_000
"""Examples kept for each reason; all are counted."""
_SHOWN = 3


class PassedOver:
    """Names by the reason why they were passed over.

    Iterated, it gives (name, reason) of the examples, up to 10,000 for each reason.

    Attributes:
        counts: How many for each reason.
    """

    def __init__(self) -> None:
        self.counts = Counter[str]()
        self._examples: dict[str, list[str]] = {}

    def add(self, name: str, reason: str, count: int = 1) -> None:
        """Counts something.

        Args:
            name: Of it, or of one of them.
            reason: A phrase in the plural that says what it is, such as "hidden files".
            count: How many.
        """
        self.counts[reason] += count
        examples = self._examples.setdefault(reason, [])
        if len(examples) < _MOST:
            examples.append(name)

    def merge(self, other: "PassedOver") -> None:
        """Counts what another one has counted."""
        self.counts.update(other.counts)
        for name, reason in other:
            examples = self._examples.setdefault(reason, [])
            if len(examples) < _MOST:
                examples.append(name)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((name, reason) for reason, names in self._examples.items() for name in names)

    def rows(self, before: str = "") -> dict[str, str]:
        """For each reason, with words before it, how many and which, for a table."""
        return {before + reason: f"{number:,}: {self._shown(reason)}" for reason, number in self.counts.most_common()}

    def sentence(self) -> str:
        """All of it in one line, "" where there is nothing."""
        parts = (f"{reason}: {number:,} ({self._shown(reason)})" for reason, number in self.counts.most_common())
        return "; ".join(parts)

    def write(self, path: Path) -> None:
        """Writes name and reason of the examples as CSV; where there is nothing, no file is made."""
        if not self.counts:
            return
        with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["name", "reason"])
            writer.writerows((printable(name), reason) for name, reason in self)

    def _shown(self, reason: str) -> str:
        names = self._examples[reason][:_SHOWN]
        return ", ".join(map(printable, names)) + (", ..." if self.counts[reason] > len(names) else "")
