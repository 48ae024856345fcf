import os
from pathlib import Path
from typing import Any

import pytest

from mfn.images.passed_over import PassedOver
from mfn.packs.tarshards.kept_samples import keep_samples, kept_samples
from mfn.packs.tarshards.tar_samples import TarSamples, read_samples
from tests.packs.tarshards.tars import Entry, face, write_tar
from tests.sources.files import jpeg


def look(folder: Path, *entries: Entry) -> tuple[TarSamples, PassedOver]:
    passed_over = PassedOver()
    return read_samples(write_tar(folder / "a.tar", entries), passed_over), passed_over


def test_images_and_labels_of_a_key_belong_together_in_any_order(tmp_path: Path) -> None:
    a, b, c = face("x/a", 7, 1), face("b", "8", 2, image="JPEG"), face("c", "9.0", 3, image="png", field="txt")
    found, passed_over = look(tmp_path, a[0], b[1], c[0], a[1], c[1], b[0])
    assert found.keys == ["x/a", "b", "c"] and found.identities == [7, 8, 9] and not passed_over.counts
    data = (tmp_path / "a.tar").read_bytes()
    assert [data[s : s + n] for s, n in zip(found.starts, found.lengths, strict=True)] == [jpeg(1), jpeg(2), jpeg(3)]


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([("a.jpg", jpeg(0))], "images without a label"),
        ([("a.cls", b"3")], "labels without an image"),
        ([("README.md", b"read me")], "files without an image beside them"),
        ([("README", b"read me")], "files without an image beside them"),
        ([("a.left.jpg", jpeg(0)), ("a.cls", b"1")], "labels without an image"),
        ([*face("a", 1), *face("a", 2)], "files whose name was in the shard before"),
        (face("a", -1), "images with a label below 0"),
        (face("a", ""), "images whose label cannot be read"),
        (face("a", "1\n2"), "images whose label cannot be read"),
        (face("a", "x" * 300), "images whose label cannot be read"),
        (face("a", "1" + " " * (1 << 20)), "images whose label cannot be read"),
        (face("a", "{", field="json"), "images whose label cannot be read"),
        (face("a", "[" * 100_000, field="json"), "images whose label cannot be read"),
        (face("a", "[3]", field="json"), "images whose label cannot be read"),
        (face("a", '{"label": true}', field="json"), "images whose label cannot be read"),
        (face("a", '{"label": NaN}', field="json"), "images whose label cannot be read"),
        (face("a", '{"label": 1e400}', field="json"), "images whose label cannot be read"),
        (face("a", f'{{"label": {2**70}}}', field="json"), "images whose label cannot be read"),
        (face("._a", 1), "hidden files"),
        (face("a", 1, image="xyz"), "labels without an image"),
    ],
)
def test_what_is_no_face_with_its_label_is_counted(entries: list[Entry], reason: str, tmp_path: Path) -> None:
    found, passed_over = look(tmp_path, *face("good", 5), *entries)
    assert "good" in found.keys and reason in passed_over.counts


def test_the_first_of_two_entries_of_a_name_counts(tmp_path: Path) -> None:
    found, passed_over = look(tmp_path, *face("a", 1, 1), *face("a", 2, 2))
    assert found.identities == [1] and passed_over.counts.total() == 2
    assert found.lengths == [len(jpeg(1))]


@pytest.mark.parametrize(
    ("label", "identity", "name"),
    [
        ('{"label": 4, "name": "Ann", "index": 9}', 4, "Ann"),
        ('{"label": 4.0}', 4, ""),
        ('{"label": "4"}', 4, ""),
        ('{"label": 0, "class": 3}', 0, ""),
        ('{"cls": 2, "caption": "a face"}', 2, ""),
        ('{"name": "Ann"}', "Ann", "Ann"),
        ('{"identity": "n000001"}', "n000001", ""),
    ],
)
def test_labels_in_json(label: str, identity: Any, name: str, tmp_path: Path) -> None:
    found, _ = look(tmp_path, *face("a", label, field="json"))
    assert found.identities == [identity] and found.names == ({identity: name} if name and name != identity else {})


def test_a_number_beats_a_text(tmp_path: Path) -> None:
    found, _ = look(tmp_path, *face("a", 3), ("a.txt", b"a photo of a face"), ("a.json", b"{}"))
    assert found.identities == [3]


def test_names_are_never_paths(tmp_path: Path) -> None:
    names = ["../../etc/a", "/abs/b", "..", "sub/../c", "Ünal 名前/d", "pipe:touch x"]
    found, _ = look(tmp_path, *(entry for number, name in enumerate(names) for entry in face(name, number)))
    assert found.keys == ["../../etc/a", "/abs/b", "sub/../c", "Ünal 名前/d", "pipe:touch x"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


def test_entries_of_the_library_itself_are_passed_over_in_silence(tmp_path: Path) -> None:
    found, passed_over = look(tmp_path, ("__meta__", b"x"), ("__dataset__/info.json", b"{}"), *face("a", 1))
    assert found.keys == ["a"] and not passed_over.counts


def test_an_image_that_the_end_cuts_off_is_counted(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", [*face("a", 1), *reversed(face("b", 2))])
    passed_over = PassedOver()
    start = read_samples(path, passed_over).starts[1]
    os.truncate(path, start + 100)
    found = read_samples(path, passed_over)
    assert found.keys == ["a"]
    assert passed_over.counts == {
        "images that a shard's end cuts off": 1,
        "shards that are damaged or cut short": 1,
    }


def test_what_was_found_can_be_kept(tmp_path: Path) -> None:
    entries = [*face("a", '{"label": 3, "name": "A\\udc80"}', field="json"), *face("b", "word"), ("c.jpg", b"")]
    path, passed_over = write_tar(tmp_path / "a.tar", entries), PassedOver()
    found = read_samples(path, passed_over, "far.tar")
    keep_samples(tmp_path / "kept.json", path, "far.tar")
    again, counted = kept_samples(tmp_path / "kept.json")
    assert again == found and counted.counts == passed_over.counts and list(counted) == list(passed_over)
