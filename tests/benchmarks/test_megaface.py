"""MegaFace's lists, in the forms of its devkit and of InsightFace's test pack, and the searches among strangers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfn.benchmarks.chosen import chosen_benchmarks
from mfn.benchmarks.gallery import IdentificationSet
from mfn.benchmarks.megaface import read_megaface
from mfn.errors import ConfigError, DataError
from mfn.evaluation.identification import identify_set
from mfn.metrics.strangers import identify_among
from tests.benchmarks.benchmark_files import write_text
from tests.benchmarks.one_to_many_files import EACH, PEOPLE, SIZE, STRANGERS, write_json, write_megaface
from tests.evaluation.tiny import tiny_embedder

LISTS = "templatelists"
PROBES, TEN, ALL = (
    f"{LISTS}/{name}"
    for name in (
        "facescrub_features_list.json",
        "megaface_features_list.json_10_1",
        f"megaface_features_list.json_{STRANGERS}_1",
    )
)


def sizes(people: IdentificationSet) -> dict[str, int]:
    return {name: len(gallery) for name, gallery in people.strangers.items()}


@pytest.mark.parametrize("place", ["", "devkit", "MegaFace", "data"])
@pytest.mark.parametrize("ids", [True, False])
def test_lists_of_the_devkit_without_their_noise(tmp_path: Path, place: str, ids: bool) -> None:
    write_megaface(tmp_path, ids=ids)
    if place:
        (tmp_path / place).mkdir()
        (tmp_path / LISTS).rename(tmp_path / place / LISTS) if place == "devkit" else None
        if place == "MegaFace":
            for entry in list(tmp_path.iterdir()):
                entry.rename(tmp_path / place / entry.name) if entry.name != place else None
        if place == "data":
            for name in ("facescrub_noises.txt", "megaface_noises.txt", "megaface_images", "facescrub_images"):
                (tmp_path / name).rename(tmp_path / place / name)
    people = read_megaface(tmp_path)
    assert sizes(people) == {"10": 9, f"{STRANGERS}": STRANGERS - 2}
    assert len(people.probes) == PEOPLE * EACH - 1
    assert np.bincount(people.identities[people.probes]).tolist() == [EACH - 1, EACH, EACH, EACH]
    names = {Path(people.source.describe(int(index))).name for index in people.probes}
    assert "a b0_2.png" in names and "a b0_3.png" not in names
    assert people.notes == (
        "1 of 16 images of facescrub_features_list.json are noise: left out",
        "1 of 10 images of megaface_features_list.json_10_1 are noise: left out",
        f"2 of {STRANGERS} images of megaface_features_list.json_{STRANGERS}_1 are noise: left out",
    )
    whole = read_megaface(tmp_path, noisy="keep")
    assert sizes(whole) == {"10": 10, f"{STRANGERS}": STRANGERS} and not whole.notes and len(whole.probes) == 16


def test_plain_lists_of_insightfaces_test_pack(tmp_path: Path) -> None:
    write_megaface(tmp_path)
    probes = sorted((tmp_path / "facescrub_images").glob("*/*"))
    strangers = sorted((tmp_path / "megaface_images").glob("*/*/*"))
    for file in (tmp_path / LISTS).iterdir():
        file.unlink()
    lines = [f"data/facescrub_images/{file.parent.name}/{file.name}" for file in probes]
    write_text(tmp_path / "facescrub_lst", "\ufeff" + "\r\n".join(lines) + "\r\n")
    lines = [
        f"{i}\t/data/megaface_images/{file.relative_to(tmp_path / 'megaface_images')}\t0"
        for i, file in enumerate(strangers)
    ]
    write_text(tmp_path / "megaface_lst", "\n".join(lines))
    people = read_megaface(tmp_path)
    assert list(sizes(people)) == ["10", "12"] and sizes(people)["12"] == STRANGERS - 2
    assert np.bincount(people.identities[people.probes]).tolist() == [EACH - 1, EACH, EACH, EACH]


def test_figures_are_those_of_the_protocol(tmp_path: Path) -> None:
    """Each probe, with each other image of its person in turn as the one right image among the strangers."""
    people = read_megaface(write_megaface(tmp_path))
    embedder = tiny_embedder(SIZE, dim=3)
    unit = np.concatenate([embedder.raw(people.source.image(i)[None]).numpy() for i in range(len(people.source))])
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    results = identify_set(embedder, people, flip="none")
    assert [result.name for result in results] == ["megaface 10", f"megaface {STRANGERS}"]
    for result, strangers in zip(results, people.strangers.values(), strict=True):
        places = [
            1 + np.count_nonzero(unit[strangers] @ unit[probe] >= unit[probe] @ unit[mate])
            for probe in people.probes
            for mate in people.probes
            if mate != probe and people.identities[mate] == people.identities[probe]
        ]
        assert result.result.num_known == len(places) == 3 * 12 + 6 and result.gallery == len(strangers) + 1
        for rank in (1, 5, 10):
            assert result.result.ranks[rank] == pytest.approx(np.mean(np.array(places) <= rank))
        assert 0 < result.result.ranks[1] < 1 and result.result.map == pytest.approx(np.mean(1 / np.array(places)))
    assert results[0].result.ranks[1] >= results[1].result.ranks[1]


def test_ties_and_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    unit = np.array([[1, 0], [1, 0], [0, 1], [0.6, 0.8]])
    strangers = np.array([[1, 0], [0, 1], [-1, 0]])
    galleries = {"all": np.arange(3), "none": np.arange(0), "one": np.array([2])}
    whole = identify_among(unit, [0, 0, 1, 1], strangers, galleries)
    assert [(found.ranks[1], found.ranks[5]) for found in whole.values()] == [(0.0, 1.0), (1.0, 1.0), (1.0, 1.0)]
    assert whole["all"].cmc.tolist() == [0.0, 1.0, 1.0, 1.0] and whole["all"].num_identities == 4
    monkeypatch.setattr("mfn.metrics.strangers.BLOCK_CELLS", 3)
    for name, found in identify_among(unit, [0, 0, 1, 1], strangers, galleries).items():
        assert found.cmc.tolist() == whole[name].cmc.tolist() and found.map == whole[name].map
    with pytest.raises(DataError, match="no two probes show one person"):
        identify_among(unit, [0, 1, 2, 3], strangers, galleries)


def test_broken_images_are_counted(tmp_path: Path) -> None:
    write_megaface(tmp_path)
    (tmp_path / "facescrub_images/a b1/a b1_0.png").write_bytes(b"junk")
    next((tmp_path / "megaface_images").glob("*/*/*")).write_bytes(b"junk")
    results = identify_set(tiny_embedder(SIZE), read_megaface(tmp_path))
    assert results[1].notes[-1] == "1 strangers and 1 of 15 probes are broken or gave no face: left out"
    assert results[1].gallery == STRANGERS - 2 and results[1].result.num_known == 3 * 6 * 2 - 6 + 6


def test_missing_images(tmp_path: Path) -> None:
    write_megaface(tmp_path)
    (tmp_path / "facescrub_images/a b1/a b1_0.png").unlink()
    with pytest.raises(DataError, match=r"lacks 1 of the 15 images of facescrub: a b1/a b1_0\.png"):
        read_megaface(tmp_path)
    assert "1 of 15 images of facescrub are missing: left out" in read_megaface(tmp_path, allow_missing=True).notes
    for file in (tmp_path / "megaface_images").glob("*/*/*"):
        file.unlink()
    with pytest.raises(DataError, match="hold none of the 10 images of megaface"):
        read_megaface(tmp_path, allow_missing=True)


def lists(root: Path, probes: Any = None, strangers: Any = None) -> Path:
    write_megaface(root, sizes=[STRANGERS])
    if probes is not None:
        write_json(root / PROBES, probes)
    if strangers is not None:
        write_json(root / ALL, strangers)
    return root


def test_a_stranger_with_the_id_of_a_probe_is_none(tmp_path: Path) -> None:
    names = [f"1/{number}@N/{number}_0.jpg" for number in range(PEOPLE, PEOPLE + 4)]
    people = read_megaface(
        lists(tmp_path, strangers={"path": [*names, names[0]], "id": ["a b0", "x", "y", "z", "a b0"]})
    )
    assert people.notes[:2] == (
        f"megaface_features_list.json_{STRANGERS}_1 lists 1 images twice: each counts once",
        "1 of 16 images of facescrub_features_list.json are noise: left out",
    )
    assert "1 strangers have the id of a probe's person: left out" in people.notes and sizes(people) == {"12": 2}


@pytest.mark.parametrize(
    ("probes", "strangers", "said"),
    [
        ({"path": []}, None, "facescrub_features_list.json names no images"),
        ({"path": ["a.png"]}, None, r"does not say who a\.png shows"),
        ({"path": ["a/1.png", "a/1.png"], "id": ["a", "b"]}, None, "to two persons, a and b"),
        ({"path": ["a/1.png"], "id": []}, None, "should have an id for each of its 1 paths"),
        ({"path": "a/1.png"}, None, "its path is no list of names"),
        ({"paths": []}, None, "its path is no list of names"),
        (None, {"path": []}, "names no images"),
        (None, {"path": ["a b0/a b0_0.png"], "id": ["a b0"]}, "is empty once noise and probes are taken out"),
    ],
)
def test_lists_that_do_not_do(tmp_path: Path, probes: Any, strangers: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_megaface(lists(tmp_path, probes, strangers))


def test_files_that_are_no_lists(tmp_path: Path) -> None:
    lists(tmp_path)
    for text, said in (("{", "is no JSON"), ('{"path":' + "[" * 100_000, "is no JSON"), ("no image", "names no image")):
        write_text(tmp_path / PROBES, text)
        with pytest.raises(DataError, match=said):
            read_megaface(tmp_path)
    (tmp_path / PROBES).unlink()
    with pytest.raises(DataError, match=r"holds none of facescrub_features_list\.json, "):
        read_megaface(tmp_path)
    with pytest.raises(ConfigError, match=r"benchmark\.megaface\.noisy=yes must be leave_out or keep"):
        read_megaface(tmp_path, noisy="yes")  # type: ignore[arg-type]


def test_without_lists_of_noise_it_is_said(tmp_path: Path) -> None:
    (lists(tmp_path) / "megaface_noises.txt").unlink()
    assert read_megaface(tmp_path).notes[-1] == (
        "there is no megaface_noises.txt: figures of the field are without the noise that it names"
    )


def test_a_probe_without_another_image_is_counted(tmp_path: Path) -> None:
    people = read_megaface(lists(tmp_path, {"path": ["a b1/a b1_0.png", "a b1/a b1_1.png", "a b2/a b2_0.png"]}))
    assert people.notes[-1] == "1 of 3 probes are the only image of their person: nothing to search for"
    assert identify_set(tiny_embedder(SIZE), people)[-1].result.num_known == 2


def test_one_photo_of_each_can_only_fail(tmp_path: Path) -> None:
    people = read_megaface(lists(tmp_path, {"path": ["a b1/a b1_0.png", "a b2/a b2_0.png"]}))
    with pytest.raises(DataError, match="megaface: no two probes show one person"):
        chosen_benchmarks(str(tmp_path), megaface=people)
