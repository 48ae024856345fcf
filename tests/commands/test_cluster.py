"""``mfn cluster``: photos by person, a folder that only replaces its own, and names into a gallery."""

import csv
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import cv2
import numpy as np
import pytest

from mfn.recognition.gallery import Gallery
from tests.commands.recognising import people_folder, say
from tests.recognition.made_people import crop_of, network_file, photo_of, squares, write_photo

Run = Callable[..., tuple[int, str, str]]
HOSTILE = [
    "\"quoted\" 'too'",
    "<script>alert(1)</script>",
    "=cmd|calc",
    "😀 Ünïcode",
    "line\nbreak",
    "javascript:alert(1)",
    "a&b #?%20",
]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    network = network_file(tmp_path)

    def one(*words: object, output: Path | None = tmp_path / "out") -> tuple[int, str, str]:
        placed = () if output is None else ("--output", output)
        return say("cluster", *words, *placed, "--model", network, monkeypatch=monkeypatch, capsys=capsys)

    return one


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Three people on three photos each, two of them and a stranger on one more; an empty photo, no photo."""
    root = people_folder(tmp_path / "album", 3, 3)
    write_photo(root / "party.png", photo_of(crop_of(0, 9), crop_of(1, 9), crop_of(50)))
    write_photo(root / "empty.png", photo_of())
    (root / "broken.jpg").write_text("no picture")
    (root / "notes.txt").write_text("notes")
    return root


def record(folder: Path) -> dict:
    return json.loads((folder / "clusters.json").read_text())


def groups_of(folder: Path) -> list[set[str]]:
    return [{face["photo"] for face in group["faces"]} for group in record(folder)["groups"]]


def test_an_album_by_person(run: Run, album: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in album.rglob("*")}
    status, out, error = run(album)
    found = record(tmp_path / "out")
    assert status == 0 and "broken.jpg" in error and "no picture" not in error
    expected = [{f"person {n}/{shot}.png" for shot in range(3)} | ({"party.png"} if n < 2 else set()) for n in range(3)]
    assert groups_of(tmp_path / "out") == expected
    assert [group["photos"] for group in found["groups"]] == [4, 4, 3]
    assert found["photos"] == 12 and found["photos_without_faces"] == ["empty.png"] and list(found["broken_photos"])
    assert [face["photo"] for face in found["others"]] == ["party.png"]
    assert found["threshold_fmr"] < 1 and "12 " in out and "notes.txt" in out
    assert before == {path: path.stat().st_mtime_ns for path in album.rglob("*")}
    with (tmp_path / "out" / "clusters.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12 and [row["group"] for row in rows] == ["1"] * 4 + ["2"] * 4 + ["3"] * 3 + [""]
    assert rows[0]["width"] == "64.0" and 0.9 < float(rows[0]["score"]) <= 1
    sheets = sorted(path.name for path in (tmp_path / "out").glob("*.png"))
    assert sheets == ["group-1.png", "group-2.png", "group-3.png"]
    assert all(cv2.imread(str(tmp_path / "out" / name)) is not None for name in sheets)
    assert (tmp_path / "out" / "names.csv").read_text() == "group,name\n1,\n2,\n3,\n"


def test_no_face_of_a_photo_shares_a_group_with_another(run: Run, tmp_path: Path) -> None:
    for number in range(4):
        twins = [crop_of(1, 2 * number), crop_of(1, 2 * number + 1)]
        write_photo(tmp_path / "twins" / f"{number}.png", photo_of(*twins, crop_of(2, number)))
    assert run(tmp_path / "twins")[0] == 0
    groups = record(tmp_path / "out")["groups"]
    assert len(groups) == 3
    for group in groups:
        photos = [face["photo"] for face in group["faces"]]
        assert len(photos) == len(set(photos)) == 4


def test_file_names_and_their_order_do_not_matter(run: Run, tmp_path: Path) -> None:
    crops = [(person, shot) for person in range(5) for shot in range(person + 1)]
    found = []
    for seed in range(3):
        names = {
            which: f"{number:03}.png"
            for number, which in zip(np.random.default_rng(seed).permutation(15), crops, strict=True)
        }
        for which, name in names.items():
            write_photo(tmp_path / f"album {seed}" / name, photo_of(crop_of(*which)))
        output = tmp_path / f"out {seed}"
        assert run(tmp_path / f"album {seed}", output=output)[0] == 0
        back = {name: which for which, name in names.items()}
        found.append(sorted(sorted(back[photo] for photo in group) for group in groups_of(output)))
    assert found[0] == found[1] == found[2] and len(found[0]) == 4


@pytest.mark.parametrize(
    ("photos", "groups", "says"),
    [
        ([[(1, 0)]], [], "There are no groups"),
        ([[]], [], "No face was found"),
        ([[(1, 0)], [(2, 0)], [(3, 0)]], [], "There are no groups"),
        ([[(1, 0)], [(1, 0)]], [], "There are no groups"),  # a copy of a photo is no second photo
        ([[(1, 0)], [(1, 0)], [(1, 1)]], [3], "1"),
        ([[(1, 0), (2, 0)], [(1, 0), (2, 0)], [(1, 1), (2, 1)]], [3, 3], "2"),
    ],
)
def test_small_albums(run: Run, tmp_path: Path, photos: list, groups: list[int], says: str) -> None:
    for number, faces in enumerate(photos):
        write_photo(tmp_path / "album" / f"{number}.png", photo_of(*(crop_of(*face) for face in faces)))
    status, out, _ = run(tmp_path / "album")
    assert status == 0 and says in out
    assert [len(group) for group in groups_of(tmp_path / "out")] == groups
    assert (tmp_path / "out" / "index.html").is_file()


def test_aligned_crops_of_the_right_size_alone(run: Run, tmp_path: Path) -> None:
    for person in range(2):
        for shot in range(3):
            write_photo(tmp_path / "crops" / f"{person}{shot}.png", crop_of(person, shot))
    write_photo(tmp_path / "crops" / "large.png", photo_of(crop_of(1)))
    status, _, error = run(tmp_path / "crops", "--aligned")
    assert status == 0 and "large.png has 104x104 pixels" in error
    assert [len(group) for group in groups_of(tmp_path / "out")] == [3, 3]


def test_threshold_and_number_of_photos(run: Run, album: Path, tmp_path: Path) -> None:
    assert run(album, "--min-photos", 4)[0] == 0 and len(groups_of(tmp_path / "out")) == 2
    assert run(album, "--threshold", 1)[0] == 0 and groups_of(tmp_path / "out") == []
    assert run(album, "--threshold", -1)[0] == 0 and len(groups_of(tmp_path / "out")) == 2


def test_faces_that_show_nothing_are_in_no_group(run: Run, tmp_path: Path) -> None:
    blurred = cv2.GaussianBlur(crop_of(1), (0, 0), 12) // 2 + 100
    for number in range(3):
        write_photo(tmp_path / "album" / f"{number}.png", photo_of(crop_of(5, number), blurred + np.uint8(number)))
    assert run(tmp_path / "album")[0] == 0
    found = record(tmp_path / "out")
    assert len(found["groups"]) == 1 and len(found["others"]) == 3
    assert all("blurred" in face["poor"] for face in found["others"]) and not found["groups"][0]["faces"][0]["poor"]
    assert run(tmp_path / "album", "--all-faces")[0] == 0 and len(groups_of(tmp_path / "out")) == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("album", "--min-photos", 1), "--min-photos must be at least 2"),
        (("album", "--threshold", 3), "a cosine from -1 to 1"),
        (("album", "--threshold", 0.5, "--fpir", 0.1), "not both"),
        (("album", "--fpir", 0), "between 0 and 1"),
        (("gone",), "there is no folder at"),
        (("album/notes.txt",), "there is no folder at"),
        (("nothing",), "hold no image"),
        ((), "name a folder of photos"),
        (("album", "--gallery", "g"), "go with --enroll"),
        (("--enroll", "out/names.csv"), "needs --gallery"),
        (("--enroll", "out/names.csv", "--gallery", "g"), "no clusters.json of `mfn cluster`"),
    ],
)
def test_what_makes_no_sense(run: Run, album: Path, tmp_path: Path, words: tuple, says: str) -> None:
    (tmp_path / "nothing").mkdir()
    places = ("album", "gone", "nothing", "out", "g")
    placed = [tmp_path / word if str(word).startswith(places) else word for word in words]
    status, _, error = run(*placed)
    assert status == 1 and says in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists() and not (tmp_path / "g").exists()


def test_only_what_mfn_wrote_is_replaced(run: Run, album: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    assert run(album)[0] == 0  # an empty folder may be filled
    assert run(album, "--min-photos", 4)[0] == 0 and not (output / "group-3.png").exists()
    (output / "mine.txt").write_text("mine")
    status, _, error = run(album)
    assert status == 1 and "mine.txt" in error and (output / "mine.txt").read_text() == "mine"
    (output / "mine.txt").unlink()
    (output / "names.csv").write_text("group,name\n1,Ann\n2,\n")
    status, _, error = run(album)
    assert status == 1 and "names.csv was changed" in error and "Ann" in (output / "names.csv").read_text()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("made", ["file", "link", "folder"])
def test_a_stranger_in_the_place_of_the_output(run: Run, album: Path, tmp_path: Path, made: str) -> None:
    output, other = tmp_path / "out", tmp_path / "other"
    other.mkdir()
    (other / "written.json").write_text('{"made_by": "somebody", "files": {"written.json": ""}}')
    (other / "a.txt").write_text("a")
    {
        "file": lambda: output.write_text("x"),
        "link": lambda: output.symlink_to(other),
        "folder": lambda: other.rename(output),
    }[made]()
    before = sorted(tmp_path.rglob("*"))
    assert run(album)[0] == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_the_output_is_no_folder_of_photos(run: Run, album: Path) -> None:
    for output in (album, album / "clusters", album / "person 0" / ".." / "clusters"):
        status, _, error = run(album, output=output)
        assert status == 1 and "--output" in error and not (album / "clusters").exists()


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_files_stay_names(run: Run, tmp_path: Path, name: str) -> None:
    root = tmp_path / "album" / name if os.sep not in name else tmp_path / "album"
    name = name.replace("/", "")
    for shot in range(2):
        write_photo(tmp_path / "album" / name / f"{name}{shot}.png", photo_of(crop_of(1, shot)))
    write_photo(tmp_path / "album" / f"{name}.png", photo_of(crop_of(2)))
    (tmp_path / "album" / f"{name}.jpg").write_text("no picture")
    status, _, _ = run(tmp_path / "album", output=tmp_path / f"out {name}")
    assert status == 0 and root.parent.is_dir()
    output = tmp_path / f"out {name}"
    page = (output / "index.html").read_text(encoding="utf-8")
    assert "<script" not in page and "javascript:" not in "".join(re.findall(r'href="([^"]*)"', page))
    links = [unquote(link) for link in re.findall(r'<a href="([^"]*)" title', page)]
    assert len(links) == 3 and all((output / link).is_file() for link in links)
    assert groups_of(output) == [{f"{name}/{name}{shot}.png" for shot in range(2)}]
    with (output / "clusters.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 4 and not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row)


@pytest.mark.skipif(os.name != "posix", reason="names of bytes")
def test_a_name_that_is_no_text(run: Run, tmp_path: Path) -> None:
    root = tmp_path / "album"
    write_photo(root / "a.png", photo_of(crop_of(1)))
    write_photo(root / "b.png", photo_of(crop_of(1, 1)))
    (root / "b.png").rename(os.fsdecode(os.fsencode(root) + b"/\xff.png"))
    assert run(root)[0] == 0 and len(groups_of(tmp_path / "out")[0]) == 2
    (tmp_path / "out" / "names.csv").write_text("group,name\n1,Ann\n")
    assert run("--enroll", tmp_path / "out" / "names.csv", "--gallery", tmp_path / "g", output=None)[0] == 0
    with Gallery.open(tmp_path / "g", squares(tmp_path)) as gallery:
        assert [(person.name, person.images) for person in gallery.people()] == [("Ann", 2)]


def test_groups_with_names_become_people(run: Run, album: Path, tmp_path: Path) -> None:
    assert run(album)[0] == 0
    names, gallery_file = tmp_path / "out" / "names.csv", tmp_path / "people.mfng"
    for text in (
        'group,name\n1,"Doe, Jane"\n2,\n3,Älva 😀\n',
        "\ufeffgroup;name\r\n1;Doe, Jane\r\n2;\r\n3;Älva 😀\r\n",
    ):
        names.write_text(text, encoding="utf-8", newline="")
        status, out, error = run("--enroll", names, "--gallery", gallery_file, output=None)
        assert status == 0 and "Doe, Jane" in out, error
        with Gallery.open(gallery_file, squares(tmp_path)) as gallery:
            assert [(person.name, person.images) for person in gallery.people()] == [("Doe, Jane", 4), ("Älva 😀", 3)]
            assert gallery.identify(squares(tmp_path)(crop_of(2, 7)[None]))[0][0].name == "Älva 😀"
    assert "7 faces were there already" in out  # the second time


def test_two_groups_with_one_name_become_one_person(run: Run, album: Path, tmp_path: Path) -> None:
    assert run(album)[0] == 0
    (tmp_path / "out" / "names.csv").write_text("1,Ann\n2,Ann\n3,Bob\n")
    moved = shutil.move(album, tmp_path / "moved")
    words = ("--enroll", tmp_path / "out" / "names.csv", "--gallery", tmp_path / "g")
    status, _, error = run(*words, output=None)
    assert status == 1 and "name their folder" in error
    status, _, error = run(moved, *words, output=None)
    assert status == 0 and "party.png: Ann is two faces of this photo" in error
    with Gallery.open(tmp_path / "g", squares(tmp_path)) as gallery:
        assert [(person.name, person.images) for person in gallery.people()] == [("Ann", 8), ("Bob", 3)]


def test_photos_that_changed_since_are_told(run: Run, album: Path, tmp_path: Path) -> None:
    assert run(album)[0] == 0
    (tmp_path / "out" / "names.csv").write_text("group,name\n1,Ann\n")
    (album / "person 0" / "0.png").unlink()
    write_photo(album / "person 0" / "1.png", photo_of(crop_of(0), side=20))
    status, out, error = run("--enroll", tmp_path / "out" / "names.csv", "--gallery", tmp_path / "g", output=None)
    assert status == 0 and "2 refused" in out
    assert "No such file" in error and "not found any more" in error


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("group,name\n9,Ann\n", "there is no group 9"),
        ("group,name\n1,Ann\n1,Bob\n", "has a name already, Ann"),
        ("group,name\nAnn,1\n", "expected the number of a group"),
        ("group,name\n1,Doe, Jane\n", '"A, B"'),
        ("group,name\n1,\n2,  \n", "names nobody"),
        ("", "names nobody"),
        ("group,name\n1," + "x" * 10_000 + "\n", "name"),
    ],
)
def test_names_that_make_no_sense(run: Run, album: Path, tmp_path: Path, text: str, says: str) -> None:
    assert run(album)[0] == 0
    (tmp_path / "out" / "names.csv").write_text(text)
    status, _, error = run("--enroll", tmp_path / "out" / "names.csv", "--gallery", tmp_path / "g", output=None)
    assert status == 1 and says in error and error.count("\n") == 1 and not (tmp_path / "g").exists()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content.pop("groups"),
        lambda content: content["groups"][0]["faces"][0].update(photo="../../secret.png"),
        lambda content: content["groups"][0]["faces"][0].update(photo="/secret.png"),
        lambda content: content["groups"][0]["faces"][0].update(x="left"),
        lambda content: content["groups"].append(7),
        lambda content: content.update(folder=7),
    ],
)
def test_a_record_that_somebody_changed(run: Run, album: Path, tmp_path: Path, spoil: Callable) -> None:
    assert run(album)[0] == 0
    content = record(tmp_path / "out")
    spoil(content)
    (tmp_path / "out" / "clusters.json").write_text(json.dumps(content))
    (tmp_path / "out" / "names.csv").write_text("group,name\n1,Ann\n")
    status, _, error = run("--enroll", tmp_path / "out" / "names.csv", "--gallery", tmp_path / "g", output=None)
    assert status == 1 and "is no clusters.json" in error
