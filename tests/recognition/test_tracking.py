"""Tracks: who is who while faces move, cross, hide and come back; the faces kept of each, and names that stay."""

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest

from mfn.align.face import Face
from mfn.recognition.gallery import Match
from mfn.recognition.track_faces import BestFaces, Sample, StickyName
from mfn.recognition.tracking import Tracker, alikeness, assign, overlap


def face(x: float, y: float, side: float = 50.0) -> Face:
    return Face(np.array([x, y, side, side], np.float32), np.zeros((5, 2), np.float32), 0.9)


def tracks_of(tracker: Tracker, seconds: float, *faces: Face) -> list[int]:
    """The track that each face got."""
    tracker.advance(seconds)
    tracker.update(faces)
    return [next((t.number for t in tracker.tracks if t.face is each), 0) for each in faces]


TIMES = {
    "25 a second": np.arange(0, 4, 1 / 25),
    "5 a second": np.arange(0, 4, 1 / 5),
    "uneven": np.cumsum(np.random.default_rng(3).choice([0.01, 0.04, 0.15], 60)),
}


@pytest.mark.parametrize("side", [12.0, 50.0, 400.0])
@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
def test_two_who_cross_stay_who_they_are(times: np.ndarray, side: float) -> None:
    tracker, rng, seen = Tracker(), np.random.default_rng(0), defaultdict(set)
    for seconds in times:
        one = face(*(rng.normal((2 * side * seconds, 0), 0.03 * side)), side)
        two = face(*(rng.normal((8 * side - 2 * side * seconds, 0.3 * side), 0.03 * side)), side)
        is_hidden = overlap([one.box], [two.box])[0, 0] > 0.15
        for who, number in zip("ab", tracks_of(tracker, seconds, *([one] if is_hidden else [one, two])), strict=False):
            seen[who].add(number)
    assert seen == {"a": {1}, "b": {2}}
    assert all(track.is_doubtful for track in tracker.tracks)  # they were upon one another


@pytest.mark.parametrize(("away", "number"), [(0.5, 1), (0.99, 1), (1.2, 2), (500.0, 2)])
def test_who_comes_back_later_is_a_new_track(away: float, number: int) -> None:
    tracker = Tracker(forget=1.0)
    for seconds in (0.0, 0.1, 0.2):
        assert tracks_of(tracker, seconds, face(100, 100)) == [1]
    assert tracks_of(tracker, 0.2 + away, face(100, 100)) == [number]
    (track,) = tracker.tracks
    assert track.is_doubtful == (number == 1)  # somebody else may stand there by now


def test_what_ends_is_told_once_with_its_times() -> None:
    tracker = Tracker(forget=0.5)
    tracks_of(tracker, 0.0, face(0, 0))
    tracks_of(tracker, 0.4, face(2, 0), face(200, 0))
    assert not tracker.advance(0.8)
    ended = tracker.advance(1.0)
    assert [(track.number, track.first, track.last, track.found) for track in ended] == [
        (1, 0.0, 0.4, 2),
        (2, 0.4, 0.4, 1),
    ]
    assert not tracker.tracks and not tracker.advance(2.0)


def test_boxes_move_on_while_nobody_looks() -> None:
    tracker = Tracker()
    for number in range(10):
        tracks_of(tracker, number / 10, face(100 * number / 10, 50))
    for later in (0.95, 1.0, 1.1):
        tracker.advance(later)
        assert tracker.tracks[0].box == pytest.approx([100 * later, 50, 50, 50], abs=3)


def test_a_face_found_twice_is_one_and_none_is_none() -> None:
    tracker = Tracker()
    assert tracks_of(tracker, 0.0) == []
    assert tracks_of(tracker, 0.1, face(10, 10)) == [1]
    assert tracks_of(tracker, 0.2, face(10, 10), face(13, 12)) == [1, 0]
    assert tracks_of(tracker, 0.3) == []
    assert len(tracker.tracks) == 1 and not tracker.tracks[0].is_crowded


