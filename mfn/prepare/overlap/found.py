"""What was found of a benchmark in a training set, as a record that stays beside the set."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfn.about import mfn_version
from mfn.prepare.overlap.near_copies import NearCopies
from mfn.prepare.overlap.people import AlikePeople, Centres
from mfn.prepare.overlap.sides import Side

RECORD = "overlap.json"


@dataclass(frozen=True)
class PeopleFound:
    """People of the benchmark who look like people of the training set.

    Attributes:
        training: The mean face of each person of the training set.
        benchmark: The same of the benchmark.
        alike: Rows of both.
        threshold: Cosine of two mean faces from which they count as one person.
        source: Where that is from, in words.
        model: Name of the network's file, and its fingerprint.
    """

    training: Centres
    benchmark: Centres
    alike: AlikePeople
    threshold: float
    source: str
    model: tuple[str, str]


@dataclass(frozen=True)
class Overlap:
    """All that was found.

    Attributes:
        training: The training set.
        benchmark: The benchmark.
        copies: Near copies of images.
        bits: In how many bits hashes could differ.
        likeness: How alike pixels had to be.
        people: None where no network was there to look for them.
        unreadable: Images of either set that cannot be decoded, by its name.
    """

    training: Side
    benchmark: Side
    copies: NearCopies
    bits: int
    likeness: float
    people: PeopleFound | None
    unreadable: Mapping[str, int]

    @property
    def shared_people(self) -> NDArray[np.int64]:
        """Labels of the training set's people who are in the benchmark: alike by face, or a near copy is theirs."""
        of_copies = self.training.people[self.copies.rows]
        if self.people is None:
            return np.unique(of_copies)
        return np.union1d(of_copies, self.people.training.people[self.people.alike.pairs[:, 0]])

    @property
    def kept(self) -> NDArray[np.int64]:
        """Positions of the training set's images of people who are not in the benchmark, rising."""
        return np.flatnonzero(~np.isin(self.training.people, self.shared_people))

    def record(self, filtered: int | None = None) -> dict[str, Any]:
        """Plain values for ``overlap.json``.

        Args:
            filtered: Images that a training set without these people holds, where one was written.
        """
        people = self.people
        return {
            "benchmark": self.benchmark.name,
            "benchmark_images": len(self.benchmark.source),
            "benchmark_people": self.benchmark.people_count,
            "training": self.training.name,
            "training_images": len(self.training.source),
            "training_people": self.training.people_count,
            "copies": {
                "training_images": int(self.copies.rows.size),
                "benchmark_images": int(np.unique(self.copies.images).size),
                "most_bits": self.bits,
                "least_likeness": self.likeness,
            },
            "people": None
            if people is None
            else {
                "training_people": int(np.unique(people.alike.pairs[:, 0]).size),
                "benchmark_people": int(np.unique(people.alike.pairs[:, 1]).size),
                "threshold": round(people.threshold, 6),
                "threshold_source": people.source,
                "model": people.model[0],
                "model_fingerprint": people.model[1],
            },
            "shared_training_people": int(self.shared_people.size),
            "filtered_images": filtered,
            "unreadable": dict(self.unreadable),
            "notes": [*self.benchmark.notes],
            "written": datetime.now().astimezone().isoformat(timespec="seconds"),
            "mfn": mfn_version(),
        }
