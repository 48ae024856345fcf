"""``mfn verify``: an answer, its exit status, and never "different" for a face that was not found."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.commands.recognising import say
from tests.recognition.made_people import crop_of, network_file, photo_of, write_photo

Verify = Callable[..., tuple[int, str, str]]


@pytest.fixture
def verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Verify:
    network = network_file(tmp_path)
    monkeypatch.setenv("MFN_HOME", str(tmp_path / "home"))
    for name, photo in {
        "a": photo_of(crop_of(1)),
        "a2": photo_of(crop_of(1, 1)),
        "b": photo_of(crop_of(2)),
        "none": photo_of(),
        "group": photo_of(crop_of(1, 2), crop_of(3), crop_of(4)),
    }.items():
        write_photo(tmp_path / f"{name}.png", photo)
    write_photo(tmp_path / "crop a.png", crop_of(1))
    (tmp_path / "text.jpg").write_text("no picture")

    def run(*words: object, model: bool = True) -> tuple[int, str, str]:
        placed = [tmp_path / str(word) if str(word).endswith((".png", ".jpg")) else word for word in words]
        chosen = ("--model", network) if model else ()
        return say("verify", *placed, *chosen, monkeypatch=monkeypatch, capsys=capsys)

    return run


@pytest.mark.parametrize(
    ("photos", "words", "status", "says"),
    [
        (("a.png", "a2.png"), (), 0, "the same person: similarity 0.9"),
        (("a.png", "b.png"), (), 1, "different people: similarity"),
        (("a.png", "a.png"), (), 0, "similarity 1.0000"),
        (("a.png", "a2.png"), ("--threshold", 0.97, "--band", 0.1), 2, "not sure"),
        (("a.png", "none.png"), (), 2, "no face was found"),
        (("none.png", "none.png"), (), 2, "no answer"),
        (("a.png", "text.jpg"), (), 2, "no whole JPEG"),
        (("a.png", "gone.png"), (), 2, "No such file"),
        (("a.png", "group.png"), (), 0, "3 faces, the largest was taken"),
        (("a.png", "group.png"), ("--several", "skip"), 2, "nobody said which one is meant"),
        (("crop a.png", "crop a.png"), ("--aligned",), 0, "the same person"),
        (("a.png", "crop a.png"), ("--aligned",), 2, "104x104 pixels, the network takes aligned crops of 32x32"),
        (("a.png",), (), 2, "give two photos, got 1"),
        (("a.png", "b.png"), ("--fmr", "0"), 2, "false match rate"),
        (("a.png", "b.png"), ("--band", "2"), 2, "--band"),
        (("a.png", "b.png"), ("--csv", "x.csv"), 2, "--csv goes with --pairs"),
    ],
)
def test_status_and_words(verify: Verify, photos: tuple[str, ...], words: tuple, status: int, says: str) -> None:
    done, out, error = verify(*photos, *words)
    assert done == status and says in out + error
    assert (done == 1) == ("different people" in out)


def test_the_threshold_is_told_with_its_false_match_rate(verify: Verify) -> None:
    assert "threshold 0.6000, which stands for a false match rate of 1e-05" in verify("a.png", "b.png")[1]
    assert (
        "threshold 0.4000, which stands for a false match rate of 0.001" in verify("a.png", "b.png", "--fmr", 1e-3)[1]
    )
    assert "never measured at a false match rate of 1e-09" in verify("a.png", "b.png", "--fmr", 1e-9)[2]


def test_without_a_model_it_says_how_to_get_one(verify: Verify) -> None:
    status, _, error = verify("a.png", "b.png", model=False)
    assert status == 2 and error.count("\n") == 1 and "mfn fetch sface" in error


def test_without_a_model_the_fetched_one_is_taken(verify: Verify, tmp_path: Path) -> None:
    """Its authors' threshold is told, and that nobody knows its false match rate."""
    made = network_file(tmp_path, name="sface.onnx", side=112)
    (tmp_path / "home").mkdir()
    made.rename(tmp_path / "home" / "sface.onnx")
    status, out, _ = verify("a.png", "a2.png", model=False)
    assert status == 0 and "threshold 0.3630, which stands for an unknown false match rate" in out


def test_json_in_place_of_words_and_in_a_file(verify: Verify, tmp_path: Path) -> None:
    file = tmp_path / "answer.json"
    verify("a.png", "a2.png", "--json", file)
    found = json.loads(file.read_text())
    assert (found["answer"], found["threshold"], found["fmr"]) == ("same", 0.6, 1e-5) and found["similarity"] > 0.9
    assert found["faces"][0][0]["compared"] is True
    assert verify("a.png", "none.png", "--json", file)[0] == 2
    assert json.loads(file.read_text())["similarity"] is None


