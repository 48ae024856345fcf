import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from mfn.benchmarks.bin_notes import Notes
from mfn.benchmarks.bin_pack import read_bin
from mfn.benchmarks.bin_writer import prepare_bin, write_bin
from mfn.benchmarks.lfw import read_lfw
from mfn.benchmarks.verification import VerificationSet
from mfn.errors import BrokenImageError, DataError
from tests.benchmarks.benchmark_files import given
from tests.sources.files import ArraySource, jpeg

A, B, C = (jpeg(seed) for seed in range(3))


def load_bin(path: Path) -> tuple[list[bytes], list[bool]]:
    """As InsightFace's verification.py opens a pack."""
    with path.open("rb") as file:
        bins, issame_list = pickle.load(file, encoding="bytes")
    return bins, issame_list


def drawn_set(**changes: object) -> VerificationSet:
    fields = {
        "pairs": np.array([[0, 1], [0, 2], [1, 2], [3, 4]]),
        "is_same": np.array([True, False, False, True]),
        "fold_of": np.array([0, 1, 0, 1]),
        "identities": np.array([7, 7, 9, 4, 4, 1]),
        "groups": np.array(["a", "b", "a", "b"]),
    }
    return VerificationSet("drawn", ArraySource([0] * 6), **(fields | changes))


def test_a_pack_is_read_as_insightface_reads_it(tmp_path: Path) -> None:
    write_bin(tmp_path / "mine.bin", [A, B, A, C], [True, False])
    assert load_bin(tmp_path / "mine.bin") == ([A, B, A, C], [True, False])
    assert [path.name for path in tmp_path.iterdir()] == ["mine.bin"]


def test_equal_images_are_kept_once(tmp_path: Path) -> None:
    write_bin(tmp_path / "mine.bin", [A, B, B, A, C, A], [True, False, True])
    pack = read_bin(tmp_path / "mine.bin", folds=2)
    assert pack.name == "mine" and len(pack.source) == 3
    assert pack.pairs.tolist() == [[0, 1], [1, 0], [2, 0]] and pack.is_same.tolist() == [True, False, True]
    assert pack.fold_of.tolist() == [0, 0, 1]
    assert pack.identities is None and pack.groups is None and pack.strict
    assert [pack.source.describe(index) for index in range(3)] == [f"mine.bin image {place}" for place in (0, 1, 4)]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_and_bytearrays(tmp_path: Path, protocol: int) -> None:
    images = [np.frombuffer(A, np.uint8).copy(), bytearray(B), A, C]
    for flags in ([True, False], (True, False), np.array([True, False]), [np.True_, np.False_]):
        (tmp_path / "other.bin").write_bytes(pickle.dumps([images, flags], protocol))
        pack = read_bin(tmp_path / "other.bin", name="other")
        assert pack.pairs.tolist() == [[0, 1], [0, 2]] and pack.is_same.tolist() == [True, False]
        assert pack.source.image(1).shape == (16, 16, 3)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (([A, B, C], [True]), "3 images and 1 flags"),
        (([A, B], [True, False]), "2 images and 2 flags"),
        (([], []), "0 images and 0 flags"),
        ([A, B], "must hold a list of images and a list of flags"),
        (A, "must hold a list of images and a list of flags"),
        (([A, [B]], [True]), "image 1 is no encoded image"),
        (([A, np.zeros((4, 4, 3), np.uint8)], [True]), "image 1 is no encoded image"),
        (([A, B], [b"1"]), "one is bytes"),
        (([A, B], [2]), "or 1 or 0; one is 2"),
        (([A, B], [-1]), "one is -1"),
        (([A, B], [10**5000]), "one is int"),
        (([A, B], [float("nan")]), "one is float"),
        (([A, B], np.array([0.5])), "one is 0.5"),
        (([A, B], ["same"]), "holds str"),
        (([A, B], [None]), "holds NoneType"),
        (([A, 1], [True]), "holds int"),
    ],
)
def test_what_is_no_pack(tmp_path: Path, content: object, said: str) -> None:
    (tmp_path / "mine.bin").write_bytes(pickle.dumps(content))
    with pytest.raises(DataError) as caught:
        read_bin(tmp_path / "mine.bin")
    assert said in str(caught.value) and "mine.bin" in str(caught.value)


def test_a_broken_image_is_named_by_its_place(tmp_path: Path) -> None:
    write_bin(tmp_path / "mine.bin", [A, B, A, b"junk"], [True, False])
    with pytest.raises(BrokenImageError, match=r"mine\.bin image 3: these 4 bytes"):
        read_bin(tmp_path / "mine.bin").source.image(2)


def test_a_set_survives_packing(tmp_path: Path) -> None:
    drawn = drawn_set()
    prepare_bin(drawn, tmp_path / "drawn.bin")
    pack = read_bin(tmp_path / "drawn.bin")
    assert len(pack.source) == 5  # image 5 is in no pair
    for ours, theirs in zip(pack.pairs.ravel(), drawn.pairs.ravel(), strict=True):
        assert np.array_equal(pack.source.image(ours), drawn.source.image(theirs))
        assert given(pack.identities)[ours] == given(drawn.identities)[theirs]
    for field in ("is_same", "fold_of", "groups"):
        assert np.array_equal(getattr(pack, field), getattr(drawn, field))
    assert len(load_bin(tmp_path / "drawn.bin")[0]) == 8


