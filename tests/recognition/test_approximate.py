"""The approximate search: its scores are right, its file is noticed to be old, damaged or a stranger's."""

import logging
import stat
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mfn.errors import ConfigError, DataError
from mfn.recognition import approximate
from mfn.recognition.approximate import built, index_file, opened
from mfn.recognition.face_row import FaceRow
from mfn.recognition.gallery import Gallery
from mfn.recognition.search import top_groups
from tests.recognition.made_people import squares
from tests.recognition.test_search import faces

pytest.importorskip("usearch")

DIM = 48
OWNER = np.arange(3000) // 3


@pytest.fixture(scope="module")
def people() -> NDArray[np.float32]:
    return faces(OWNER, DIM)


@pytest.fixture(scope="module")
def whole(people: NDArray[np.float32], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file of these people."""
    path = tmp_path_factory.mktemp("graph") / "g.usearch"
    built(path, people, OWNER)
    return path.read_bytes()


def gallery_of(folder: Path, vectors: NDArray[np.float32], name: str = "g.mfng") -> Gallery:
    gallery = Gallery.open(folder / name, squares(folder))
    gallery.add([row(owner, vector) for owner, vector in zip(OWNER, vectors, strict=False)])
    return gallery


def row(owner: int, vector: NDArray[np.float32]) -> FaceRow:
    return FaceRow(f"person {owner}", vector, {}, "", vector.tobytes()[:16])


@pytest.mark.parametrize("k", [1, 5, 40])
@pytest.mark.parametrize("asked", [1, 30])
def test_nearly_the_exact_people_with_exact_scores(
    people: NDArray[np.float32], whole: bytes, tmp_path: Path, k: int, asked: int
) -> None:
    (tmp_path / "g").write_bytes(whole)
    graph = opened(tmp_path / "g", people, OWNER)
    assert graph is not None
    queries = faces(np.arange(3000) // 3, DIM, seed=9)[::100][:asked] if asked > 1 else people[7:8]
    scores, owners = graph.top_groups(queries, k)
    exact, expected = top_groups(queries, people, OWNER, k)
    assert scores.shape == owners.shape == (asked, k) and scores.dtype == np.float32
    assert np.mean([len(set(a) & set(b)) / k for a, b in zip(owners.tolist(), expected.tolist(), strict=True)]) > 0.9
    assert np.all(np.diff(scores, axis=1) <= 0) and np.all(scores <= exact + 1e-6)
    for query, mine, whose in zip(queries, scores, owners, strict=True):
        best = [(people[owner == OWNER].astype(np.float64) @ query).max() for owner in whose]
        np.testing.assert_allclose(mine, best, atol=2e-2)  # an image of the person may be missed
        assert all(
            np.abs(people[owner == OWNER] @ query - score).min() < 1e-6
            for owner, score in zip(whose, mine, strict=True)
        )


def test_more_people_than_there_are_and_nobody_who_asks(
    people: NDArray[np.float32], whole: bytes, tmp_path: Path
) -> None:
    (tmp_path / "g").write_bytes(whole)
    graph = opened(tmp_path / "g", people, OWNER)
    assert graph is not None
    scores, owners = graph.top_groups(people[:2], 10_000)
    assert scores.shape == (2, 1000) and set(owners[0].tolist()) == set(range(1000))
    assert graph.top_groups(people[:0], 3)[0].shape == (0, 3)


@pytest.mark.parametrize("number", [1, 2, 500])
def test_few_vectors(people: NDArray[np.float32], tmp_path: Path, number: int) -> None:
    graph = built(tmp_path / "g", people[:number], OWNER[:number])
    expected = top_groups(people[:1], people[:number], OWNER[:number], 5)
    np.testing.assert_array_equal(graph.top_groups(people[:1], 5), expected)


def test_one_person_of_most_images_does_not_hide_the_others(people: NDArray[np.float32], tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    crowd = people[:1] + 0.02 * random.normal(size=(1000, DIM)).astype(np.float32)
    vectors = np.concatenate([crowd / np.linalg.norm(crowd, axis=1, keepdims=True), people])
    owner = np.concatenate([np.zeros(1000, np.int64), OWNER + 1])
    graph = built(tmp_path / "g", vectors, owner)
    _, owners = graph.top_groups(vectors[:1], 5)
    assert len(set(owners[0].tolist())) == 5 and owners[0][0] == 0
    assert len(set(owners[0]) & set(top_groups(vectors[:1], vectors, owner, 5)[1][0])) >= 4


def test_the_same_vector_of_many(people: NDArray[np.float32], tmp_path: Path) -> None:
    vectors = np.concatenate([np.repeat(people[:1], 50, axis=0), people[1:]])
    owner = np.arange(len(vectors))
    scores, owners = built(tmp_path / "g", vectors, owner).top_groups(people[:1], 50)
    assert set(owners[0].tolist()) == set(range(50))
    np.testing.assert_allclose(scores, 1, atol=1e-6)


def test_only_its_owner_may_read_the_file(people: NDArray[np.float32], tmp_path: Path) -> None:
    built(tmp_path / "g", people[:10], OWNER[:10])
    assert stat.S_IMODE((tmp_path / "g").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["g"]


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[:8],
        lambda whole: whole[:63],
        lambda whole: whole[:64],
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-1],
        lambda whole: whole + b"more",
        *(lambda whole, place=place: flipped(whole, place) for place in (9, 12, 20, 35, 64, 70, 100, 50_000, -2)),
    ],
)
def test_damage_is_noticed_and_mended(people: NDArray[np.float32], whole: bytes, tmp_path: Path, damage) -> None:
    path = tmp_path / "g"
    path.write_bytes(damage(whole))
    assert opened(path, people, OWNER) is None
    built(path, people[:300], OWNER[:300])
    assert opened(path, people[:300], OWNER[:300]) is not None


@pytest.mark.parametrize("content", [b"", b"usearch of another program", b"mfn", bytes(1000)])
@pytest.mark.parametrize("name", ["g", 'o\'dd "name" 😀\n'])
def test_a_strangers_file_stays(people: NDArray[np.float32], tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert opened(path, people, OWNER) is None
    with pytest.raises(DataError, match="mfn did not write it: move"):
        built(path, people, OWNER)
    assert path.read_bytes() == content


def test_a_folder_in_its_place(people: NDArray[np.float32], tmp_path: Path) -> None:
    assert opened(tmp_path, people, OWNER) is None
    with pytest.raises(DataError, match="is a folder"):
        built(tmp_path, people, OWNER)


@pytest.mark.parametrize("change", ["fewer", "more", "another", "moved"])
def test_other_vectors_are_noticed(people: NDArray[np.float32], whole: bytes, tmp_path: Path, change: str) -> None:
    path = tmp_path / "g"
    path.write_bytes(whole)
    now = {
        "fewer": people[1:],
        "more": np.concatenate([people, faces(np.arange(1), DIM, seed=77)]),
        "another": np.concatenate([faces(np.arange(1), DIM, seed=77), people[1:]]),
        "moved": people[::-1],
    }[change]
    owner = np.arange(len(now))
    if change == "moved":  # the graph knows vectors by what they are, not by where
        graph = opened(path, now, owner)
    else:
        assert opened(path, now, owner) is None
        graph = built(path, now, owner)
        assert opened(path, now, owner) is not None
    assert graph is not None
    scores, owners = graph.top_groups(now[:1], 3)
    assert owners[0][0] == 0 and scores[0][0] == pytest.approx(1, abs=1e-6)


def test_what_was_added_is_added_and_what_is_gone_leaves_no_trace(
    people: NDArray[np.float32], whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh: list[int] = []
    counting = approximate.counting
    monkeypatch.setattr(approximate, "counting", lambda total, *more: fresh.append(total) or counting(total, *more))
    path = tmp_path / "g"
    path.write_bytes(whole)
    built(path, np.concatenate([people, faces(np.arange(5), DIM, seed=77)]), np.arange(3005))
    built(path, people[3:], OWNER[3:])
    assert fresh == [5, 2997]


def test_a_build_that_is_stopped_leaves_the_old_file(
    people: NDArray[np.float32], whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> bytes:
        raise KeyboardInterrupt

    path = tmp_path / "g"
    path.write_bytes(whole)
    monkeypatch.setattr(approximate.zlib, "crc32", stopped)
    with pytest.raises(KeyboardInterrupt):
        built(path, people[:10], OWNER[:10])
    assert path.read_bytes() == whole and [each.name for each in tmp_path.iterdir()] == ["g"]


@pytest.mark.parametrize("by", ["image", "centroid"])
def test_a_gallery_finds_the_same_people(people: NDArray[np.float32], tmp_path: Path, by: str) -> None:
    gallery = gallery_of(tmp_path, people)
    exact, near = (gallery.identify(people[::300], k=3, by=by, search=search) for search in ("exact", "approximate"))
    assert [each[0].name for each in near] == [each[0].name for each in exact]
    assert [each[0].score for each in near] == pytest.approx([each[0].score for each in exact], abs=1e-6)
    assert index_file(gallery.path, by).is_file()


def test_who_is_removed_is_found_no_more(people: NDArray[np.float32], tmp_path: Path) -> None:
    gallery = gallery_of(tmp_path, people)
    assert gallery.identify(people[:1], search="approximate", by="image")[0][0].name == "person 0"
    kept = (tmp_path / "g.mfng.usearch").read_bytes()
    gallery.remove("person 0")
    assert not (tmp_path / "g.mfng.usearch").exists()
    (tmp_path / "g.mfng.usearch").write_bytes(kept)  # somebody puts it back
    (found,) = gallery.identify(people[:1], k=300, search="approximate", by="image")
    assert "person 0" not in {match.name for match in found} and len(found) == 300
    assert (tmp_path / "g.mfng.usearch").read_bytes() != kept


def test_another_process_that_removes_enrolls_and_renames_is_noticed(
    people: NDArray[np.float32], tmp_path: Path
) -> None:
    gallery = gallery_of(tmp_path, people)
    gallery.identify(people[:1], search="approximate", by="image")
    other = Gallery.open(tmp_path / "g.mfng")
    other.remove("person 0")
    other.rename("person 1", "somebody else")
    new = faces(np.arange(1), DIM, seed=5)
    other.add([row(5000, new[0])])
    found = gallery.identify(np.concatenate([people[:1], people[3:4], new]), k=1, search="approximate", by="image")
    assert [each[0].name for each in found][1:] == ["somebody else", "person 5000"]
    assert found[0][0].name != "person 0"


def test_a_file_of_another_gallery_is_not_taken(people: NDArray[np.float32], tmp_path: Path) -> None:
    one, two = gallery_of(tmp_path, people[:1500]), gallery_of(tmp_path, people[300:1800], "h.mfng")
    one.identify(people[:1], search="approximate", by="image")
    (tmp_path / "g.mfng.usearch").rename(tmp_path / "h.mfng.usearch")
    expected = two.identify(people[400:410], k=1, search="exact", by="image")
    assert [each[0].name for each in two.identify(people[400:410], k=1, search="approximate", by="image")] == [
        each[0].name for each in expected
    ]


def test_auto_takes_the_graph_only_of_many_and_makes_none(
    people: NDArray[np.float32], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gallery = gallery_of(tmp_path, people)
    with caplog.at_level(logging.WARNING):
        gallery.identify(people[:1], by="image")
        assert not caplog.messages
        monkeypatch.setattr(approximate, "MANY", 2999)
        gallery.add([row(4000, faces(np.arange(1), DIM, seed=6)[0])])
        gallery.identify(people[:1], by="image")
        gallery.identify(people[:1], by="image")
    assert len(caplog.messages) == 1 and "search=approximate makes it" in caplog.messages[0]
    assert not (tmp_path / "g.mfng.usearch").exists()
    gallery.identify(people[:1], search="approximate", by="image")
    asked: list[int] = []
    again = Gallery.open(tmp_path / "g.mfng")
    monkeypatch.setattr(approximate.Approximate, "top_groups", lambda self, queries, k: asked.append(k) or ([], []))
    again.identify(people[:1], by="image")
    assert asked == [5]


def test_without_usearch(
    people: NDArray[np.float32], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing() -> None:
        raise ConfigError("approximate search needs usearch: pip install it")

    monkeypatch.setattr(approximate, "_usearch", missing)
    monkeypatch.setattr(approximate, "MANY", 10)
    gallery = gallery_of(tmp_path, people[:300])
    with caplog.at_level(logging.WARNING):
        assert gallery.identify(people[:1], by="image")[0][0].name == "person 0"
    assert "needs usearch" in caplog.text
    with pytest.raises(ConfigError, match="needs usearch"):
        gallery.identify(people[:1], search="approximate", by="image")
    with pytest.raises(ConfigError, match="exact, approximate, auto"):
        gallery.identify(people[:1], search="quick", by="image")
