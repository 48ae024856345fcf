"""evaluate.py with groups and qualities, from the words to table, JSON and picture, on made-up people."""

import csv
import logging
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfn.benchmarks.lfw_writer import write_lfw
from mfn.benchmarks.made_pairs import pairs_from_source
from mfn.errors import CheckpointError, ConfigError, DataError
from mfn.images.decode import decode_rgb
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.quality import quality_of
from mfn.report.acquired_photos import write_photos
from mfn.synthetic.dataset import SyntheticFaces
from tests.commands.evaluating import judge_with
from tests.evaluation.test_acquisition import some_set
from tests.evaluation.test_photos import photos
from tests.inference.onnx_files import quality_onnx
from tests.small_run import SIZE, save_small_checkpoint

PEOPLE, IMAGES = 24, 3


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network, and 96 pairs of 24 people as LFW and as folders."""
    folder = tmp_path_factory.mktemp("grouped")
    save_small_checkpoint(folder)
    faces = SyntheticFaces(PEOPLE, IMAGES, image_size=SIZE)
    write_lfw(pairs_from_source(faces, folds=2, pairs_per_fold=48, name="lfw"), folder / "sets" / "lfw")
    return folder


@pytest.fixture(scope="module")
def names(files: Path) -> list[str]:
    return sorted({image.parent.name for image in (files / "sets").rglob("*.png")})


def table(folder: Path, header: str, rows: list[str]) -> str:
    (folder / "some people.csv").write_text("\r\n".join([header, *rows]) + "\r\n", encoding="utf-8-sig")
    return f"groups.file='{folder / 'some people.csv'}'"


@pytest.fixture
def judge(files: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def judged(*words: str) -> dict[str, Any]:
        sets = ("benchmark=lfw", f"benchmark.root={files / 'sets'}", "groups.fmr=0.1", "quality.fmr=0.1")
        wanted = [
            word for word in sets if not (word.startswith("quality.fmr") and not any("quality.by" in w for w in words))
        ]
        return judge_with(files, tmp_path / "run", *wanted, *words)["sets"]["lfw"]

    return judged


Rows = Callable[[list[str]], list[str]]
GROUPINGS: dict[str, tuple[Rows, str, list[str]]] = {
    "one": (lambda names: [f"{name},f,a" for name in names], "groups.by=g", ["f"]),
    "two": (lambda names: [f"{name},{'fm'[n % 2]},a" for n, name in enumerate(names)], "groups.by=[g]", ["f", "m"]),
    "each_person": (
        lambda names: [f"{name},p{n:02},a" for n, name in enumerate(names)],
        "groups.by=[g]",
        [f"p{n:02}" for n in range(PEOPLE)],
    ),
    "crossed_with_an_empty_cell": (
        lambda names: [f"{name},{'fm'[n % 2]},{'b' if n % 4 == 0 else 'a'}" for n, name in enumerate(names)],
        "groups.by=[g,h]",
        ["f, a", "f, b", "m, a"],
    ),
    "strangers_named_too": (
        lambda names: [f"{name},f,a" for name in names[:12]] + ["Nobody Here,m,b"],
        "groups.by=[g]",
        ["f"],
    ),
    "some_unknown": (lambda names: [f"{name},{'f' if n > 5 else ''}," for n, name in enumerate(names)], "groups.by=[g]",
                     ["f"]),
    "odd_names": (lambda names: [f'{name},"<b>$x^2$, {n % 2}",a' for n, name in enumerate(names)], "groups.by=[g]",
                  ["<b>$x^2$, 0", "<b>$x^2$, 1"]),
}  # fmt: skip


@pytest.mark.parametrize("case", GROUPINGS)
def test_groups_of_a_csv_reach_table_json_and_picture(
    judge: Callable[..., dict[str, Any]],
    names: list[str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    case: str,
) -> None:
    rows, words, wanted = GROUPINGS[case]
    caplog.set_level(logging.INFO)
    judged = judge(table(tmp_path, "identity,g,h", rows(names)), *words.split())
    (rates,) = judged["group_rates"]
    assert [row["name"] for row in rates["groups"]] == wanted
    every = [*rates["groups"], *rates["between"]]
    for kind, count in (("fmr", "impostor_pairs"), ("fnmr", "genuine_pairs")):
        assert rates["everybody"][kind]["comparisons"] == judged[count]
        lost = judged[count] - sum(row[kind]["comparisons"] for row in every)
        assert lost >= 0 and (lost > 0) == (case in ("strangers_named_too", "some_unknown"))
    assert (tmp_path / "run" / "groups_1.png").stat().st_size > 5000
    assert wanted[0] in caplog.text and "everybody" in caplog.text
    page = (tmp_path / "run" / "report.html").read_text()
    assert "<b>$" not in page and "Groups by g" in page
    if case in ("some_unknown", "strangers_named_too"):
        assert any("is not known: their pairs count for no group" in note for note in judged["notes"])
    if case == "each_person":
        said = " ".join(rates["said"])
        assert "too small for FNMR (fewer than 10 people" in said and "fewer than two groups are large enough" in said
        assert rates["groups"][0]["people"] == 1


@pytest.mark.slow
def test_groups_of_all_comparisons_and_where_one_group_has_all_errors(
    judge: Callable[..., dict[str, Any]], files: Path, names: list[str], tmp_path: Path
) -> None:
    plain = judge()
    kept = np.load(tmp_path / "run" / "scores.npz")
    threshold, scores, same = plain["threshold_at_far_1e-01"], kept["scores_0"], kept["same_0"]
    lines = [line.split("\t") for line in (files / "sets/lfw/pairs.txt").read_text().splitlines()[1:]]
    failing = {
        line[0] for line, score, is_same in zip(lines, scores, same, strict=True) if is_same and score < threshold
    }
    assert failing
    rows = [f"{name},{'bad' if name in failing else 'good'}" for name in names]
    judged = judge(table(tmp_path, "person,lot", rows), "groups.by=[lot]")
    lots = {row["name"]: row["fnmr"] for row in judged["group_rates"][0]["groups"]}
    assert lots["bad"]["errors"] == judged["group_rates"][0]["everybody"]["fnmr"]["errors"] > 0
    if "good" in lots:
        assert lots["good"]["errors"] == 0 and lots["good"]["low"] is None
    all_of_them = judge("groups.by=[lot]", table(tmp_path, "person,lot", rows), "groups.comparisons=all")
    count = PEOPLE * IMAGES
    whole = all_of_them["group_rates"][0]["everybody"]
    assert whole["fnmr"]["comparisons"] == PEOPLE * IMAGES * (IMAGES - 1) // 2
    assert whole["fmr"]["comparisons"] == count * (count - 1) // 2 - whole["fnmr"]["comparisons"]


def test_quality_by_norm_sharpness_network_and_column(
    judge: Callable[..., dict[str, Any]], files: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    light = quality_onnx(tmp_path)
    images = sorted((files / "sets").rglob("*.png"))
    embedder, judge_of = FaceEmbedder.load(files / "net.ckpt"), FaceEmbedder.load(light)
    crops = np.stack([decode_rgb(image.read_bytes()) for image in images])
    lights = quality_of(judge_of.raw(crops))
    rows = [f"{image.parent.name}/{image.name};{value:.9g}" for image, value in zip(images, lights, strict=True)]
    (tmp_path / "q.csv").write_text("\n".join(["image;shine", *rows[:-1]]) + "\n", encoding="utf-8-sig")
    judged = judge(f"quality.by=[norm,sharpness,{light},shine]", f"quality.file={tmp_path / 'q.csv'}")
    curves = {each["by"]: each for each in judged["error_versus_discard"]}
    assert list(curves) == ["norm", "sharpness", str(light), "shine"]
    norms = quality_of(embedder.raw(crops))
    for name, qualities in (("norm", norms), (str(light), lights)):
        level = curves[name]["quality_at_discard"]["0.2"]
        assert np.isclose(
            qualities, level, rtol=1e-4
        ).any()  # it is the quality of an image, by the function of the gates
        refused = curves[name]["images_refused_at_discard"]["0.2"]
        assert refused == pytest.approx(np.mean(qualities < level * (1 - 1e-6)), abs=2 / len(images))
    assert curves["shine"]["unknown"] >= 0 and "--quality" in caplog.text and "--min-sharpness" in caplog.text
    assert (tmp_path / "run" / "discard.png").stat().st_size > 5000
    page = (tmp_path / "run" / "report.html").read_text()
    assert re.search(r"enroll --min-quality=[\d.e-]+; mfn prepare model_path=FILE clean\.min_quality=[\d.e-]+", page)


def test_a_set_of_people_beside_pairs_is_named_as_one_without_groups(
    files: Path, names: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [f"{name},{'fm'[number % 2]}" for number, name in enumerate(names)]
    words = ("benchmark=[lfw,identification]", f"benchmark.root={files / 'sets'}", "groups.fmr=0.1", "groups.by=[g]")
    people = f"benchmark.identification.root={files / 'sets/lfw/images'}"
    judged = judge_with(files, tmp_path / "run", *words, people, table(tmp_path, "identity,g", rows))
    assert judged["sets"]["lfw"]["group_rates"] and judged["identification"]
    assert "has no pairs of images: nothing is said of its groups" in caplog.text


REFUSED: dict[str, tuple[tuple[str, ...], type[Exception], str]] = {
    "no_column": (("FILE",), ConfigError, "groups.file is given but no column: name one or two of g, age in groups.by"),
    "other_column": (
        ("FILE", "groups.by=[race]"),
        DataError,
        "nothing says race of the images of lfw: known are g, age",
    ),
    "twice": (("FILE", "groups.by=[g,g]"), ConfigError, "groups.by=.* does not fit: .*different columns"),
    "three": (("FILE", "groups.by=[g,age,g]"), ConfigError, "groups.by"),
    "no_file": (("groups.by=[g]",), DataError, "give groups.file=FILE.csv with a column of that name"),
    "gone": (("groups.file=gone.csv", "groups.by=[g]"), DataError, "gone.csv"),
    "bins": (("groups.bins=[18]",), ConfigError, "groups.bins does nothing without groups.by"),
    "gap_bins": (("groups.gap_bins=[5]",), ConfigError, "groups.gap_bins does nothing without groups.gap"),
    "all": (("groups.comparisons=all",), ConfigError, "groups.comparisons does nothing without groups.by"),
    "edges": (("FILE", "groups.by=[age]", "groups.bins=[40,18]"), DataError, "edges of bins must rise"),
    "gap": (("FILE", "groups.gap=g"), DataError, "groups.gap=g needs a column of numbers"),
    "discard": (("quality.discard=0.5",), ConfigError, "quality.discard does nothing without quality.by"),
    "fmr": (("quality.fmr=0.5",), ConfigError, "quality.fmr does nothing without quality.by"),
    "quality": (("quality.by=[shine]",), DataError, "quality.by=shine is neither norm, sharpness nor a network's file"),
    "words": (("QUALITY", "quality.by=[g]"), DataError, "quality.by=g needs a column of numbers"),
    "network": (("quality.by=[gone.onnx]",), CheckpointError, "there is no network file at gone.onnx"),
    "size": (("quality.by=[SMALL]",), ConfigError, "judges the quality of crops of 16x16, and the network .* 32x32"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_sense_is_refused_before_anything_is_embedded(
    judge: Callable[..., dict[str, Any]], names: list[str], tmp_path: Path, case: str
) -> None:
    words, kind, says = REFUSED[case]
    file = table(tmp_path, "identity,g,age", [f"{name},f,{20 + number}" for number, name in enumerate(names)])
    (tmp_path / "small").mkdir()
    stands = {"FILE": file, "QUALITY": file.replace("groups", "quality")}
    small = str(quality_onnx(tmp_path / "small", (16, 16)))
    with pytest.raises(kind, match=says) as caught:
        judge(*(stands.get(word, word).replace("SMALL", small) for word in words))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run" / "report.json").exists()


def test_a_table_of_others_says_whom_it_names(judge: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"names none of the persons of lfw: it has Ann, the set .*png"):
        judge(table(tmp_path, "identity,g", ["Ann,f", "Bob,m"]), "groups.by=[g]")


def test_what_became_of_every_photo_is_listed(tmp_path: Path) -> None:
    pairs = replace(some_set(tmp_path), name="some/set", missing=("gone.jpg",))
    listed = write_photos(tmp_path, pairs)
    assert listed is not None and listed.name == "photos_some_set.csv"
    with listed.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["acquired"] for row in rows] == ["1"] * 4 + ["0"] * 2
    assert [row["reason"] for row in rows[3:]] == ["", "no face", "missing"]
    assert [row["pairs"] for row in rows] == [*map(str, np.bincount(pairs.pairs.ravel(), minlength=5)), ""]
    assert rows[4]["score"] == "" and float(rows[0]["score"]) > 0 and rows[5]["photo"] == "gone.jpg"
    assert write_photos(tmp_path, replace(pairs, source=photos(tmp_path, 1))) is None
