"""Who a track shows: its best faces, what they come to, and a name that does not flicker."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mfn.recognition.gallery import Match
from mfn.recognition.naming import name_of


@dataclass(frozen=True, eq=False, slots=True)
class Sample:
    """One face of a track.

    Attributes:
        seconds: When it was seen.
        quality: `mfn.recognition.quality.Quality.overall`, 0 to 1.
        embedding: float32 (D,), of unit length.
    """

    seconds: float
    quality: float
    embedding: NDArray[np.float32]


@dataclass(eq=False, slots=True)
class BestFaces:
    """The best faces of a track, a bounded number.

    Frames that follow one another show nearly the same, so that of each moment only one is kept. One takes another's
    place only when it is clearly better: how many are embedded is bounded too, however long the track is.

    Attributes:
        most: How many are kept.
        apart: Seconds between two that are kept.
        better: Factor by which the quality of one must be higher than that of the one whose place it takes.
        samples: Those kept.
    """

    most: int = 5
    apart: float = 0.2
    better: float = 1.15
    samples: list[Sample] = field(default_factory=list)

    def wants(self, seconds: float, quality: float) -> bool:
        """Whether a face of that quality would be kept."""
        rivals = self._rivals(seconds)
        return not rivals or all(quality > self.better * each.quality for each in rivals)

    def keep(self, sample: Sample) -> None:
        """Takes a face that is wanted."""
        rivals = self._rivals(sample.seconds)
        self.samples = [each for each in self.samples if each not in rivals] + [sample]

    def mean(self) -> NDArray[np.float32]:
        """The mean of the embeddings, weighted by quality, float32 (D,), of unit length."""
        weights = np.array([max(sample.quality, 1e-6) for sample in self.samples])
        mean = weights @ np.stack([sample.embedding for sample in self.samples]).astype(np.float64)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)

    def _rivals(self, seconds: float) -> list[Sample]:
        """Those whose place one of that moment would take: all of about the same moment, else the worst of too many."""
        near = [sample for sample in self.samples if abs(sample.seconds - seconds) < self.apart]
        if near or len(self.samples) < self.most:
            return near
        return [min(self.samples, key=lambda sample: sample.quality)]


@dataclass(slots=True)
class StickyName:
    """The name that is shown for a track while it is watched.

    Scores of one face move from frame to frame. Once given, a name is taken back only when its score has fallen clearly
    below the threshold, and given to somebody else only when that one's score is clearly higher.

    Attributes:
        threshold: The cosine from which on a face is somebody's.
        clearly: By how much a cosine is clearly higher.
        name: Whom it shows; None while nobody is known.
        score: That one's cosine in the last decision; of an unknown face the highest of anybody; None before any.
        changes: How often a name was taken back or changed.
    """

    threshold: float
    clearly: float = 0.08
    name: str | None = None
    score: float | None = None
    changes: int = 0

    def decide(self, matches: Sequence[Match]) -> None:
        """Takes in a decision.

        Args:
            matches: Of the gallery, best first.
        """
        best = name_of(matches, self.threshold)
        chosen, score = best.name if best.is_known else None, best.score
        if self.name is None:
            self.name = chosen
        elif chosen != self.name:
            least = matches[-1].score if matches else -1.0  # all that are better were told
            own = next((match.score for match in matches if match.name == self.name), least)
            if chosen is not None and score is not None and score >= own + self.clearly:
                self.name, self.changes = chosen, self.changes + 1
            elif own < self.threshold - self.clearly:
                self.name, self.changes = None, self.changes + 1
            else:
                score = own
        self.score = score
