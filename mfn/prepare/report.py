"""What a run did, for people and for programs."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfn.errors import DataError, first_line
from mfn.files.atomic import replacing
from mfn.prepare.align_step import BROKEN, DEGENERATE, NO_FACE, SEVERAL
from mfn.prepare.manifest import Manifest
from mfn.report.histogram import draw_histogram

_NO_CROP = [BROKEN, NO_FACE, SEVERAL, DEGENERATE]


@dataclass(frozen=True, slots=True)
class Report:
    """One run in numbers.

    Attributes:
        images: In the source.
        identities: In the source.
        aligned: Images that became a crop.
        dropped: Images by the reason for which they were dropped.
        kept: Images in the output.
        kept_identities: People in the output.
        copies: Virtual copies in the output.
        splits: Images and identities of each split.
        pack_hash: SHA-256 over the files of the output.
        worked_on: Photos that this run looked at; fewer than `images` where it went on with an earlier one.
        photos_per_second: Rate of the work on these.
        seconds: Of this run from start to end.
        passed_over: What there is in the source and was not taken for images, by the reason why.
        second_tries: Images whose face a second try found, by its name.
    """

    images: int
    identities: int
    aligned: int
    dropped: dict[str, int]
    kept: int
    kept_identities: int
    copies: int
    splits: dict[str, dict[str, int]]
    pack_hash: str
    worked_on: int
    photos_per_second: float
    seconds: float
    passed_over: dict[str, int] = field(default_factory=dict)
    second_tries: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        manifest: Manifest,
        passed_over: Mapping[str, int],
        pack_hash: str,
        worked_on: int,
        work_seconds: float,
        seconds: float,
    ) -> "Report":
        """Counts a manifest after the last step."""
        images = manifest.take(manifest.variant == "")
        kept = images.take(images.kept())
        return cls(
            images=len(images),
            identities=np.unique(images.identity).size,
            aligned=int(np.count_nonzero(~np.isin(images.reason, _NO_CROP))),
            dropped=dict(images.reasons()),
            kept=len(kept),
            kept_identities=np.unique(kept.identity).size,
            copies=int(np.count_nonzero(manifest.kept() & (manifest.variant != ""))),
            splits={
                split: {
                    "images": int(np.count_nonzero(kept.split == split)),
                    "identities": np.unique(kept.identity[kept.split == split]).size,
                }
                for split in np.unique(kept.split).tolist()
                if split
            },
            pack_hash=pack_hash,
            worked_on=worked_on,
            photos_per_second=worked_on / work_seconds if work_seconds > 0 else 0.0,
            seconds=seconds,
            passed_over=dict(passed_over),
            second_tries=dict(Counter(images.found_by[images.found_by != ""].tolist()).most_common()),
        )

    def rows(self) -> list[dict[str, object]]:
        """A table: what, and how many."""
        counts: dict[str, object] = {
            "images in": f"{self.images} of {self.identities} identities",
            **{f"passed over: {reason}": count for reason, count in self.passed_over.items()},
            "aligned": self.aligned,
            **{f"found by second try: {name}": count for name, count in self.second_tries.items()},
            **{f"- {reason}": count for reason, count in self.dropped.items()},
            "kept": f"{self.kept} of {self.kept_identities} identities",
            "virtual copies": self.copies,
            **{f"in {name}": f"{n['images']} of {n['identities']} identities" for name, n in self.splits.items()},
            "photos/s": f"{self.photos_per_second:.1f} over {self.worked_on} photos"
            if self.worked_on
            else "done before",
            "seconds": f"{self.seconds:.1f}",
            "pack hash": self.pack_hash,
        }
        return [{"what": what, "value": str(value)} for what, value in counts.items()]

    def write(self, path: Path) -> None:
        """Writes it as JSON."""
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(asdict(self), indent=2), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Report":
        """Reads what `write` wrote.

        Raises:
            DataError: It is missing or damaged.
        """
        known = {field.name for field in fields(cls)}
        try:
            plain: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{key: value for key, value in plain.items() if key in known})
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise DataError(f"{path} cannot be read ({first_line(error)}): choose another output") from None


def images_per_identity(manifest: Manifest) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many images each identity of the source has, before and after, copies included; int64 (I,) each."""
    names, identity = np.unique(manifest.identity, return_inverse=True)
    before = np.bincount(identity[manifest.variant == ""], minlength=names.size)
    after = np.bincount(identity[manifest.kept()], minlength=names.size)
    return before, after


def histogram(manifest: Manifest, path: Path) -> None:
    """Draws the images per identity before and after, as a PNG."""
    before, after = images_per_identity(manifest)
    draw_histogram({"before": before[before > 0], "after, with copies": after[after > 0]}, path)
