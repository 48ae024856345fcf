"""What there is to tell about a file or folder, and telling it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfn.report.histogram import histogram_text
from mfn.sources.source import ImageSource


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found.

    Attributes:
        path: That was looked at.
        kind: What it is.
        facts: To tell, in order.
        problems: What is wrong with it, a sentence each.
        images_per_identity: int64 (C,), empty where there are no identities.
        images: The faces in it, None for networks.
        captions: One for each of `images`, or none at all.
    """

    path: str
    kind: str
    facts: Mapping[str, object]
    problems: Sequence[str] = ()
    images_per_identity: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    images: ImageSource | None = None
    captions: Sequence[str] = ()

    def text(self) -> str:
        """All of it for a terminal."""
        width = max(map(len, self.facts), default=0)
        lines = [f"{self.path}: {self.kind}", ""]
        lines += [f"  {key:{width}}  {_shown(value)}" for key, value in self.facts.items()]
        if self.images_per_identity.size:
            lines += ["", "  images per identity", histogram_text(self.images_per_identity)]
        lines += ["", *(f"  problem: {problem}" for problem in self.problems)] if self.problems else []
        # A stranger's file must not talk to the terminal
        return "".join(sign if sign == "\n" or sign.isprintable() else "?" for sign in "\n".join(lines))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "path": self.path,
            "kind": self.kind,
            "facts": dict(self.facts),
            "problems": list(self.problems),
            "images_per_identity": self.images_per_identity.tolist(),
        }


def megabytes(path: Path) -> str:
    """The size of a file, or of the files in a folder."""
    files = path.iterdir() if path.is_dir() else [path]
    return f"{sum(file.stat().st_size for file in files) / 1e6:,.2f} MB"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
