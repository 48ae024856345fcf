"""What the page answers, without a page."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mfn.contract import MeasuredScores
from mfn.recognition.gallery import Gallery
from mfn.recognition.pipeline import FacePipeline
from mfn.recognition.thresholds import Threshold
from mfn.serving.demo.answers import MOST_PHOTOS, Demo
from mfn.serving.demo.model import model_html
from tests.serving.stubs import CONTRACT, NOBODY, Columns, embedder, person, png

HOSTILE = '<img src=x onerror=alert(1)> ${alert(1)} {{7*7}} & "O\'Neil"'
THRESHOLD = Threshold(0.5, 0.001, "the tests'")

Sent = Callable[..., str]


@pytest.fixture
def sent(tmp_path: Path) -> Sent:
    """Writes a photo as a browser has sent it."""

    def write(name: str, *faces: np.ndarray, data: bytes | None = None) -> str:
        (tmp_path / name).write_bytes(png(*faces) if data is None else data)
        return str(tmp_path / name)

    return write


def demo(gallery: Gallery | None = None, band: float = 0.0) -> Demo:
    pipeline = FacePipeline(Columns(), embedder())
    return Demo(
        pipeline, THRESHOLD, lambda asked: THRESHOLD, lambda faces: THRESHOLD, gallery, "centroid", band, 10**6, False
    )


def test_two_photos_are_compared(sent: Sent) -> None:
    one, same, other = sent("1.png", person(1)), sent("2.png", person(1, 1)), sent("3.png", person(2))
    for file, said in ((same, "The same person"), (other, "Different people")):
        page = demo().compare(one, file, "largest")
        assert said in page
        assert page.count("<img") == 4  # two photos and two crops
        assert "false match rate of 0.001" in page
    assert "Not sure" in demo(band=0.99).compare(one, other, "largest")


@pytest.mark.parametrize(
    ("data", "said"),
    [(NOBODY, "no face was found"), (b"hello", "no whole"), (png(*[person(1)] * 100), "million"), (b"", "0 bytes")],
)
def test_what_is_no_answer_is_a_sentence(sent: Sent, data: bytes, said: str) -> None:
    page = demo().compare(sent("1.png", person(1)), sent("2.png", data=data), "largest")
    assert said in page
    assert "Different" not in page
    assert "Same" not in page


def test_nothing_chosen_is_told() -> None:
    assert "two photos" in demo().compare(None, None, "largest")
    assert "no gallery" in demo().find(None)
    assert "photos first" in demo().group([])
    assert f"At most {MOST_PHOTOS}" in demo().group(["x.png"] * (MOST_PHOTOS + 1))
    assert demo().preview(None) == ""


def test_a_photo_is_turned_as_its_camera_says(sent: Sent, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "turned.jpg", exif=exif)
    assert demo()._photo(str(tmp_path / "turned.jpg")).pixels.shape == (40, 20, 3)


def test_people_of_a_gallery_are_found(sent: Sent, tmp_path: Path) -> None:
    with Gallery.open(tmp_path / "g.mfng", embedder()) as gallery:
        page = demo(gallery)
        both = sent("both.png", person(1, 1), person(3))
        assert "Nobody is in the gallery" in page.find(both)
        gallery.enroll(HOSTILE, page.pipeline(person(1)))
        found = page.find(both)
        assert "no face" in page.find(sent("none.png", data=NOBODY))
    assert "unknown" in found
    assert "alert(1)" in found
    assert "<img src=x" not in found


def test_photos_are_grouped_by_person(sent: Sent) -> None:
    files = [sent("a.png", person(1), person(2)), sent("b.png", person(1, 1)), sent("c.png", person(3))]
    files += [sent("nobody.png", data=NOBODY), sent("broken.png", data=b"hello")]
    page = demo().group(files)
    assert page.count("Person 1: 2 photos") == 1
    assert "Person 2" not in page
    alone = page[page.index("On one photo only") :]
    assert re.findall(r"<figcaption>(.*?)</figcaption>", alone) in (["a.png", "c.png"], ["c.png", "a.png"])
    assert "nobody.png: no face was found" in page
    assert "broken.png" in page


def test_a_network_is_described() -> None:
    measured = MeasuredScores(
        HOSTILE, "none", 1000, 100, ((1.0, -0.2), (0.1, 0.2), (0.001, 0.6)), ((1.0, 0.95), (0.5, 0.7), (0.01, 0.3))
    )
    page = model_html({"network": HOSTILE}, CONTRACT, "none", THRESHOLD)
    assert "Nobody measured" in page
    full = model_html({}, CONTRACT.__class__(embedding_dim=192, measured=measured), "none", THRESHOLD)
    assert "1,000 comparisons" in full
    assert "beyond what was measured" in full
    assert "<svg" in full
    assert "<img src=x" not in page + full
