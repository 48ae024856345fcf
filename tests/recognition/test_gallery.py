"""Galleries: what is enrolled is found again, whoever writes, and by no other network."""

import dataclasses
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mfn.errors import ConfigError, DataError
from mfn.inference.embedder import FaceEmbedder
from mfn.recognition.enrolment import enroll
from mfn.recognition.gallery import Gallery
from mfn.recognition.naming import named
from mfn.recognition.picture import Aligned
from mfn.recognition.pipeline import FacePipeline, Found
from tests.recognition.made_people import crop_of, network_file, squares

ODD_NAMES = [
    'O\'Hara "Bob"',
    "../../etc/passwd",
    "two\nlines",
    "😀 Zoë",
    "';DROP TABLE face;--",
    "a\tb",
    "\udcff bytes",
]


def faces_of(folder: Path, person: int, shots: int = 3) -> list[Found]:
    look = FacePipeline(None, squares(folder))
    return [look(Aligned(crop_of(person, shot)))[0] for shot in range(shots)]


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    gallery = Gallery.open(tmp_path / "g.mfng", squares(tmp_path))
    for person in range(5):
        gallery.enroll(f"person {person}", faces_of(tmp_path, person), source=f"{person}.png")
    return gallery


@pytest.mark.parametrize("by", ["image", "centroid"])
def test_people_are_found_again_and_strangers_are_unknown(gallery: Gallery, tmp_path: Path, by: str) -> None:
    probes = [faces_of(tmp_path, person, 10)[9] for person in range(8)]
    names = named(gallery, probes, 0.8, k=3, by=by)
    assert [each.name for each in names] == [f"person {person}" for person in range(5)] + ["unknown"] * 3
    scores = [match.score for match in names[0].matches]
    assert len(scores) == 3 and scores == sorted(scores, reverse=True)
    assert gallery.comparisons(by) == {"image": 15, "centroid": 5}[by]
    with pytest.raises(ConfigError):
        gallery.identify(probes, by="name")
    with pytest.raises(DataError, match="48 numbers"):
        gallery.identify(np.zeros((1, 3)))


def test_scores_by_image_and_by_centroid_are_those_of_float64(gallery: Gallery, tmp_path: Path) -> None:
    probe = faces_of(tmp_path, 2, 8)[7].embedding.astype(np.float64)
    for name, images in ((f"person {person}", faces_of(tmp_path, person)) for person in range(5)):
        rows = np.stack([face.embedding for face in images]).astype(np.float64)
        mean = rows.mean(axis=0)
        expected = {"image": (rows @ probe).max(), "centroid": mean @ probe / np.linalg.norm(mean)}
        for by, value in expected.items():
            scores = {match.name: match.score for match in gallery.identify(probe[None], k=9, by=by)[0]}
            assert scores[name] == pytest.approx(value, abs=1e-6)


