"""evaluate.py on photos as they are: the faces are found, cut out and judged by one command."""

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mfn.errors import ConfigError, DataError
from tests.commands.evaluating import judge_with
from tests.small_run import save_small_checkpoint


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    save_small_checkpoint(folder)
    return folder


@pytest.fixture(scope="module")
def raw(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four people of LFW with two photos each, unaligned."""
    root = tmp_path_factory.mktemp("raw")
    people = sorted(folder for folder in (shared / "data/lfw_raw/images").iterdir() if len(list(folder.iterdir())) > 1)
    for number, person in enumerate(people[:4]):
        for image, file in enumerate(sorted(person.iterdir())[:2], start=1):
            target = root / f"lfw/images/P{number}/P{number}_{image:04}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    return root


def lfw(root: Path) -> Path:
    """Eight pairs of two folds."""
    lines = ["2\t2\n"]
    for fold in (0, 2):
        lines += [f"P{fold + person}\t1\t2\n" for person in (0, 1)]
        lines += [f"P{fold}\t{image}\tP{fold + 1}\t{image}\n" for image in (1, 2)]
    (root / "lfw/pairs.txt").write_text("".join(lines))
    return root


def cfp(raw: Path, root: Path) -> Path:
    """The same photos in CFP's own layout; the second photo of each stands for the profile."""
    for letter, kind, image in (("F", "frontal", 1), ("P", "profile", 2)):
        lines = []
        for person in range(4):
            target = root / f"Data/Images/{person + 1:03}/{kind}/01.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(raw / f"lfw/images/P{person}/P{person}_{image:04}.jpg", target)
            lines.append(f"{person + 1} ../Data/Images/{person + 1:03}/{kind}/01.jpg\n")
        (root / "Protocol").mkdir(exist_ok=True)
        (root / f"Protocol/Pair_list_{letter}.txt").write_text("".join(lines))
    for fold in (0, 1):
        folder = root / f"Protocol/Split/FP/{fold + 1:02}"
        folder.mkdir(parents=True)
        first, second = 2 * fold + 1, 2 * fold + 2
        (folder / "same.txt").write_text(f"{first},{first}\n{second},{second}\n")
        (folder / "diff.txt").write_text(f"{first},{second}\n{second},{first}\n")
    return root


def without_a_face(file: Path) -> None:
    """Puts a photo of a wall in a photo's place."""
    wall = np.random.default_rng(0).integers(90, 110, (250, 250, 3), np.uint8)
    cv2.imwrite(str(file), wall)


@pytest.mark.slow
def test_raw_lfw_and_raw_cfp_to_figures_with_one_command(files: Path, raw: Path, tmp_path: Path) -> None:
    root = tmp_path / "sets"
    shutil.copytree(lfw(raw), root)
    cfp(raw, root / "cfp_fp")
    without_a_face(root / "cfp_fp/Data/Images/001/profile/01.jpg")
    (root / "cfp_fp/Data/Images/004/profile/01.jpg").write_bytes(b"no image")
    words = ("benchmark=[lfw,cfp_fp]", f"benchmark.root={root}", "align=mtcnn", f"cache={tmp_path / 'kept'}")
    report = judge_with(files, tmp_path / "run", *words)
    assert not report["failed"] and report["align"] == "mtcnn"
    plain: dict[str, Any] = report["sets"]["lfw"]
    assert plain["images"] == 8 and plain["fta_images"] == 0 and plain["generalised_accuracy"] == plain["accuracy"]
    hurt: dict[str, Any] = report["sets"]["cfp_fp"]
    assert hurt["failed"] == {"no face": 1, "broken": 1} and hurt["images"] == 8 and hurt["fta_image_rate"] == 0.25
    assert hurt["pairs"] == 4 and hurt["fta_genuine_pairs"] == 2 and hurt["fta_impostor_pairs"] == 2
    # of each fold two pairs have a score, an impostor pair without is right, a genuine one wrong
    assert hurt["generalised_accuracy"] == pytest.approx((2 * hurt["accuracy"] + 1) / 4)
    listed = (tmp_path / "run/photos_cfp_fp.csv").read_text().splitlines()
    assert len(listed) == 9 and sum(",0,no face," in line for line in listed) == 1
    page = (tmp_path / "run/report.html").read_text()
    assert page.count("Failures to acquire <") == 2 and "generalised accuracy" in page
    again = judge_with(files, tmp_path / "again", *words, "num_workers=2")
    assert again["sets"] == report["sets"]


@pytest.mark.slow
def test_missing_images_do_not_flatter(files: Path, raw: Path, tmp_path: Path) -> None:
    root = cfp(raw, tmp_path / "cfp")
    (root / "Data/Images/001/profile/01.jpg").unlink()
    words = ("benchmark=cfp_fp", f"benchmark.root={root}", "fit=resize", "benchmark.allow_missing=true")
    judged = judge_with(files, tmp_path / "run", *words, "check_alignment=false")["sets"]["cfp_fp"]
    assert judged["left_out"] == 2 and judged["failed"] == {"missing": 1}
    assert judged["fta_genuine_pairs"] == 1 and judged["fta_impostor_pairs"] == 1
    assert any("2 of 8 pairs have no score" in note and "dropped out of the plain" in note for note in judged["notes"])
    low, high = (judged[f"generalised_accuracy_{end}"] for end in ("low", "high"))
    assert 0 <= low <= high <= 1 and not list((tmp_path / "run").glob("photos_*.csv"))


@pytest.mark.slow
def test_photos_without_a_face_end_one_set_and_not_the_others(files: Path, raw: Path, tmp_path: Path) -> None:
    root = tmp_path / "sets"
    shutil.copytree(lfw(raw), root)
    for file in cfp(raw, root / "cfp_fp").rglob("*.jpg"):
        without_a_face(file)
    words = ("benchmark=[cfp_fp,lfw]", f"benchmark.root={root}", "align=mtcnn", "photos.second_try=[]")
    with pytest.raises(DataError, match=r"none of the 8 photos of cfp_fp gives a face \(no face: 8\)"):
        judge_with(files, tmp_path / "run", *words, "photos.detector={max_side:256}")
    report = json.loads((tmp_path / "run/report.json").read_text())
    assert list(report["sets"]) == ["lfw"] and list(report["failed"]) == ["cfp_fp"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["align=retina"], "align=retina is no detector: take mtcnn, yunet"),
        (["align=there-is-none.onnx"], "there-is-none.onnx is missing"),
        (["align=mtcnn", "photos.second_try=[squint]"], "second_try=squint must be"),
        (["align=mtcnn", "photos.detector={colour:1}"], r"photos\.detector has no colour: mtcnn takes"),
        (["align=mtcnn", "photos.several=all"], r"photos\.several=all does not fit"),
        (["photos.min_face=40"], r"photos\.min_face is of photos, and align=none takes aligned crops: set align=mtcnn"),
    ],
    ids=["name", "file", "try", "option", "several", "crops"],
)
def test_what_cannot_be_is_told_before_photos_are_looked_at(
    files: Path, tmp_path: Path, words: list[str], says: str
) -> None:
    (tmp_path / "pairs.txt").write_text("2\t1\nA\t1\t2\nA\t1\tB\t1\nB\t1\t2\nA\t2\tB\t2\n")
    for name in ("A_0001", "A_0002", "B_0001", "B_0002"):
        without_a_face(tmp_path / f"{name}.jpg")
        (tmp_path / name[0]).mkdir(exist_ok=True)
        (tmp_path / f"{name}.jpg").rename(tmp_path / name[0] / f"{name}.jpg")
    with pytest.raises(ConfigError, match=says):
        judge_with(files, tmp_path / "run", "benchmark=lfw", f"benchmark.root={tmp_path}", *words)
