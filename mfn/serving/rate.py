"""How often somebody may ask."""

import time
from collections.abc import Callable, Hashable

_MOST_KEPT = 10_000
"""Askers that are remembered before those who have not asked for long are forgotten."""


class RateLimit:
    """A bucket for each asker: full at first, a request takes one out, and it fills up again over time.

    Args:
        per_minute: Requests in a minute, at once or spread.
        clock: Tells seconds.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size, self._clock = float(per_minute), clock
        self._buckets: dict[Hashable, tuple[float, float]] = {}

    def wait(self, asker: Hashable) -> float:
        """Takes one out for a request; where there is none, seconds until there is one. 0 lets the request pass."""
        now = self._clock()
        left = self._left(asker, now)
        if left < 1:
            return (1 - left) * 60 / self._size
        if len(self._buckets) >= _MOST_KEPT:
            self._buckets = {one: kept for one, kept in self._buckets.items() if self._left(one, now) < self._size}
        self._buckets[asker] = left - 1, now
        return 0.0

    def _left(self, asker: Hashable, now: float) -> float:
        left, then = self._buckets.get(asker, (self._size, now))
        return min(self._size, left + (now - then) * self._size / 60)