def test_a_gallery_is_its_owners_alone_and_one_file(gallery: Gallery) -> None:
    assert gallery.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in gallery.path.parent.glob("g.mfng*")] == ["g.mfng"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_are_kept_as_they_are(tmp_path: Path, name: str) -> None:
    with Gallery.open(tmp_path / "g", squares(tmp_path)) as gallery:
        gallery.enroll(name, faces_of(tmp_path, 1))
    with Gallery.open(tmp_path / "g") as again:
        kept = again.people()[0].name
        assert kept == name or "\udcff" in name
        again.rename(name, "plain")
        again.rename("plain", name)
        assert again.remove(name) == 3 and not again.people()


@pytest.mark.parametrize("name", ["", "   ", "\0", "x" * 2000])
def test_what_is_no_name_is_refused(gallery: Gallery, tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="name"):
        gallery.enroll(name, faces_of(tmp_path, 1))
    assert len(gallery) == 5


def test_composed_and_decomposed_letters_are_one_name(tmp_path: Path) -> None:
    """macOS writes folder names the one way, people type the other."""
    with Gallery.open(tmp_path / "g", squares(tmp_path)) as gallery:
        gallery.enroll("Zoe\u0308", faces_of(tmp_path, 1, 1))
        gallery.enroll("Zo\u00eb", faces_of(tmp_path, 1, 2))
        assert [(person.name, person.images) for person in gallery.people()] == [("Zo\u00eb", 2)]


def test_nothing_is_enrolled_twice(gallery: Gallery, tmp_path: Path) -> None:
    assert gallery.enroll("person 1", faces_of(tmp_path, 1)) == 0
    assert gallery.enroll("person 1", faces_of(tmp_path, 1, 5)) == 2
    assert gallery.enroll("her sister", faces_of(tmp_path, 1)) == 3


def test_what_is_removed_is_gone_from_the_file(gallery: Gallery, tmp_path: Path) -> None:
    vector = faces_of(tmp_path, 3)[0].embedding.tobytes()
    assert vector in gallery.path.read_bytes()
    assert gallery.remove("person 3") == 3
    gallery.close()
    assert vector not in gallery.path.read_bytes() and b"person 3" not in gallery.path.read_bytes()


def test_removing_somebody_who_is_not_there_says_so(gallery: Gallery) -> None:
    with pytest.raises(DataError, match="nobody named 'nobody'"):
        gallery.remove("nobody")
    with pytest.raises(DataError, match="nobody named"):
        gallery.rename("nobody", "person 1")


def test_two_of_one_name_become_one(gallery: Gallery, tmp_path: Path) -> None:
    gallery.rename("person 1", "person 2")
    assert {person.name: person.images for person in gallery.people()}["person 2"] == 6
    gallery.enroll("again", faces_of(tmp_path, 2))
    gallery.rename("again", "person 2")
    assert {person.name: person.images for person in gallery.people()}["person 2"] == 6


def test_another_network_is_refused_and_another_file_of_the_same_is_not(gallery: Gallery, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    same = network_file(tmp_path / "copy")
    same.write_bytes(same.read_bytes() + b"")
    assert len(Gallery.open(gallery.path, squares(tmp_path / "copy"))) == 5
    with pytest.raises(DataError, match=r"another network.*mfn gallery migrate"):
        Gallery.open(gallery.path, squares(tmp_path, name="other.onnx", turned=True))
    with pytest.raises(DataError, match=r"another network .height 32 against 64"):
        Gallery.open(gallery.path, squares(tmp_path, name="large.onnx", side=64))
    with pytest.raises(ConfigError, match="flip=none, not sum"):
        Gallery.open(gallery.path, squares(tmp_path), flip="sum")


def test_galleries_of_one_network_merge_and_others_do_not(gallery: Gallery, tmp_path: Path) -> None:
    with Gallery.open(tmp_path / "h", squares(tmp_path)) as other:
        other.enroll("person 1", faces_of(tmp_path, 1, 4))
        other.enroll("new", faces_of(tmp_path, 9))
        assert gallery.merge(other) == 4 and len(gallery) == 6
    with Gallery.open(tmp_path / "i", squares(tmp_path, name="other.onnx", turned=True)) as foreign:
        foreign.enroll("stranger", faces_of(tmp_path, 1))
        with pytest.raises(DataError, match="another network"):
            gallery.merge(foreign)
    assert len(gallery) == 6


def test_what_another_program_writes_is_seen_at_once(gallery: Gallery, tmp_path: Path) -> None:
    probe = faces_of(tmp_path, 7)
    assert gallery.identify(probe[0])[0][0].score < 0.8
    with Gallery.open(gallery.path, squares(tmp_path)) as other:
        other.enroll("late", probe)
    assert gallery.identify(probe[0])[0][0].name == "late"
    gallery.remove("late")
    assert gallery.identify(probe[0])[0][0].name != "late"


def test_an_empty_gallery_knows_nobody(tmp_path: Path) -> None:
    with Gallery.open(tmp_path / "g", squares(tmp_path)) as gallery:
        face = faces_of(tmp_path, 1)[0]
        assert gallery.identify([face, face]) == [[], []] and gallery.identify([]) == []
        assert named(gallery, [face], 0.5)[0].name == "unknown"
        assert gallery.scores() is None and gallery.comparisons() == 0


def test_files_that_are_no_gallery_are_told(gallery: Gallery, tmp_path: Path) -> None:
    gallery.close()
    whole = gallery.path.read_bytes()
    bad = tmp_path / "bad.mfng"
    with pytest.raises(DataError, match="no gallery at"):
        Gallery.open(bad)
    with pytest.raises(DataError, match="no gallery at"):
        Gallery.open(bad, squares(tmp_path), create=False)
    for content, says in (
        (whole[: len(whole) // 2], "cut short"),
        (whole[:100], "cut short"),
        (whole[:99], "no gallery"),
        (b"", "no gallery"),
        (b"just text" * 500, "damaged or no gallery"),
        (b"\0" * 4096, "damaged or no gallery"),
    ):
        bad.write_bytes(content)
        with pytest.raises(DataError, match=says):
            Gallery.open(bad)
    link = sqlite3.connect(bad := tmp_path / "foreign.db")
    link.execute("CREATE TABLE face (id)")
    link.close()
    before = bad.read_bytes()
    with pytest.raises(DataError, match="no gallery of mfn"):
        Gallery.open(bad, squares(tmp_path))
    assert bad.read_bytes() == before
    bad.write_bytes(whole)
    link = sqlite3.connect(bad)
    link.execute("PRAGMA user_version = 99")
    link.close()
    with pytest.raises(DataError, match=r"format 99.*newer mfn"):
        Gallery.open(bad)


def test_a_damaged_vector_is_told(gallery: Gallery, tmp_path: Path) -> None:
    probe = faces_of(tmp_path, 1)
    for vector in (b"short", np.full(48, np.nan, np.float32).tobytes(), "text"):
        link = sqlite3.connect(gallery.path)
        link.execute("UPDATE face SET vector = ? WHERE id = 2", (vector,))
        link.commit()
        link.close()
        with pytest.raises(DataError, match="damaged"):
            gallery.identify(probe)


def test_a_stated_contract_is_part_of_the_network(tmp_path: Path) -> None:
    """The same file under other pixels makes other vectors, and belongs to no gallery of the first."""
    embedder = squares(tmp_path)
    Gallery.open(tmp_path / "g", embedder).close()
    turned = FaceEmbedder(embedder.network, dataclasses.replace(embedder.contract, color="BGR"))
    with pytest.raises(DataError, match="another network"):
        Gallery.open(tmp_path / "g", turned)


def test_a_pipeline_of_another_flip_or_network_enrols_nobody(gallery: Gallery, tmp_path: Path) -> None:
    pictures = [("new", Aligned(crop_of(9)))]
    with pytest.raises(ConfigError, match="flip=none, not sum"):
        enroll(gallery, FacePipeline(None, squares(tmp_path), flip="sum"), pictures)
    with pytest.raises(DataError, match="another network"):
        enroll(gallery, FacePipeline(None, squares(tmp_path, name="other.onnx", turned=True)), pictures)
    assert len(gallery) == 5


def test_queries_that_say_nothing_are_refused(gallery: Gallery) -> None:
    for queries in (np.full((1, 48), np.nan), np.ones((1, 48)) * 5):
        with pytest.raises(DataError, match="finite and of unit length"):
            gallery.identify(queries)
    with pytest.raises(ConfigError, match="whole number"):
        gallery.identify(np.eye(48, dtype=np.float32)[:1], k=1.5)


def test_threads_may_share_a_gallery(gallery: Gallery, tmp_path: Path) -> None:
    faces = faces_of(tmp_path, 7, 40)

    def work(number: int) -> str:
        gallery.enroll(f"thread {number}", faces[number])
        return gallery.identify(faces[number], by="image")[0][0].name

    with ThreadPoolExecutor(8) as pool:
        assert len([name for name in pool.map(work, range(40)) if name.startswith("thread")]) == 40
    assert len(gallery) == 45


def test_a_strangers_file_beside_a_gallery_stays(gallery: Gallery) -> None:
    gallery.close()
    diary = gallery.path.with_name(gallery.path.name + "-journal")
    diary.write_text("my diary")
    with pytest.raises(DataError, match="is no journal"):
        Gallery.open(gallery.path)
    assert diary.read_text() == "my diary"


def test_a_closed_gallery_is_not_called_damaged(gallery: Gallery) -> None:
    gallery.close()
    with pytest.raises(DataError, match="was closed"):
        gallery.people()


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", ":memory:"])
def test_names_that_no_file_can_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    embedder = squares(tmp_path)
    if name == ":memory:":
        with Gallery.open(name, embedder) as made:
            made.enroll("one", faces_of(tmp_path, 1))
        assert len(Gallery.open(name)) == 1
    else:
        for given in (embedder, None):
            with pytest.raises(DataError, match=r"cannot be made|no gallery at"):
                Gallery.open(name, given)
