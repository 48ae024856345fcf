"""TinyFace's protocol as its archive has it, as copies have it, and broken."""

from pathlib import Path

import numpy as np
import pytest

from mfn.benchmarks.chosen import chosen_benchmarks, chosen_pairs
from mfn.benchmarks.tinyface import RANKS, read_tinyface
from mfn.errors import ConfigError, DataError
from mfn.evaluation.identification import identify_set
from tests.benchmarks.one_to_many_files import PEOPLE, SIZE, STRANGERS, cells, write_mat, write_tinyface
from tests.evaluation.tiny import tiny_embedder


@pytest.mark.parametrize("lists", [True, False])
@pytest.mark.parametrize("place", ["", "tinyface", "TinyFace", "Testing_Set"])
def test_who_is_searched_for_among_whom(tmp_path: Path, place: str, lists: bool) -> None:
    write_tinyface(tmp_path / place.replace("Testing_Set", ""), lists)
    people = read_tinyface(tmp_path / ("Testing_Set" if place == "Testing_Set" else ""))
    assert len(people.probes) == 2 * PEOPLE and len(people.gallery) == 2 * PEOPLE + STRANGERS
    assert sorted(people.identities[people.probes].tolist()) == [7, 7, 8, 8, 9, 9, 10, 10]
    assert sorted(people.identities[people.gallery].tolist()) == sorted(
        [7, 7, 8, 8, 9, 9, 10, 10, *range(-STRANGERS, 0)]
    )
    for index, person in enumerate(people.identities.tolist()):
        name = Path(people.source.describe(index)).name
        assert name.startswith(f"{person}_") if person >= 0 else "_" not in name
    assert people.by_image and people.strict and people.ranks == RANKS and not people.notes


def test_figures_are_those_of_tinyfaces_own_script(tmp_path: Path) -> None:
    """Restated from the protocol: all distractors have one id, images are sorted, the first right one counts."""
    people = read_tinyface(write_tinyface(tmp_path))
    embedder = tiny_embedder(SIZE, dim=3)
    nearest = identify_set(embedder, people)[0].result
    unit = np.concatenate([embedder.raw(people.source.image(i)[None]).numpy() for i in range(len(people.source))])
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    ids = np.where(people.identities < 0, -100, people.identities)
    curves, precisions, theirs = [], [], []
    for probe in people.probes:
        order = np.argsort(np.linalg.norm(unit[people.gallery] - unit[probe], axis=1))
        right = np.flatnonzero(ids[people.gallery][order] == ids[probe])
        curves.append(np.arange(len(order)) >= right[0])
        precisions.append(np.mean((1 + np.arange(len(right))) / (1 + right)))
        before = np.arange(len(right)) / np.maximum(right, 1)
        before[right == 0] = 1.0
        theirs.append(np.mean((before + (1 + np.arange(len(right))) / (1 + right)) / 2))
    curve = np.mean(curves, axis=0)
    assert nearest.cmc == pytest.approx(curve[:100]) and 0 < curve[0] < curve[4] < 1
    assert nearest.ranks == {rank: pytest.approx(curve[min(rank, len(curve)) - 1]) for rank in RANKS}
    assert nearest.map == pytest.approx(np.mean(precisions)) and nearest.map > np.mean(theirs)  # told in the docs
    assert not nearest.tpir and nearest.num_unknown == 0


def test_aligned_copies_take_the_names_of_the_lists(tmp_path: Path) -> None:
    write_tinyface(tmp_path)
    copies = write_tinyface(tmp_path / "copies", lists=False) / "Testing_Set"
    people = read_tinyface(tmp_path, images=str(copies))
    assert all(people.source.describe(index).startswith(str(copies)) for index in range(len(people.source)))
    with pytest.raises(ConfigError, match=r"benchmark\.tinyface\.images=\S+ is no folder"):
        read_tinyface(tmp_path, images=str(tmp_path / "none"))