def test_the_picture_is_drawn_and_nothing_of_others_replaced(verify: Verify, tmp_path: Path) -> None:
    picture = tmp_path / "shown.png"
    for photos in (("a.png", "a2.png"), ("group.png", "none.png")):
        verify(*photos, "--show", picture)
        drawn = cv2.imread(str(picture))
        assert drawn is not None and np.ptp(drawn) > 100
    before = (tmp_path / "b.png").read_bytes()
    status, _, error = verify("a.png", "b.png", "--show", tmp_path / "b.png")
    assert status == 2 and "mfn did not write it" in error and (tmp_path / "b.png").read_bytes() == before


@pytest.mark.parametrize("header", ["", "first,second\n"])
@pytest.mark.parametrize("divider", [",", ";", "\t"])
def test_many_pairs_from_a_file(verify: Verify, tmp_path: Path, header: str, divider: str) -> None:
    rows = [("a.png", "a2.png"), ("a.png", "b.png"), ("b.png", "none.png"), ("text.jpg", "a.png")]
    pairs, answers = tmp_path / "pairs.csv", tmp_path / "answers.csv"
    pairs.write_text((header + "".join(f"{one},{two}\n" for one, two in rows)).replace(",", divider))
    status, _, error = verify("--pairs", pairs, "--csv", answers)
    with answers.open() as file:
        told = list(csv.DictReader(file))
    assert [row["answer"] for row in told] == ["same", "different", "no answer", "no answer"]
    assert status == 2 and "no face was found" in error and told[2]["similarity"] == ""
    pairs.write_text("a.png,a2.png\na.png,b.png\n")
    assert verify("--pairs", pairs, "--csv", answers)[0] == 0
    for content, says in (("", "names no pair"), ("a.png,b.png\nlonely.png\n", "line 2")):
        pairs.write_text(content)
        status, _, error = verify("--pairs", pairs)
        assert status == 2 and says in error


def _jpeg(photo: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(".jpg", photo[:, :, ::-1], options)[1].tobytes()


def test_pictures_of_every_kind_come_to_the_same_face(verify: Verify, tmp_path: Path) -> None:
    """Grey, 16 bits, transparent, CMYK, turned by EXIF, WebP, of several frames: each is the photo it shows."""
    from PIL import Image

    photo = photo_of(crop_of(1))
    picture = Image.fromarray(photo)
    made = {
        "sixteen.png": cv2.imencode(".png", photo[:, :, ::-1].astype(np.uint16) * 257)[1].tobytes(),
        "large.png": cv2.imencode(".png", cv2.resize(photo, None, fx=12, fy=12)[:, :, ::-1])[1].tobytes(),
    }
    for name, content in made.items():
        (tmp_path / name).write_bytes(content)
    clear = picture.convert("RGBA")
    clear.save(tmp_path / "clear.png")
    picture.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    picture.save(tmp_path / "web.png", format="WEBP", quality=95)
    picture.save(tmp_path / "frames.png", format="GIF", save_all=True, append_images=[picture.rotate(90)])
    turned = Image.Exif()
    turned[0x0112] = 6
    picture.rotate(90, expand=True).save(tmp_path / "turned.jpg", quality=95, exif=turned)
    for name in (*made, "clear.png", "cmyk.jpg", "web.png", "frames.png", "turned.jpg"):
        status, out, error = verify("a.png", name)
        assert status == 0, (name, out, error)


def test_bombs_and_tiny_pictures_come_to_a_sentence(verify: Verify, tmp_path: Path) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(bomb)
    write_photo(tmp_path / "dot.png", np.full((1, 1, 3), 200, np.uint8))
    whole = _jpeg(photo_of(crop_of(1)))
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 8])
    for name, says in (("bomb.png", "million"), ("dot.png", "no face"), ("cut.jpg", "")):
        status, out, error = verify("a.png", name)
        assert status == 2 and says in out + error and "Traceback" not in error, (name, out, error)


def test_names_of_any_kind(verify: Verify, tmp_path: Path) -> None:
    for name in ('it\'s "b".png', "new\nline.png", "😀.png", os.fsdecode(b"\xff.png")):
        write_photo(tmp_path / name, photo_of(crop_of(1)))
        status, _, error = verify("a.png", name)
        assert status == 0 and "Traceback" not in error, error
