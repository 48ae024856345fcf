from pathlib import Path

import numpy as np

from mfn.contract import InputContract
from mfn.evaluation.conventions import PlacedFaces, crop_conventions
from mfn.evaluation.ijb import AlignedFaces
from mfn.images.copies import write_copies
from mfn.images.files import ImageFiles
from mfn.sources.content import content, digests, is_stored
from mfn.sources.record_dataset import RecordDataset
from mfn.sources.subset import Subset
from mfn.synthetic.dataset import SyntheticFaces
from tests.sources.files import ArraySource, jpeg, write_pack


def files(folder: Path, *seeds: int) -> ImageFiles:
    paths = [folder / f"{number}.jpg" for number in range(len(seeds))]
    for path, seed in zip(paths, seeds, strict=True):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(jpeg(seed))
    return ImageFiles("files", paths)


def test_names_do_not_count_and_bytes_do(tmp_path: Path) -> None:
    first, second = files(tmp_path / "a", 1, 2, 1), files(tmp_path / "b", 2, 1, 3)
    one, two = digests(first, range(3)), digests(second, range(3))
    assert one[0] == one[2] == two[1] and one[1] == two[0] and two[2] not in one


def test_a_choice_of_images_keeps_their_contents(tmp_path: Path) -> None:
    source = files(tmp_path, 1, 2, 3)
    assert digests(Subset("some", source, np.array([2, 0])), range(2)) == digests(source, [2, 0])


def test_an_unreadable_image_is_like_no_other(tmp_path: Path) -> None:
    source = files(tmp_path, 1, 2, 3)
    for path in source.paths[:2]:
        Path(path).unlink()
    gone, too, there = digests(source, range(3))
    assert len({gone, too, there}) == 3 and digests(source, range(3)) == [gone, too, there]


def test_a_copy_is_another_than_its_image_and_than_the_same_copy_elsewhere(tmp_path: Path) -> None:
    write_pack(tmp_path, {0: 2, 1: 2})
    write_copies(tmp_path, [("1", "hsv"), ("1", "gaussian"), ("1", "hsv")])
    copies = RecordDataset(tmp_path, virtual_copies=True)
    plain = RecordDataset(tmp_path)
    found = digests(copies, range(len(copies)))
    assert len(copies) == 7 and len(set(found)) == 7 and found[:4] == digests(plain, range(4))


def test_landmarks_and_places_are_part_of_what_is_made_from_an_image() -> None:
    source, contract = ArraySource([0] * 2, (60, 60)), InputContract.for_size(48, 48)
    points = np.stack([contract.template, contract.template])
    moved = points + np.array([[[0, 0]], [[1, 0]]])
    aligned = [AlignedFaces(source, landmarks, contract) for landmarks in (points, moved)]
    assert content(aligned[0], 0) == content(aligned[1], 0) and content(aligned[0], 1) != content(aligned[1], 1)
    other = InputContract.for_size(48, 40)
    assert content(AlignedFaces(source, points, other), 0) != content(aligned[0], 0)
    placed = [PlacedFaces(source, (48, 48), c.place) for c in crop_conventions(contract)]
    assert len({content(faces, 0) for faces in placed}) == 3


def test_drawn_faces_are_known_by_their_pixels_and_are_not_stored(tmp_path: Path) -> None:
    drawn = SyntheticFaces(2, 2, image_size=(32, 32))
    assert len(set(digests(drawn, range(4)))) == 4
    assert not is_stored(drawn) and not is_stored(Subset("some", drawn, np.arange(2)))
    assert is_stored(files(tmp_path, 1)) and is_stored(Subset("some", files(tmp_path, 1), np.arange(1)))
