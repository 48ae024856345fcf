from pathlib import Path

import numpy as np
import pytest

from mfn.contract import InputContract
from mfn.errors import ConfigError
from mfn.metrics.bcubed import bcubed
from mfn.recognition.clustering import grouped, threshold_of_groups
from tests.recognition.made_people import CONTRACT

THRESHOLD = 0.5


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def people(counts: list[int], noise: float = 0.5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of people with so many faces each, and who it is."""
    draw = np.random.default_rng(seed)
    centres = unit(draw.normal(size=(len(counts), 64)))
    who = np.repeat(np.arange(len(counts)), counts)
    return unit(centres[who] + noise * unit(draw.normal(size=(len(who), 64)))), who


def own_photos(count: int) -> list[str]:
    return [f"{number}.jpg" for number in range(count)]


def slow_reference(embeddings: np.ndarray, photos: list[str], threshold: float) -> list[frozenset[int]]:
    """The same by its definition: all pairs of groups, again and again."""
    groups = [[row] for row in range(len(photos))]
    while True:
        best, pair = threshold, None
        for one in range(len(groups)):
            for two in range(one):
                if {photos[row] for row in groups[one]} & {photos[row] for row in groups[two]}:
                    continue
                means = [embeddings[groups[each]].astype(np.float64).sum(0) for each in (one, two)]
                alike = means[0] @ means[1] / np.linalg.norm(means[0]) / np.linalg.norm(means[1])
                if alike >= best:
                    best, pair = alike, (one, two)
        if pair is None:
            return sorted(map(frozenset, groups), key=min)
        one, two = pair
        groups[two] += groups.pop(one)


def as_sets(found: np.ndarray) -> list[frozenset[int]]:
    return sorted((frozenset(np.flatnonzero(found == number).tolist()) for number in set(found.tolist())), key=min)


@pytest.mark.parametrize("faces_a_photo", [1, 2, 5])
@pytest.mark.parametrize("noise", [0.5, 0.9, 1.3])
def test_it_is_centroid_linkage_under_the_rule_of_one_photo(noise: float, faces_a_photo: int) -> None:
    embeddings, _ = people([1, 1, 2, 3, 5, 8, 12], noise, seed=3)
    photos = [f"{number // faces_a_photo}" for number in np.random.default_rng(4).permutation(len(embeddings)).tolist()]
    found = grouped(embeddings, photos, 0.4)
    assert as_sets(found) == slow_reference(embeddings, photos, 0.4)


def test_people_come_apart_and_the_largest_group_is_first() -> None:
    embeddings, who = people([2, 30, 1, 7])
    found = grouped(embeddings, own_photos(len(who)), THRESHOLD)
    assert bcubed(found, who) == (1.0, 1.0)
    assert np.bincount(found).tolist() == [30, 7, 2, 1]


def test_two_faces_of_one_photo_are_two_people_however_alike() -> None:
    embeddings, _ = people([40], noise=0.1)
    photos = [f"{number // 4}" for number in range(40)]
    found = grouped(embeddings, photos, THRESHOLD)
    for photo in set(photos):
        rows = [row for row, name in enumerate(photos) if name == photo]
        assert len(set(found[rows].tolist())) == 4
    held = [{name for name, number in zip(photos, found, strict=True) if number == group} for group in set(found)]
    assert all(one & two for one in held for two in held)  # it went on until the rule alone kept them apart


def test_twins_on_every_photo_stay_two_groups() -> None:
    embeddings, _ = people([10], noise=0.3)
    twins = np.concatenate([embeddings, embeddings])
    found = grouped(twins, [*own_photos(10), *own_photos(10)], THRESHOLD)
    assert np.bincount(found).tolist() == [10, 10]


@pytest.mark.parametrize("noise", [0.5, 1.1])
def test_the_order_of_the_faces_does_not_matter(noise: float) -> None:
    embeddings, _ = people([1, 2, 3, 20, 20], noise)
    photos = [f"{number % 30}" for number in range(len(embeddings))]
    expected = grouped(embeddings, photos, THRESHOLD)
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(len(embeddings))
        assert (
            grouped(embeddings[order], [photos[row] for row in order], THRESHOLD).tolist() == expected[order].tolist()
        )


def test_copies_of_a_photo_of_many() -> None:
    embeddings, who = people([1, 1, 1, 1])
    found = grouped(np.concatenate([embeddings] * 3), [name for name in "abc" for _ in range(4)], THRESHOLD)
    assert bcubed(found, np.tile(who, 3)) == (1.0, 1.0)


def test_the_least_there_can_be() -> None:
    nothing, one = np.zeros((0, 8), np.float32), unit(np.ones((1, 8)))
    assert grouped(nothing, [], THRESHOLD).tolist() == []
    assert grouped(one, ["a"], THRESHOLD).tolist() == [0]
    assert grouped(np.repeat(one, 2, 0), ["a", "a"], -1.0).tolist() == [0, 1]
    assert grouped(np.repeat(one, 2, 0), ["a", "b"], THRESHOLD).tolist() == [0, 0]


def test_a_threshold_below_all_cosines_and_one_above() -> None:
    embeddings, _ = people([3, 3, 3])
    assert set(grouped(embeddings, own_photos(9), -1.0).tolist()) == {0}
    assert len(set(grouped(embeddings, own_photos(9), 1.01).tolist())) == 9


def test_all_faces_are_told() -> None:
    embeddings, _ = people([3] * 200)
    told: list[int] = []
    grouped(embeddings, own_photos(600), THRESHOLD, told.append)
    assert sum(told) == 600 and len(told) > 1


@pytest.mark.slow
def test_many_faces_need_no_table_of_all_pairs() -> None:
    import tracemalloc

    embeddings, who = people([1500, *[3] * 1200], noise=0.8)
    tracemalloc.start()
    found = grouped(embeddings, own_photos(len(who)), THRESHOLD)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < len(who) ** 2 * 4 / 2  # half of a table of float32
    assert bcubed(found, who).f > 0.99


def test_more_faces_need_a_higher_threshold() -> None:
    few, many = (threshold_of_groups(CONTRACT, count, flip="none") for count in (10, 10_000))
    assert few.cosine < many.cosine and few.fmr is not None and many.fmr is not None and few.fmr > many.fmr > 0
    assert "10,000" in many.sentence()
    assert threshold_of_groups(CONTRACT, 10, flip="none", threshold=0.3).cosine == 0.3
    assert few.fmr == 1e-4 and threshold_of_groups(CONTRACT, 0, flip="none").cosine == few.cosine
    assert threshold_of_groups(CONTRACT, 10, flip="none", fpir=0.5).cosine < few.cosine


def test_a_network_that_was_never_measured() -> None:
    stored = InputContract(threshold=0.36, threshold_flip="none")
    found = threshold_of_groups(stored, 500, flip="none")
    assert found.cosine == 0.36 and "500" in found.warning
    for options in ({"fpir": 0.1}, {"threshold": 2.0}, {"threshold": 0.3, "fpir": 0.1}):
        with pytest.raises(ConfigError):
            threshold_of_groups(stored, 5, flip="none", **options)
    with pytest.raises(ConfigError, match="mfn evaluate"):
        threshold_of_groups(InputContract(), 5, flip="none")


def test_bcubed_of_a_worked_example() -> None:
    # Bagga and Baldwin's: 12 things in groups of 5, 2 and 5, the last two taken for one
    people, groups = [0] * 5 + [1] * 2 + [2] * 5, [0] * 5 + [1] * 7
    assert bcubed(groups, people).precision == pytest.approx((5 + 2 * 2 / 7 + 5 * 5 / 7) / 12)
    assert bcubed(groups, people).recall == 1.0
    assert bcubed([-1, -1, 4], ["a", "a", "b"]) == (1.0, pytest.approx(2 / 3))
    assert bcubed([0], ["x"]).f == 1.0
    with pytest.raises(ValueError):
        bcubed([], [])


@pytest.mark.slow
def test_real_photos(shared: Path) -> None:
    from mfn.align.yunet import YuNetDetector
    from mfn.inference.embedder import FaceEmbedder
    from mfn.recognition.album import by_person, look_through
    from mfn.recognition.pipeline import FacePipeline

    root = shared / "data" / "wild" / "photos"
    embedder = FaceEmbedder.load(shared / "weights" / "y1.npz")
    detector = YuNetDetector(shared / "weights" / "face_detection_yunet_2023mar.onnx")
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.jpg"))
    album = look_through(FacePipeline(detector, embedder, flip="sum"), root, names, aligned=False)
    grouping = by_person(album, 0.393)
    group_of = np.full(len(album.faces), -1)
    for group in grouping.groups:
        group_of[group.faces] = group.number
    found = bcubed(group_of, [face.photo.split("/")[0] for face in album.faces])
    assert found.precision > 0.98 and found.recall > 0.93


def test_scores_of_another_flip_say_nothing_of_groups() -> None:
    """Where the network was measured with another flip, its pair threshold is taken and told to be one."""
    found = threshold_of_groups(CONTRACT, 100, flip="sum")
    assert found.cosine == CONTRACT.threshold and "flip=none" in found.warning
    assert threshold_of_groups(CONTRACT, 100, flip="none").fmr is not None
