"""Files beside the checkpoint over all comparisons of the faces of a pack."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mfn.benchmarks.attributes import read_attributes
from mfn.commands.export import export
from mfn.errors import ConfigError, DataError, ExportError
from mfn.evaluation.groupings import Grouping
from mfn.export.check import CheckFaces, rates_of
from mfn.export.check_faces import PER_PERSON, check_faces, grouped
from mfn.export.limits import Limits
from mfn.export.tables import check_group_rows, check_rows
from mfn.export.validation import Reference
from mfn.metrics.doubles import doubles
from mfn.metrics.scores import unit
from mfn.metrics.verification import roc
from mfn.sources.encode import png
from mfn.synthetic.dataset import SyntheticFaces
from tests.composing import composed
from tests.export.networks import CONTRACT, SIZE, small_checkpoint, small_network
from tests.export.test_validation import proof


def folder_of(root: Path, people: int = 6, each: int = 4) -> Path:
    drawn = SyntheticFaces(people, each, SIZE)
    for index, label in enumerate(drawn.labels.tolist()):
        (root / f"person {label}").mkdir(parents=True, exist_ok=True)
        (root / f"person {label}" / f"{index}.png").write_bytes(png(drawn.image(index)))
    return root


def embeddings(people: int, each: int, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """People in directions of their own, float32 (N, 32), and whom each shows."""
    random = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), each)
    centres = random.normal(size=(people, 32))
    return (centres[person] + noise * random.normal(size=(len(person), 32))).astype(np.float32), person


def of(people: np.ndarray, groups: Grouping | None = None) -> CheckFaces:
    return CheckFaces(np.zeros((len(people), *SIZE, 3), np.uint8), people, ("",) * len(people), groups)


def test_rates_are_those_of_all_pairs() -> None:
    given, people = embeddings(60, 5, 0.8)
    expected = given + np.float32(0.1) * embeddings(60, 5, 0.8, seed=1)[0]
    found = rates_of(given, expected, of(people)).everybody
    rows = unit(given.astype(np.float64))
    one, two = np.triu_indices(len(rows), 1)
    curve = roc((rows[one] * rows[two]).sum(axis=1), people[one] == people[two])
    assert (found.genuine, found.impostor) == (600, len(one) - 600)
    assert list(found.tar) == ["1e-03", "1e-04"], "44,250 impostor comparisons are too few for 1e-5"
    for far, tar in found.tar.items():
        assert tar == pytest.approx(curve.at_far(float(far)).tar, abs=0.005) and 0.1 < tar < 0.99
        assert 0 < found.fmr[far] <= float(far)
    assert found.min_cosine < found.low_cosine < found.mean_cosine < 1


def test_groups_are_judged_at_the_thresholds_of_everybody() -> None:
    given, people = embeddings(60, 5, 1.0)
    alike = people < 20
    given[alike] += 3  # one group's people resemble one another
    codes = np.where(alike, 0, np.where(people < 59, 1, -1))
    codes[np.flatnonzero(people == 58)[1:]] = -1
    only = replace(of(people), groups=Grouping("race", ("a", "b", "nobody"), codes))
    found = rates_of(given, given, only)
    assert list(found.groups) == ["a", "b"] and found.groups["b"].faces == 39 * 5 - 4
    assert found.groups["a"].fmr["1e-03"] > found.everybody.fmr["1e-03"] > found.groups["b"].fmr["1e-03"]
    assert list(found.groups["a"].fmr) == ["1e-03"], "4,750 comparisons are too few"
    alone = rates_of(given, given, replace(of(people), groups=Grouping("", ("one",), np.where(people == 3, 0, -1))))
    assert alone.groups["one"].impostor == 0 and not alone.groups["one"].fmr
    (row,) = check_group_rows({"net": alone})
    assert row["FMR@1e-03 %"] == "" and row["faces"] == 5


def test_a_person_under_two_labels_is_found_and_others_are_not() -> None:
    given, people = embeddings(40, 4, 0.5)
    assert doubles(unit(given), people) == []
    twice = np.where((people == 7) & (np.arange(len(people)) % 4 == 0), 900, people)
    assert doubles(unit(given), twice) == [(7, 900)]
    assert doubles(unit(np.random.default_rng(0).normal(size=given.shape)), people) == [], "it tells nobody apart"
    assert doubles(unit(given), np.arange(len(people))) == [] and doubles(unit(given), np.zeros(len(people))) == []


def test_faces_are_drawn_person_by_person_without_those_calibrated_on(tmp_path: Path) -> None:
    root = folder_of(tmp_path / "my people", each=PER_PERSON + 2)
    first, _ = check_faces(root, CONTRACT, 25, seed=1)
    assert np.bincount(first.people).max() == PER_PERSON and len(first.people) == 25
    assert len(np.unique(first.people)) == 3 and first.images.shape == (25, *SIZE, 3)
    again, _ = check_faces(root, CONTRACT, 25, seed=1)
    assert (again.images == first.images).all() and again.places == first.places
    rest, _ = check_faces(root, CONTRACT, 2000, seed=1, without=first.images)
    held = {image.tobytes() for image in first.images}
    assert len(rest.people) == 6 * PER_PERSON - 25 and not held & {image.tobytes() for image in rest.images}


def test_broken_and_repeated_faces_are_passed_over(tmp_path: Path) -> None:
    root = folder_of(tmp_path, people=3, each=3)
    (root / "person 0" / "broken.png").write_bytes(b"no picture")
    copied = (root / "person 1" / "3.png").read_bytes()
    (root / "person 2" / "again.png").write_bytes(copied)
    (root / "alone").mkdir()
    (root / "alone" / "1.png").write_bytes(copied)
    found, _ = check_faces(root, CONTRACT)
    assert len(found.people) == 9


@pytest.mark.parametrize(("people", "each"), [(1, 5), (5, 1)], ids=["one person", "one face each"])
def test_too_few_faces_are_told(people: int, each: int, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="two of one person and one of another are the least"):
        check_faces(folder_of(tmp_path, people, each), CONTRACT)


def test_no_faces_are_told(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"check\.root=.* holds no aligned faces of people"):
        check_faces(tmp_path / "nothing", CONTRACT)
    with pytest.raises(ExportError, match=r"112x112|fit=resize"):
        check_faces(folder_of(tmp_path), replace(CONTRACT, height=112, width=112))


def test_a_csv_makes_groups(tmp_path: Path) -> None:
    _, images = check_faces(folder_of(tmp_path / "people"), CONTRACT)
    csv = tmp_path / "who.csv"
    csv.write_bytes("\ufeffidentity;gender\r\nperson 0;f\r\nperson 1;m\r\nperson 2;f\r\n".encode())
    found = grouped(read_attributes(csv), images, ["gender"])
    assert found.names == ("f", "m") and np.bincount(found.codes + 1).tolist() == [12, 8, 4]
    csv.write_text("identity,gender\nsomebody,f\n")
    with pytest.raises(DataError, match=r"names nobody of check\.root: it has somebody, check.root has person \d"):
        grouped(read_attributes(csv), images, ["gender"])


def test_a_file_beside_the_checkpoint(tmp_path: Path) -> None:
    faces, _ = check_faces(folder_of(tmp_path, people=12), CONTRACT)
    reference = Reference(small_network(), CONTRACT, faces.images[:8], {}, faces, batch_size=7)
    check, checkpoint = reference.check, reference.embedder
    assert check is not None
    same = check.of(checkpoint)
    assert same.everybody.min_cosine > 0.99999 and same.worst_drop == 0
    other = check.of(checkpoint.with_contract(replace(CONTRACT, color="BGR")))
    assert other.everybody.min_cosine < other.everybody.mean_cosine < 0.9999 and other.worst_face in faces.places
    rows = list(check_rows({"checkpoint": check.checkpoint, "file": other}))
    assert rows[0]["worst drop"] == "" and rows[1]["worst face"] == other.worst_face
    reference.judged = {"lfw": {"accuracy": 0.9}}
    made, lost = proof(), replace(other, worst_drop=0.0101)
    (told,) = Limits(max_tar_drop=0.01).broken(replace(made, checked=lost), reference)
    assert told.startswith("TAR on check.root is 1.01 points below")
    for limits, file in ((Limits(), lost), (Limits(max_tar_drop=0.02), lost), (Limits(max_tar_drop=0.01), None)):
        assert not limits.broken(replace(made, checked=file), reference)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check.root=x", "check.faces=2"], r"check\.faces=2 does not fit: give a whole number from 3 to 20000"),
        (["check.faces=100"], r"check\.faces does nothing without check\.root=DIR"),
        (["check.groups=who.csv", "check.by=gender"], r"check\.groups does nothing without check\.root=DIR"),
        (["limits.max_tar_drop=0.01"], r"limits\.max_tar_drop does nothing without check\.root=DIR"),
        (["limits.max_tar_drop=2"], r"limits\.max_tar_drop=2 does not fit: give a share from 0 to 1"),
        (["check.root=x", "check.by=gender"], r"check\.by does nothing without check\.groups=FILE\.csv"),
        (["check.root=x", "check.groups=who.csv"], r"check\.groups is given but no column"),
        (["check.root=x", "check.groups=who.csv", "check.by=[a,a]"], r"check\.by=\[a,a\] does not fit"),
        (["+check.people=5"], r"nothing goes by check\.people"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_told_before_anything_is_read(tmp_path: Path, words: list[str], said: str) -> None:
    config = composed("model_path=missing.ckpt", *words, config="export")
    config.paths.output = str(tmp_path / "out")
    with pytest.raises(ConfigError, match=said) as caught:
        export(config)
    assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()


def run(folder: Path, *words: str) -> dict:
    small_checkpoint(folder)
    quick = ("target=torchscript", "latency.rounds=0", "check_alignment=false")
    config = composed(f"model_path={folder / 'small.ckpt'}", *quick, *words, config="export")
    config.paths.output = str(folder / "out")
    export(config)
    return json.loads((folder / "out" / "proof.json").read_text())


def test_the_command_checks_files_and_says_so(tmp_path: Path) -> None:
    root = folder_of(tmp_path / "people", people=12)
    (tmp_path / "who.csv").write_text("identity,gender\n" + "".join(f"person {n},{'fm'[n % 2]}\n" for n in range(12)))
    told = run(tmp_path, f"check.root='{root}'", f"check.groups={tmp_path / 'who.csv'}", "check.by=gender")
    (file,) = told["files"]
    assert told["checked"]["everybody"]["impostor"] == file["checked"]["everybody"]["impostor"] > 1000
    assert file["checked"]["everybody"]["min_cosine"] > 0.9999 and list(file["checked"]["groups"]) == ["f", "m"]
    assert list(file["checked"]["everybody"]["tar"]) == ["1e-03"] and file["checked"]["worst_drop"] == 0
    beside = json.loads((tmp_path / "out" / "small_torchscript_fp32.pt.json").read_text())
    assert beside["proof"]["checked"] == file["checked"]
    with pytest.raises(ConfigError, match=r"check\.by=race is no column of .*who\.csv: it has gender"):
        run(tmp_path, f"check.root='{root}'", f"check.groups={tmp_path / 'who.csv'}", "check.by=race")


def test_faces_calibrated_on_are_not_checked_on(tmp_path: Path) -> None:
    root = folder_of(tmp_path / "people")
    told = run(tmp_path, f"check.root={root}", f"calibration={root}", "calibration_count=5")
    assert told["checked"]["everybody"]["faces"] == 19
    assert "checked" not in run(tmp_path)
