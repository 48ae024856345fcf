"""``mfn enroll``, ``mfn identify`` and ``mfn gallery`` from end to end."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from mfn import progress
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.quality import quality_of
from mfn.packs.record import Record
from mfn.packs.recordio import RecordWriter
from tests.commands.recognising import people_folder, say
from tests.inference.onnx_files import quality_onnx
from tests.recognition.made_people import crop_of, network_file, photo_of, write_photo

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    network = network_file(tmp_path)

    def one(verb: str, *words: object, model: Path | None = network) -> tuple[int, str, str]:
        chosen = () if model is None else ("--model", model)
        more = (*chosen, "--gallery", tmp_path / "g.mfng")
        return say(verb, *words, *more, monkeypatch=monkeypatch, capsys=capfd)

    one.network = network  # type: ignore[attr-defined]
    return one


@pytest.fixture
def enrolled(run: Run, tmp_path: Path) -> Path:
    photos = people_folder(tmp_path / "people", 6, 3)
    assert run("enroll", photos, "--keep-crops")[0] == 0
    return photos


def test_a_group_photo_gets_its_names_and_its_stranger(run: Run, enrolled: Path, tmp_path: Path) -> None:
    group = write_photo(tmp_path / "group.png", photo_of(*(crop_of(person, 7) for person in (4, 0, 99, 2))))
    answers, picture = tmp_path / "answers.json", tmp_path / "named.png"
    status, out, _ = run("identify", group, "--json", answers, "--show", picture, "-k", 2)
    faces = json.loads(answers.read_text())["faces"]
    assert [face["name"] for face in faces] == ["person 4", "person 0", "unknown", "person 2"] and status == 0
    assert len(faces[0]["others"]) == 2 and "0.01 of strangers get a name among 6" in out
    assert cv2.imread(str(picture)) is not None


def test_a_folder_in_one_go_tells_what_it_could_not_read(run: Run, enrolled: Path, tmp_path: Path) -> None:
    album = people_folder(tmp_path / "album", 8, 1)
    write_photo(album / "empty.png", photo_of())
    (album / "broken.jpg").write_text("no picture")
    (album / "notes.txt").write_text("notes")
    table = tmp_path / "faces.csv"
    status, out, _ = run("identify", album, enrolled / "person 1" / "0.png", "--csv", table)
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert status == 0 and len(rows) == 11
    names = [row["name"] for row in rows if row["name"]]
    assert sorted(names) == sorted([*(f"person {person}" for person in range(6)), "person 1", "unknown", "unknown"])
    assert {row["problem"] for row in rows if "empty" in row["photo"]} == {"no face was found"}
    assert "no whole JPEG" in next(row["problem"] for row in rows if "broken" in row["photo"])
    assert "passed over" in out


def test_the_threshold_rises_with_the_gallery(run: Run, enrolled: Path, tmp_path: Path) -> None:
    """1 % of strangers among 6 people is a rate of 1.7e-3 for each, among their 18 images 5.6e-4."""
    photo, answers = enrolled / "person 0" / "0.png", tmp_path / "a.json"

    def threshold(*words: object) -> float:
        run("identify", photo, "--json", answers, *words)
        return json.loads(answers.read_text())["threshold"]

    assert threshold() == threshold("--fpir", 0.01) == pytest.approx(0.378, abs=0.001)
    assert threshold("--by", "image") == pytest.approx(0.425, abs=0.001)
    assert threshold() < threshold("--fpir", 1e-3) < threshold("--fpir", 1e-5)
    assert threshold("--fmr", 1e-4) == pytest.approx(0.5) and threshold("--threshold", 0.7) == 0.7
    assert "not two of them" in run("identify", photo, "--fpir", 0.1, "--fmr", 0.1)[2]
    assert "never measured" in run("identify", photo, "--fpir", 1e-6)[2]


def test_a_network_nobody_measured_takes_the_gallerys_own_scores(run: Run, tmp_path: Path) -> None:
    bare = network_file(tmp_path, name="bare.onnx")
    beside = bare.with_name("bare.onnx.json")
    content = json.loads(beside.read_text())
    content["contract"] |= {"measured": None, "threshold": None, "threshold_far": None, "threshold_flip": None}
    beside.write_text(json.dumps(content))
    few, many = people_folder(tmp_path / "few", 3, 1), people_folder(tmp_path / "many", 50, 1)
    assert "no threshold" in run("enroll", few, model=bare)[2]
    status, _, error = run("identify", few, model=bare)
    assert status == 1 and "store_threshold" in error
    assert run("identify", few, "--threshold", 0.8, model=bare)[0] == 0
    run("enroll", many, model=bare)
    status, out, _ = run("identify", many, model=bare)
    assert status == 0 and "the people of g.mfng" in out


@pytest.mark.parametrize("kind", ["photo", "folder of one", "csv", "pack"])
def test_people_come_from_a_photo_a_folder_a_csv_or_a_pack(run: Run, tmp_path: Path, kind: str) -> None:
    photos = people_folder(tmp_path / "people", 3, 2)
    if kind == "photo":
        status, _, _ = run("enroll", photos / "person 0/0.png", "--name", 'O\'Hara "Bob" 😀')
        expected = {'O\'Hara "Bob" 😀': 1}
    elif kind == "folder of one":
        status, _, _ = run("enroll", photos / "person 0", "--name", "zero")
        expected = {"zero": 2}
    elif kind == "csv":
        (photos / "list.csv").write_text('path,name\nperson 0/0.png,zero\nperson 1/1.png,"one, or so"\n')
        status, _, _ = run("enroll", photos / "list.csv")
        expected = {"zero": 1, "one, or so": 1}
    else:
        with RecordWriter(tmp_path / "train.rec", tmp_path / "train.idx") as writer:
            for key, person in enumerate((0, 0, 1), 1):
                png = cv2.imencode(".png", crop_of(person, key)[:, :, ::-1])[1].tobytes()
                writer.write(key, Record(0, np.array([person], np.float32), key, 0, png))
        status, _, _ = run("enroll", tmp_path / "train.rec")
        expected = {"0": 2, "1": 1}
    assert status == 0
    run("gallery", "list", "--json", tmp_path / "list.json", model=None)
    assert {
        row["name"]: row["images"] for row in json.loads((tmp_path / "list.json").read_text())["people"]
    } == expected


def test_what_cannot_be_enrolled_is_told_in_a_sentence(run: Run, tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "a.png", photo_of(crop_of(1)))
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.csv").write_text("a.png,one\na.png\n")
    for place, says in (
        (photo, "say whom it shows with --name"),
        (tmp_path / "empty", "is empty"),
        (tmp_path / "gone", "neither a file nor a folder"),
        (tmp_path / "bad.csv", "line 2"),
    ):
        status, _, error = run("enroll", place)
        assert status == 1 and says in error and error.count("\n") == 1, error
    assert not (tmp_path / "g.mfng").exists()
    status, _, error = run("enroll", photo, "--name", "  ")
    assert status == 1 and "person's name" in error


def test_faces_of_low_quality_are_refused_with_their_quality(run: Run, tmp_path: Path) -> None:
    photos, refused = people_folder(tmp_path / "people", 6, 1), tmp_path / "refused.csv"
    judge = quality_onnx(tmp_path)
    light = {n: float(quality_of(FaceEmbedder.load(judge).raw(crop_of(n)[None]))[0]) for n in range(6)}
    level = sorted(light.values())[3]
    asked = ("--aligned", "--quality", judge, f"--min-quality={level - 1e-6}", "--csv", refused)
    for number in light:
        cv2.imwrite(str(photos / f"person {number}/0.png"), crop_of(number)[..., ::-1])
    status, _, error = run("enroll", photos, *asked)
    assert status == 0 and "Refused: 3" in error and "of low quality" in error
    with refused.open() as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert sorted(rows) == sorted(f"person {number}" for number, value in light.items() if value < level)
    for name, row in rows.items():
        assert float(row["quality"]) == pytest.approx(light[int(name[-1])], rel=1e-4)
    assert len(list(photos.rglob("*.png"))) == 6  # nothing is deleted
    status, _, error = run("enroll", photos, "--aligned", "--quality", judge)
    assert status == 1 and "give --min-quality too, or leave it out" in error
    small = quality_onnx(photos, (16, 16))
    assert "take a quality network for these" in run("enroll", photos, "--quality", small, "--min-quality=0")[2]
    assert "there is no network file" in run("enroll", photos, "--quality", "gone.onnx", "--min-quality=0")[2]
    assert run("enroll", photos, "--aligned", "--min-quality=0")[0] == 0


def test_refused_pictures_are_listed(run: Run, tmp_path: Path) -> None:
    photos = people_folder(tmp_path / "people", 2, 1)
    write_photo(photos / "person 1" / "two.png", photo_of(crop_of(1), crop_of(5)))
    write_photo(photos / "person 0" / "small.png", photo_of(crop_of(0), side=20))
    refused = tmp_path / "refused.csv"
    status, _, error = run("enroll", photos, "--csv", refused)
    assert status == 0 and "Refused: 2" in error
    with refused.open() as file:
        assert sorted(row["reason"].split(":")[0].split(",")[0] for row in csv.DictReader(file)) == [
            "2 faces were found",
            "too small",
        ]
    assert run("enroll", photos, "--min-eye-distance", -1, "--several", "largest")[1].count("\n") > 3


def test_people_are_renamed_removed_merged_exported_and_migrated(run: Run, enrolled: Path, tmp_path: Path) -> None:
    def people() -> dict[str, int]:
        run("gallery", "list", "--json", tmp_path / "list.json", model=None)
        return {row["name"]: row["images"] for row in json.loads((tmp_path / "list.json").read_text())["people"]}

    assert run("gallery", "rename", "person 0", "Ann", model=None)[0] == 0
    assert run("gallery", "remove", "person 1", "person 2", model=None)[0] == 0
    assert people() == {"Ann": 3, "person 3": 3, "person 4": 3, "person 5": 3}
    assert "nobody named" in run("gallery", "remove", "person 1", model=None)[2]
    assert run("gallery", "export", tmp_path / "out.npz", model=None)[0] == 0
    with np.load(tmp_path / "out.npz", allow_pickle=False) as out:
        assert out["vectors"].shape == (12, 48) and sorted(set(out["names"].tolist())) == sorted(people())
    other = network_file(tmp_path, name="other.onnx", turned=True)
    status, _, error = run("identify", enrolled, model=other)
    assert status == 1 and "another network" in error
    assert run("gallery", "migrate", model=other)[0] == 0
    assert people() == {"Ann": 3, "person 3": 3, "person 4": 3, "person 5": 3}
    assert run("identify", enrolled, model=other)[0] == 0
    assert "the gallery itself" in run("gallery", "merge", tmp_path / "g.mfng", model=None)[2]


def test_a_migration_that_would_lose_faces_changes_nothing(run: Run, tmp_path: Path) -> None:
    photos = people_folder(tmp_path / "people", 3, 1)
    run("enroll", photos)
    (photos / "person 1/0.png").unlink()
    other = network_file(tmp_path, name="other.onnx", turned=True)
    before = (tmp_path / "g.mfng").read_bytes()
    status, _, error = run("gallery", "migrate", model=other)
    assert status == 1 and "stays as it was" in error and (tmp_path / "g.mfng").read_bytes() == before
    assert run("gallery", "migrate", "--drop", model=other)[0] == 0
    assert "2 faces of 2 people" in run("gallery", "migrate", model=other)[1]


def test_an_approximate_search_names_the_same_people(run: Run, enrolled: Path, tmp_path: Path) -> None:
    pytest.importorskip("usearch")
    exact, near = tmp_path / "exact.json", tmp_path / "near.json"
    run("identify", enrolled, "--json", exact)
    assert run("identify", enrolled, "--search", "approximate", "--json", near)[0] == 0
    assert [face["name"] for face in json.loads(near.read_text())["faces"]] == [
        face["name"] for face in json.loads(exact.read_text())["faces"]
    ]
    assert list(tmp_path.glob("g.mfng.*usearch"))


@pytest.mark.parametrize("verb", ["identify", "enroll", "gallery"])
def test_json_on_the_screen_is_nothing_else(
    run: Run, enrolled: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """Neither tables nor progress, which is told from the first moment on here."""
    monkeypatch.setattr(progress, "_SECONDS", 0.0)
    words = ("list",) if verb == "gallery" else (enrolled,)
    status, out, _ = run(verb, *words, "--json", model=None if verb == "gallery" else run.network)  # type: ignore[attr-defined]
    assert status == 0 and json.loads(out)
    status, out, _ = run("identify", enrolled)
    assert "18/18 photos" in out


def test_nothing_of_others_is_replaced(run: Run, enrolled: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    for content in (b"\nmy own notes\n", b"", b"\x93NUMPY", b"PK\x03\x04"):
        for verb, *words in (
            ("gallery", "list", "--csv", notes),
            ("gallery", "export", notes.with_suffix(".npz")),
            ("enroll", enrolled, "--json", notes),
            ("identify", enrolled, "--csv", notes),
            ("identify", enrolled / "person 0/0.png", "--show", notes),
        ):
            place = Path(words[-1])
            place.write_bytes(content)
            status, out, error = run(verb, *words, model=None if verb == "gallery" else run.network)  # type: ignore[attr-defined]
            assert status == 1 and "foresaw" not in error and place.read_bytes() == content, (verb, out, error)


def test_an_empty_gallery_and_a_full_one_write_to_the_same_files(run: Run, tmp_path: Path) -> None:
    photos = people_folder(tmp_path / "people", 2, 1)
    told = ("--json", tmp_path / "list.json", "--csv", tmp_path / "list.csv")
    run("enroll", photos)
    assert run("gallery", "list", *told, model=None)[0] == 0
    assert run("gallery", "remove", "person 0", "nobody", model=None)[0] == 1
    assert run("gallery", "remove", "person 0", "person 1", model=None)[0] == 0
    for _ in range(2):
        assert run("gallery", "list", *told, model=None)[0] == 0
        run("enroll", photos)
    assert (tmp_path / "list.csv").read_text().count("\n") == 3


def test_somebody_called_unknown_is_somebody(run: Run, tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "a.png", photo_of(crop_of(1), crop_of(2)))
    write_photo(tmp_path / "one.png", photo_of(crop_of(1)))
    run("enroll", tmp_path / "one.png", "--name", "unknown")
    run("identify", photo, "--threshold", 0.8, "--json", tmp_path / "found.json")
    assert [face["known"] for face in json.loads((tmp_path / "found.json").read_text())["faces"]] == [True, False]


def test_a_migration_never_empties_a_gallery(run: Run, tmp_path: Path) -> None:
    photos = people_folder(tmp_path / "people", 2, 1)
    run("enroll", photos)
    photos.rename(tmp_path / "moved")
    other = network_file(tmp_path, name="other.onnx", turned=True)
    status, _, error = run("gallery", "migrate", "--drop", model=other)
    assert status == 1 and "none of its faces" in error
    assert run("gallery", "migrate", "--photos", tmp_path / "moved", model=other)[0] == 0
