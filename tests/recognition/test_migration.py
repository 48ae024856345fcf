"""Galleries go over to another network with their names."""

from pathlib import Path

import pytest

from mfn.errors import DataError
from mfn.recognition.enrolment import Gate, enroll
from mfn.recognition.gallery import Gallery
from mfn.recognition.migration import embedded_anew
from mfn.recognition.pipeline import FacePipeline
from tests.recognition.made_people import SquareDetector, crop_of, photo_of, squares, write_photo


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("network", ["turned", "larger crops"])
@pytest.mark.parametrize("photos", ["there", "moved", "gone"])
def test_names_and_faces_go_over(tmp_path: Path, kept: bool, network: str, photos: str) -> None:
    """From kept crops where they serve, else from the photo, and from it the face that was enrolled."""
    embedder, album = squares(tmp_path), tmp_path / "album"
    pictures = [(f"person {n}", write_photo(album / f"{n}/a.png", photo_of(crop_of(n), crop_of(50)))) for n in range(3)]
    gallery = Gallery.open(tmp_path / "g", embedder)
    enroll(
        gallery,
        FacePipeline(SquareDetector(), embedder),
        pictures,
        gate=Gate(None, None, None),
        several="central",
        keep_crops=kept,
    )
    before = [(face.name, face.source) for face in gallery.faces()]
    moved = None
    if photos != "there":
        album.rename(tmp_path / "elsewhere")
        moved = tmp_path / "elsewhere" if photos == "moved" else None
    new = squares(tmp_path, name="new.onnx", **({"turned": True} if network == "turned" else {"side": 64}))
    found = embedded_anew(gallery, FacePipeline(SquareDetector(), new), photos=moved)
    if photos == "gone" and not (kept and network == "turned"):
        assert len(found.lost) == 3 and "its photo is gone" in found.lost[0][2]
        return
    assert not found.lost
    gallery.rewritten(new, "none", found.rows, found.of)
    assert [(face.name, face.source) for face in gallery.faces()] == before
    gallery.close()
    with Gallery.open(tmp_path / "g", new) as again:
        look = FacePipeline(SquareDetector(), new)
        for n in range(3):
            assert again.identify(look(photo_of(crop_of(n, 3)))[0])[0][0].name == f"person {n}"
        assert again.identify(look(photo_of(crop_of(50)))[0])[0][0].score < 0.9


def test_a_face_that_is_no_longer_there_is_told(tmp_path: Path) -> None:
    embedder = squares(tmp_path)
    photo = write_photo(tmp_path / "a.png", photo_of(crop_of(1)))
    gallery = Gallery.open(tmp_path / "g", embedder)
    pipeline = FacePipeline(SquareDetector(), embedder)
    gallery.enroll("one", pipeline(photo), source=str(photo))
    write_photo(photo, photo_of())
    new = FacePipeline(SquareDetector(), squares(tmp_path, name="new.onnx", turned=True))
    found = embedded_anew(gallery, new)
    assert not found.rows and "does not show the face" in found.lost[0][2]
    photo.write_text("no picture any more")
    assert "no whole" in embedded_anew(gallery, new).lost[0][2]


def test_what_others_did_meanwhile_is_neither_lost_nor_mixed(tmp_path: Path) -> None:
    embedder, new = squares(tmp_path), squares(tmp_path, name="new.onnx", turned=True)
    look, look_anew = FacePipeline(SquareDetector(), embedder), FacePipeline(SquareDetector(), new)
    photo = write_photo(tmp_path / "a.png", photo_of(crop_of(1)))
    gallery, other = Gallery.open(tmp_path / "g", embedder), Gallery.open(tmp_path / "g", embedder)
    gallery.enroll("one", look(photo), source=str(photo))
    found = embedded_anew(gallery, look_anew)
    other.enroll("late", look(photo_of(crop_of(2))))
    with pytest.raises(DataError, match="changed while it was migrated"):
        gallery.rewritten(new, "none", found.rows, found.of)
    assert [person.name for person in other.people()] == ["late", "one"]
    other.remove("late")
    gallery.rewritten(new, "none", found.rows, found.of)
    for use in (lambda: other.enroll("old", look(photo_of(crop_of(3)))), lambda: other.identify(look(photo)[0])):
        with pytest.raises(DataError, match="was migrated"):
            use()
    assert gallery.identify(look_anew(photo)[0])[0][0].score > 0.999


def test_kept_crops_can_come_later(tmp_path: Path) -> None:
    embedder = squares(tmp_path)
    pictures = [("one", write_photo(tmp_path / "a.png", photo_of(crop_of(1))))]
    gallery, look = Gallery.open(tmp_path / "g", embedder), FacePipeline(SquareDetector(), embedder)
    for kept in (False, True):
        result = enroll(gallery, look, pictures, gate=Gate(None, None, None), keep_crops=kept)
    assert result.known == 1 and gallery.faces()[0].crop is not None
    assert Path(gallery.faces()[0].source).is_absolute()