@pytest.mark.parametrize("people", [1, 2, 60])
def test_a_crowd_that_walks_keeps_its_numbers(people: int) -> None:
    tracker = Tracker()
    for step in range(20):
        faces = [face(80 * (n % 10) + 3 * step, 80 * (n // 10) + step) for n in range(people)]
        assert tracks_of(tracker, step / 25, *faces) == list(range(1, people + 1))


def test_split_goes_on_under_a_new_number() -> None:
    tracker = Tracker()
    tracks_of(tracker, 0.0, face(10, 10))
    tracks_of(tracker, 0.1, face(12, 10))
    for later in (0.9, 1.0):  # it was unseen, and somebody else stands there
        tracks_of(tracker, later, face(12, 10))
    old = tracker.tracks[0]
    new = tracker.split(old)
    assert (old.last, old.found) == (0.1, 2)
    assert (new.number, new.first, new.found) == (2, 1.0, 1)
    assert tracks_of(tracker, 1.1, face(14, 10)) == [2]


def test_pairs_are_the_most_alike_first_and_each_once() -> None:
    alike = np.array([[0.9, 0.8, -1], [0.85, 0.1, -1], [-0.5, -0.5, -0.5]])
    assert assign(alike) == {0: 0, 1: 1}
    assert assign(np.empty((0, 3))) == assign(np.empty((3, 0))) == {}


def test_alikeness_of_boxes() -> None:
    box = np.array([0.0, 0, 10, 10])
    half, beside, far = (np.array([x, 0.0, 10, 10]) for x in (5.0, 10.0, 100.0))
    assert overlap([box], [box, half, far])[0] == pytest.approx([1, 1 / 3, 0])
    assert alikeness([box], [box])[0, 0] == pytest.approx(1)
    assert -1 < alikeness([box], [far])[0, 0] < alikeness([box], [beside])[0, 0] == pytest.approx(-0.2)


def sample(seconds: float, quality: float, *vector: float) -> Sample:
    return Sample(seconds, quality, np.array(vector or (1.0, 0.0), np.float32))


@pytest.mark.parametrize("most", [1, 5])
def test_of_a_long_track_few_faces_are_embedded_and_the_best_are_kept(most: int) -> None:
    best, rng, taken = BestFaces(most), np.random.default_rng(0), 0
    qualities = rng.beta(2, 5, 20_000)
    for number, quality in enumerate(qualities):
        if best.wants(number / 25, quality):
            best.keep(sample(number / 25, quality))
            taken += 1
    assert len(best.samples) == most and taken < 25 * most
    worst = min(each.quality for each in best.samples)
    assert worst * best.better**2 > np.sort(qualities)[-most]
    moments = sorted(each.seconds for each in best.samples)
    assert np.diff(moments).min(initial=1.0) >= best.apart


def test_better_faces_count_more() -> None:
    best = BestFaces()
    best.keep(sample(0.0, 0.9, 1, 0))
    best.keep(sample(1.0, 0.1, 0, 1))
    assert best.mean() == pytest.approx(np.array([0.9, 0.1]) / np.hypot(0.9, 0.1))


def named(**scores: float) -> list[Match]:
    return [Match(name, score) for name, score in sorted(scores.items(), key=lambda pair: -pair[1])]


def test_a_name_does_not_flicker_on_noisy_scores() -> None:
    rng, sticky, alone = np.random.default_rng(0), StickyName(0.5), []
    shown = []
    for _ in range(500):
        matches = named(ann=float(rng.normal(0.52, 0.02)), bob=float(rng.normal(0.5, 0.02)))
        alone.append(matches[0].name if matches[0].score >= 0.5 else None)
        sticky.decide(matches)
        shown.append(sticky.name)
    changes = sum(one != two for one, two in pairwise(alone))
    assert changes > 100
    assert sticky.changes == sum(one != two for one, two in pairwise(shown)) == 0


@pytest.mark.parametrize(
    ("then", "name"),
    [
        ({"ann": 0.45, "bob": 0.3}, "ann"),  # a little below the threshold
        ({"ann": 0.41, "bob": 0.3}, None),  # clearly below
        ({"bob": 0.3}, None),  # she is not even among the best
        ({"bob": 0.62, "ann": 0.55}, "ann"),  # a little better
        ({"bob": 0.65, "ann": 0.55}, "bob"),  # clearly better
        ({"bob": 0.55, "cy": 0.3}, "bob"),
        ({}, None),  # she was removed from the gallery, and nobody is left
    ],
)
def test_a_name_changes_only_for_a_clearly_better_decision(then: dict[str, float], name: str | None) -> None:
    sticky = StickyName(0.5)
    sticky.decide(named(ann=0.7, bob=0.2))
    assert (sticky.name, sticky.score) == ("ann", 0.7)
    sticky.decide(named(**then))
    assert sticky.name == name
    assert sticky.score == (then.get(name or "") or max(then.values(), default=None))
    assert sticky.changes == (name != "ann")


@pytest.mark.parametrize("matches", [[], named(ann=0.49)])
def test_below_the_threshold_nobody_is_known(matches: list[Match]) -> None:
    sticky = StickyName(0.5)
    sticky.decide(matches)
    assert sticky.name is None and sticky.changes == 0
    sticky.decide(named(ann=0.5))
    assert sticky.name == "ann" and sticky.changes == 0
