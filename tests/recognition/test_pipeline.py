"""Photos to faces to embeddings."""

from pathlib import Path

import numpy as np
import pytest

from mfn.align.mtcnn import MtcnnDetector
from mfn.errors import BrokenImageError, ConfigError, DataError
from mfn.inference.embedder import FaceEmbedder
from mfn.recognition.picture import Aligned, Photo
from mfn.recognition.pipeline import FacePipeline
from tests.recognition.made_people import SIDE, SquareDetector, crop_of, photo_of, pipeline, squares, write_photo


def test_a_photo_comes_to_its_faces_and_each_to_the_embedding_of_its_crop(tmp_path: Path) -> None:
    faces = pipeline(tmp_path)
    found = faces(photo_of(crop_of(1), crop_of(2), crop_of(3)))
    assert [face.box[2:].tolist() for face in found] == [[64, 64]] * 3
    for face, person in zip(found, (1, 2, 3), strict=True):
        assert face.embedding @ faces(Aligned(crop_of(person)))[0].embedding > 0.999
        np.testing.assert_allclose(face.embedding, faces.embedder(face.crop[None])[0], atol=1e-6)
        assert face.quality.eye_distance == pytest.approx(2 * (73.5318 - 38.2946) * SIDE / 112, rel=0.01)
    assert faces(photo_of()) == []


def test_a_picture_says_by_its_type_whether_it_is_aligned(tmp_path: Path) -> None:
    """An aligned crop is never searched for faces, and a photo never taken for a crop, whatever its size."""
    faces = pipeline(tmp_path)
    assert len(faces(Aligned(crop_of(1)))) == 1
    small = np.full((SIDE, SIDE, 3), 40, np.uint8)
    assert faces(Photo(small)) == faces(small) == []
    with pytest.raises(ConfigError, match="a photo needs a detector"):
        FacePipeline(None, squares(tmp_path))(small)
    assert np.isnan(FacePipeline(None, squares(tmp_path))(Aligned(crop_of(1)))[0].score)
    with pytest.raises(BrokenImageError, match=r"40x40 pixels.*32x32"):
        faces(Aligned(np.zeros((40, 40, 3), np.uint8)))
    for odd in (np.zeros((5, 5), np.uint8), np.zeros((5, 5, 3), np.float32), np.zeros((0, 5, 3), np.uint8)):
        with pytest.raises(DataError, match="uint8 RGB"):
            faces(odd)


@pytest.mark.parametrize("batch_size", [1, 2, 16])
def test_many_pictures_are_looked_at_in_their_order_and_broken_ones_are_told(tmp_path: Path, batch_size: int) -> None:
    one = write_photo(tmp_path / "a.png", photo_of(crop_of(1)))
    broken = tmp_path / "b.jpg"
    broken.write_text("a text, called .jpg")
    two = write_photo(tmp_path / 'it\'s "c"\n😀.png', photo_of(crop_of(2), crop_of(3)))
    faces = FacePipeline(SquareDetector(), squares(tmp_path), batch_size=batch_size)
    seen = list(faces.many([one, broken, two, Aligned(crop_of(4), "crop"), tmp_path / "gone.png"]))
    assert [len(each.found) for each in seen] == [1, 0, 2, 1, 0]
    assert "no whole JPEG" in seen[1].problem and "gone.png" in seen[4].problem and not seen[0].problem
    assert "\n" not in seen[2].name
    alone = faces(two)
    for face, again in zip(seen[2].found, alone, strict=True):
        np.testing.assert_allclose(face.embedding, again.embedding, atol=1e-6)
    with pytest.raises(BrokenImageError, match=r"b\.jpg"):
        faces(broken)


@pytest.mark.parametrize("flip", ["none", "sum", "concat"])
def test_embeddings_are_those_of_the_embedder_with_the_same_flip(tmp_path: Path, flip: str) -> None:
    embedder = squares(tmp_path)
    faces = FacePipeline(SquareDetector(), embedder, flip=flip)
    face = faces(photo_of(crop_of(7)))[0]
    np.testing.assert_allclose(face.embedding, embedder(face.crop[None], flip)[0], atol=1e-6)
    with pytest.raises(ConfigError, match="flip must be"):
        FacePipeline(None, embedder, flip="twice")


def test_quality_falls_with_size_and_blur(tmp_path: Path) -> None:
    faces = pipeline(tmp_path)
    large, small = (faces(photo_of(crop_of(1), side=side))[0].quality for side in (128, 16))
    assert large.overall > small.overall and large.eye_distance > 4 * small.eye_distance
    flat = faces(Aligned(np.full((SIDE, SIDE, 3), 90, np.uint8)))[0].quality
    assert flat.sharpness == 0 and flat.overall == 0


@pytest.mark.slow
def test_real_photos_of_one_person_are_alike(shared: Path) -> None:
    embedder = FaceEmbedder.load(shared / "weights/y1.npz")
    faces = FacePipeline(MtcnnDetector(max_side=640), embedder)
    people = sorted((shared / "data/wild/photos").iterdir())[:3]
    rows = [
        [each.found[0].embedding for each in faces.many(sorted(person.iterdir())[:3]) if each.found]
        for person in people
    ]
    every, owner = np.concatenate(rows), np.repeat(range(3), list(map(len, rows)))
    cosines, same = every @ every.T, owner[:, None] == owner[None]
    assert len(every) >= 8 and cosines[same].min() > cosines[~same].max() and cosines[same].min() > 0.35
