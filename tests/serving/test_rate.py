import pytest

from mfn.serving import rate
from mfn.serving.rate import RateLimit


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_so_many_a_minute_at_once_or_spread() -> None:
    clock = Clock()
    limit = RateLimit(6, clock)
    assert [limit.wait("a") for _ in range(6)] == [0] * 6
    assert limit.wait("a") == pytest.approx(10)
    assert limit.wait("b") == 0
    clock.now = 9.9
    assert limit.wait("a") == pytest.approx(0.1)
    clock.now = 10.01
    assert limit.wait("a") == 0
    assert limit.wait("a") > 0
    clock.now = 10_000
    assert [limit.wait("a") for _ in range(7)] == [*[0] * 6, pytest.approx(10)]


def test_askers_of_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "_MOST_KEPT", 10)
    clock = Clock()
    limit = RateLimit(2, clock)
    for number in range(100):
        clock.now = number * 61
        limit.wait(number)
    assert len(limit._buckets) <= 11
    clock.now += 1
    limit.wait(99)
    assert limit.wait(99) > 0  # who asks now is still counted
