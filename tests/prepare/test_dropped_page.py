import base64
import re
from pathlib import Path

import numpy as np

from mfn.images.decode import decode_rgb
from mfn.prepare.clean import DUPLICATE, SHARED
from mfn.prepare.dropped_page import write_dropped_page
from mfn.prepare.manifest import Manifest


def table(*reasons: str) -> Manifest:
    names = [f"{number}.jpg" for number in range(len(reasons))]
    return Manifest(name=np.array(names), identity=np.full(len(reasons), "person"), reason=np.array(reasons, str))


def page(tmp_path: Path, manifest: Manifest, most: int = 24) -> str:
    def image(row: int) -> np.ndarray | None:
        return None if manifest.reason[row] == "broken" else np.full((30, 20, 3), 10 * row, np.uint8)

    write_dropped_page(tmp_path / "dropped.html", manifest, image, most=most)
    return (tmp_path / "dropped.html").read_text(encoding="utf-8")


def shown(text: str) -> list[str]:
    return re.findall(r"<figcaption>([^<]*)<br>", text)


def test_reasons_with_counts_the_most_common_first(tmp_path: Path) -> None:
    text = page(tmp_path, table("tiny", "blurry", "", "tiny", "broken"))
    assert re.findall(r"<h2[^>]*>([^<]*)</h2>", text) == ["tiny: 2", "blurry: 1", "broken: 1"]
    assert "1 of 5 images were kept" in text and shown(text) == ["0.jpg", "3.jpg", "1.jpg", "4.jpg"]
    assert text.count("no image") == 1


def test_images_are_in_the_file(tmp_path: Path) -> None:
    encoded = re.findall(r"base64,([^\"]*)", page(tmp_path, table("", "", "", "tiny")))
    pixels = decode_rgb(base64.b64decode(encoded[0]))
    assert len(encoded) == 1 and pixels.shape == (132, 88, 3) and abs(int(pixels.mean()) - 30) <= 1


def test_no_more_than_asked_spread_over_the_table(tmp_path: Path) -> None:
    assert shown(page(tmp_path, table(*["tiny"] * 9), most=3)) == ["0.jpg", "4.jpg", "8.jpg"]


def test_a_duplicate_stands_beside_the_copy_that_was_kept(tmp_path: Path) -> None:
    manifest = table("", DUPLICATE, "").replace(hash=np.array([0b111000, 0b11, 0b111], np.uint64))
    text = page(tmp_path, manifest)
    assert shown(text) == ["1.jpg", "2.jpg"] and text.count("<br>kept, person") == 1


def test_shared_images_stand_beside_one_another(tmp_path: Path) -> None:
    manifest = table(*[SHARED] * 4).replace(hash=np.array([5, 9, 5, 9], np.uint64))
    assert shown(page(tmp_path, manifest)) == ["0.jpg", "2.jpg", "1.jpg", "3.jpg"]


def test_names_are_text(tmp_path: Path) -> None:
    manifest = table("tiny").replace(name=np.array(["<script>alert(1)</script>"]))
    text = page(tmp_path, manifest.replace(reason=np.array(["<b>odd</b>"])))
    assert "<script" not in text and "<b>" not in text and "&lt;script" in text


def test_copies_are_not_counted(tmp_path: Path) -> None:
    manifest = table("tiny", "", "").replace(variant=np.array(["", "", "hsv"]))
    assert "1 of 2 images" in page(tmp_path, manifest)


def test_nothing_dropped(tmp_path: Path) -> None:
    assert "2 of 2 images were kept" in page(tmp_path, table("", ""))
