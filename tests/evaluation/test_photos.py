import dataclasses
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from mfn.align.face import Face
from mfn.align.warp import align_face
from mfn.benchmarks.gallery import IdentificationSet
from mfn.contract import InputContract
from mfn.errors import BrokenImageError, DataError
from mfn.evaluation.identification import lost_images
from mfn.evaluation.photos import FoundFaces, PhotoFaces, PhotoRules, find_faces
from mfn.images.files import ImageFiles
from mfn.metrics.identification import identify
from mfn.ranks import Ranks
from mfn.sources.content import content
from mfn.synthetic.dataset import SyntheticFaces
from tests.gloo import on_ranks
from tests.prepare.fakes import MarkDetector, photo

CONTRACT = InputContract.for_size(112, 112)


def photos(folder: Path, *faces: int) -> ImageFiles:
    """A photo for each number: with so many faces, or a broken file for -1."""
    files = []
    for index, number in enumerate(faces):
        files.append(folder / f"{index:02}.png")
        if number < 0:
            files[-1].write_bytes(b"no image")
        else:
            cv2.imwrite(str(files[-1]), photo(index, number)[..., ::-1])
    return ImageFiles("mine", files)


def same(first: FoundFaces, second: FoundFaces) -> bool:
    pairs = zip(dataclasses.astuple(first), dataclasses.astuple(second), strict=True)
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs)


def test_each_photo_gives_a_face_or_a_reason(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = photos(tmp_path, 1, 0, -1, 2, 1)
    with caplog.at_level("WARNING", "mfn"):
        found = find_faces(source, MarkDetector, PhotoRules("skip"))
    assert found.reason.tolist() == ["", "no face", "broken", "several faces", ""]
    assert found.failed == {"no face": 1, "broken": 1, "several faces": 1} and found.second_tries == {}
    assert found.faces.tolist() == [1, 0, 0, 2, 1] and np.isnan(found.points[1]).all()
    assert "mine: 3 of 5 photos give no face (no face: 1, broken: 1, several faces: 1)" in caplog.text
    assert "01.png among them" in caplog.text
    assert find_faces(source, MarkDetector, PhotoRules("central")).reason[3] == ""
    assert find_faces(source, MarkDetector, PhotoRules("central", 56)).reason[0] == ""
    with pytest.raises(DataError, match=r"none of the 5 photos of mine gives a face .*face too small: 3"):
        find_faces(source, MarkDetector, PhotoRules("central", 57))


def test_the_crop_is_that_of_the_one_way_to_align(tmp_path: Path) -> None:
    source = photos(tmp_path, 1, 0)
    found = find_faces(source, MarkDetector, PhotoRules())
    faces = PhotoFaces(source, found, CONTRACT)
    assert np.array_equal(faces.image(0), align_face(source.image(0), found.points[0], CONTRACT))
    with pytest.raises(BrokenImageError, match=r"01\.png: no face"):
        faces.image(1)
    with pytest.raises(BrokenImageError, match="no face"):
        faces.content(1)


def test_the_content_is_that_of_photo_landmarks_and_template(tmp_path: Path) -> None:
    source = photos(tmp_path, 1)
    found = find_faces(source, MarkDetector, PhotoRules())
    moved = dataclasses.replace(found, points=found.points + 1)
    contents = [
        content(PhotoFaces(source, found, CONTRACT), 0),
        content(PhotoFaces(source, moved, CONTRACT), 0),
        content(PhotoFaces(source, found, InputContract.for_size(112, 96)), 0),
    ]
    assert len(set(contents)) == 3 and contents[0] == content(PhotoFaces(source, found, CONTRACT), 0)


def test_workers_find_the_same(tmp_path: Path) -> None:
    source = photos(tmp_path, 1, 0, -1, 2, 1, 1)
    assert same(
        find_faces(source, MarkDetector, PhotoRules(), num_workers=2), find_faces(source, MarkDetector, PhotoRules())
    )


class Failing:
    """Fails at the photo with two faces."""

    def __call__(self, images: Sequence[np.ndarray], names: Sequence[str]) -> list[list[Face]]:
        found = MarkDetector()(images, names)
        if any(len(faces) == 2 for faces in found):
            raise RuntimeError("out of memory")
        return found


def looked(rank: int, size: int, source: ImageFiles, make: type) -> FoundFaces | str:
    try:
        return find_faces(source, make, PhotoRules(), share=Ranks(rank, size))
    except DataError as error:
        return str(error)


def test_processes_share_the_work_and_all_know_all(tmp_path: Path) -> None:
    source = photos(tmp_path, 1, 0, -1, 2, 1)
    alone = find_faces(source, MarkDetector, PhotoRules())
    first, second = on_ranks(2, looked, source, MarkDetector)
    assert same(first, alone) and same(second, alone)
    first, second = on_ranks(2, looked, source, Failing)
    assert first == second == "process 1 of 2: RuntimeError: out of memory"


def test_probes_and_gallery_images_without_a_face_count_as_not_found() -> None:
    people = IdentificationSet(
        "mine",
        SyntheticFaces(3, 2, image_size=(32, 32)),
        gallery=np.array([0, 2, 4]),
        probes=np.array([1, 3, 5]),
        identities=np.array([0, 0, 1, 1, 2, 2]),
    )
    found = identify(np.eye(3)[:2], np.array([0, 1]), np.eye(3)[:2], np.array([0, 1]))
    assert lost_images(people, 3, 3, found) == ()
    (note,) = lost_images(people, 2, 2, found)
    assert "1 of 3 gallery images and 1 of 3 probes" in note and "rank-1 is 66.67 %" in note
