import unicodedata
from pathlib import Path

import pytest

from mfn.images.finder import ImageFinder, finder_of
from tests.benchmarks.benchmark_files import write_images


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("a.jpg", "a.png"),
        ("J. Jr._1", "J. Jr._1.jpg"),
        ("b.png", "b.png"),
        ("b.bmp", "b.jpg"),
        ("ADA/x.JPG", "Ada/x.jpg"),
        ("Ada/X.jpeg", "Ada/x.jpg"),
        (r"Ada\x.jpg", "Ada/x.jpg"),
        (r"ada\X.PNG", "Ada/x.jpg"),
        ("Ada/../b.jpg", "Ada/../b.jpg"),
        ("./Ada/x.jpg", "Ada/x.jpg"),
        ("Bob/y", "Bob/y.JPG"),
        ("odd\\name.jpg", "odd\\name.jpg"),
        (unicodedata.normalize("NFD", "Zoë/é.jpg"), unicodedata.normalize("NFC", "Zoë/é.jpg")),
        ("c.jpg", None),
        ("J. Jr._2", None),
        ("Eve/x.jpg", None),
        ("x" * 5000, None),
        ("", None),
        (".", None),
    ],
)
def test_images_are_found_as_they_lie(tmp_path: Path, named: str, found: str | None) -> None:
    names = ["a.png", "J. Jr._1.jpg", "b.jpg", "b.png", "Ada/x.jpg", "Bob/y.JPG", "odd\\name.jpg"]
    write_images(tmp_path, [*names, unicodedata.normalize("NFC", "Zoë/é.jpg")])
    assert ImageFinder(tmp_path).find(named) == (None if found is None else tmp_path / found)


def test_a_name_as_it_is_written_goes_first(tmp_path: Path) -> None:
    write_images(tmp_path, ["ann/1.jpg", "Ann/1.jpg"])
    for person in ("ann", "Ann"):
        assert ImageFinder(tmp_path).find(f"{person}/1.jpg") == tmp_path / person / "1.jpg"


def test_the_folder_with_most_of_the_images_is_taken_the_first_of_equals(tmp_path: Path) -> None:
    write_images(tmp_path / "few", ["1.jpg"])
    for folder in ("many", "too"):
        write_images(tmp_path / folder, ["1.jpg", "2.jpg"])
    roots = [tmp_path / name for name in ("none", "few", "many", "too")]
    assert finder_of(roots, ["1.jpg", "2.jpg"]).root == tmp_path / "many"
    assert finder_of(roots, ["9.jpg"]).root == tmp_path / "none"