def test_notes_only_where_they_say_more(tmp_path: Path) -> None:
    plain = drawn_set(identities=None, groups=None, fold_of=np.arange(4))
    prepare_bin(drawn_set(), tmp_path / "drawn.bin")
    assert (tmp_path / "drawn.bin.json").exists()
    prepare_bin(plain, tmp_path / "drawn.bin")
    assert not (tmp_path / "drawn.bin.json").exists()
    assert read_bin(tmp_path / "drawn.bin").fold_of.tolist() == [0, 1, 2, 3]


def test_only_packs_of_ours_are_replaced(tmp_path: Path) -> None:
    pack, notes = tmp_path / "drawn.bin", tmp_path / "drawn.bin.json"
    prepare_bin(drawn_set(), pack)
    prepare_bin(drawn_set(is_same=np.array([True, False, False, True])), pack)
    assert read_bin(pack).is_same.tolist() == [True, False, False, True]
    for taken, content in (
        (pack, pickle.dumps(([A, B], [True]), 4)),
        (pack, pack.read_bytes() + b"mine"),
        (pack, b""),
        (notes, b'{"mine": 1}'),
        (notes, b"\xff"),
    ):
        before = taken.read_bytes()
        taken.write_bytes(content)
        with pytest.raises(DataError, match=f"{taken.name} is there already, and mfn did not write it"):
            prepare_bin(drawn_set(), pack)
        assert taken.read_bytes() == content
        taken.write_bytes(before)
    pack.unlink()  # its notes alone
    prepare_bin(drawn_set(), pack)


@pytest.mark.parametrize("damage", ["other pack", "same size", "short", "no json", "keys", "huge", "deep"])
def test_notes_that_do_not_belong(tmp_path: Path, damage: str) -> None:
    pack, notes = tmp_path / "mine.bin", tmp_path / "mine.bin.json"
    write_bin(pack, [A, B], [True], Notes(np.array([0])))
    content = json.loads(notes.read_text())
    match damage:
        case "other pack":
            pack.write_bytes(pickle.dumps(([A, C, C, B], [True, False])))
        case "same size":
            data = pack.read_bytes()
            pack.write_bytes(data.replace(A[-40:-30], A[-40:-30][::-1], 1))
            assert pack.stat().st_size == len(data) and pack.read_bytes() != data
        case "huge":
            notes.write_text(json.dumps(content | {"fold_of": [10**30]}))
        case "deep":
            notes.write_text("[" * 100_000)
        case "short":
            notes.write_text(json.dumps(content | {"fold_of": [0, 1]}))
        case "no json":
            notes.write_text("{")
        case "keys":
            notes.write_text("[]")
    with pytest.raises(DataError, match=r"mine\.bin\.json .* delete it"):
        read_bin(pack)


def test_notes_of_older_versions_are_read(tmp_path: Path) -> None:
    write_bin(tmp_path / "mine.bin", [A, B], [True], Notes(np.array([3])))
    notes = tmp_path / "mine.bin.json"
    content = json.loads(notes.read_text())
    del content["sha256"]
    notes.write_text(json.dumps(content))
    assert read_bin(tmp_path / "mine.bin").fold_of.tolist() == [3]
    assert read_bin(tmp_path / "mine.bin", folds=1).fold_of.tolist() == [0]


def test_broken_images_stop_published_sets_and_cost_made_ones_pairs(tmp_path: Path) -> None:
    broken = {"source": ArraySource([0] * 6, broken=(2, 5))}
    fields = {**drawn_set().__dict__, **broken}
    with pytest.raises(BrokenImageError, match="array 2"):
        prepare_bin(VerificationSet(**fields), tmp_path / "drawn.bin")
    assert not list(tmp_path.iterdir())
    packed = prepare_bin(VerificationSet(**(fields | {"strict": False})), tmp_path / "drawn.bin")
    pack = read_bin(tmp_path / "drawn.bin")
    assert packed.pairs.tolist() == pack.pairs.tolist() == [[0, 1], [2, 3]] and given(pack.groups).tolist() == [
        "a",
        "b",
    ]
    everything = ArraySource([0] * 6, broken=tuple(range(6)))
    with pytest.raises(DataError, match="no pair whose images"):
        prepare_bin(VerificationSet(**(fields | {"strict": False, "source": everything})), tmp_path / "drawn.bin")


def test_counts_must_fit(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="3 images do not make 1 pairs"):
        write_bin(tmp_path / "mine.bin", [A, B, C], [True])


@pytest.mark.slow
def test_real_lfw_through_a_pack(tmp_path: Path, shared: Path) -> None:
    lfw = read_lfw(shared / "data/lfw")
    prepare_bin(lfw, tmp_path / "lfw.bin")
    pack = read_bin(tmp_path / "lfw.bin")
    assert np.array_equal(pack.is_same, lfw.is_same) and np.array_equal(pack.fold_of, lfw.fold_of)
    bins, issame_list = load_bin(tmp_path / "lfw.bin")
    assert len(bins) == 12000 and issame_list == lfw.is_same.tolist()
    for number in range(0, 6000, 97):
        for ours, theirs in zip(pack.pairs[number], lfw.pairs[number], strict=True):
            assert np.array_equal(pack.source.image(ours), lfw.source.image(theirs))
    assert np.array_equal(np.equal(*given(pack.identities)[pack.pairs].T), pack.is_same)