def test_missing_images_and_folders(tmp_path: Path) -> None:
    test = write_tinyface(tmp_path) / "Testing_Set"
    (test / "Probe/7_0.png").unlink()
    for file in (test / "Gallery_Match").glob("8_*"):
        file.unlink()
    with pytest.raises(DataError, match=r"lacks 1 of the 8 images of Probe: 7_0\.jpg; .*allow_missing=true"):
        read_tinyface(tmp_path)
    people = read_tinyface(tmp_path, allow_missing=True)
    assert len(people.probes) == 7 and not people.strict
    assert people.notes == (
        "1 images of Probe are missing: left out",
        "2 images of Gallery_Match are missing: left out",
        "2 of 7 probes show nobody of Gallery_Match: unknown",
    )
    result = identify_set(tiny_embedder(SIZE), people)[0].result
    assert (result.num_known, result.num_unknown) == (5, 2)
    for file in (test / "Gallery_Distractor").iterdir():
        file.unlink()
    assert "judged without Gallery_Distractor" in read_tinyface(tmp_path, allow_missing=True).notes[2]


def test_without_strangers_it_is_not_tinyface(tmp_path: Path) -> None:
    test = write_tinyface(tmp_path) / "Testing_Set"
    (test / "Gallery_Distractor").rename(test / "other")
    with pytest.raises(DataError, match="lacks the images of Gallery_Distractor"):
        read_tinyface(tmp_path)
    with pytest.raises(DataError, match="holds no TinyFace"):
        read_tinyface(tmp_path / "none")
    (test / "probe_img_ID_pairs.mat").unlink()
    (test / "Probe/zoe_0.png").write_bytes((test / "Probe/7_0.png").read_bytes())
    with pytest.raises(DataError, match=r"zoe_0\.png tell no person: files are called PERSON_NUMBER\.jpg"):
        read_tinyface(tmp_path)


def test_lists_as_others_write_them(tmp_path: Path) -> None:
    test = write_tinyface(tmp_path) / "Testing_Set"
    shown = [("7_0.JPG", 7), ("7_1", 7), ("7_0.JPG", 7), ("8_0.png", 8)]
    rows = {"probe_set": np.array([name for name, _ in shown]), "probe_ids": np.array([p for _, p in shown], np.uint16)}
    write_mat(test / "probe_img_ID_pairs.mat", "probe", shown, **rows)
    people = read_tinyface(tmp_path)
    assert people.identities[people.probes].tolist() == [7, 7, 8]
    assert people.notes == ("1 images of Probe are listed twice: each counts once",)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"probe_set": cells(["7_0.jpg"])}, "has 1 names in probe_set and 2 numbers in probe_ids"),
        ({"probe_ids": np.array([[7.5], [8]])}, "should hold image names"),
        ({"probe_set": np.array([[1.0], [2.0]])}, "should hold image names"),
        ({"probe_set": cells(["7_0.jpg", "7_0.jpg"])}, r"gives 7_0\.jpg to two persons, 7 and 8"),
        ({"probe_ids": np.array([[-100.0], [8]])}, "persons are numbers from 0 on"),
        ({"probe_set": np.empty((0, 1), object), "probe_ids": np.empty((0, 1))}, "should hold image names"),
    ],
)
def test_lists_that_do_not_do(tmp_path: Path, changed: dict[str, np.ndarray], said: str) -> None:
    test = write_tinyface(tmp_path) / "Testing_Set"
    write_mat(test / "probe_img_ID_pairs.mat", "probe", [("7_0.jpg", 7), ("8_0.jpg", 8)], **changed)
    with pytest.raises(DataError, match=said):
        read_tinyface(tmp_path)


@pytest.mark.parametrize(
    "data", [b"", b"junk", b"MATLAB 7.3 MAT-file" + b" " * 97 + b"\0" * 8 + b"\x00\x02IM" + b"\0" * 400]
)
def test_files_that_are_no_lists(tmp_path: Path, data: bytes) -> None:
    test = write_tinyface(tmp_path) / "Testing_Set"
    whole = (test / "probe_img_ID_pairs.mat").read_bytes()
    for bad in (data, whole[: len(whole) // 2], whole[:140] + b"\xff" * 8 + whole[148:]):
        (test / "probe_img_ID_pairs.mat").write_bytes(bad)
        with pytest.raises(DataError, match=r"probe_img_ID_pairs\.mat"):
            read_tinyface(tmp_path)


def test_it_is_no_set_of_pairs(tmp_path: Path) -> None:
    people = read_tinyface(write_tinyface(tmp_path))
    assert chosen_benchmarks(str(tmp_path), tinyface=people) == {"tinyface": people}
    with pytest.raises(ConfigError, match="benchmark=tinyface is no set of pairs: leave it out here"):
        chosen_pairs(str(tmp_path), tinyface=people)
