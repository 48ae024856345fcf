"""Images of every size, from every kind of source, at both sizes of networks: cut or widened exactly, or refused."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from mfn.benchmarks.benchmark import read_benchmark
from mfn.benchmarks.bin_writer import write_bin
from mfn.benchmarks.gallery import split_gallery
from mfn.contract import InputContract
from mfn.data.datamodule import FaceDataModule
from mfn.errors import DataError, MfnError
from mfn.evaluation.fitted_sets import fitted_sets
from mfn.export.calibration import calibration_faces
from mfn.packs.record import Record
from mfn.packs.recordio import RecordWriter
from mfn.sources.encode import png
from mfn.sources.folder_dataset import FolderDataset
from mfn.sources.record_dataset import RecordDataset
from mfn.sources.source import FaceSource, ImageSource
from mfn.sources.tfrecord_dataset import TFRecordDataset
from tests.packs.tfrecords.tfrecords import write_examples

Size = tuple[int, int]
PEOPLE, EACH = 4, 4
WANTED: tuple[Size, ...] = ((112, 112), (112, 96))
HAVE: dict[str, tuple[Size, ...]] = {
    "square": ((112, 112),),
    "narrow": ((112, 96),),
    "photo": ((250, 250),),
    "odd": ((100, 120),),
    "known crops mixed": ((112, 112), (112, 96)),
    "mixed": ((112, 112), (250, 250), (100, 120), (112, 96)),
}
EXACT = {"square", "narrow", "known crops mixed"}


def pictures(sizes: tuple[Size, ...]) -> list[np.ndarray]:
    """Four of each of four people, no two alike."""
    pixels = [np.random.default_rng(n).integers(1, 256, (8, 8, 3), np.uint8) for n in range(PEOPLE * EACH)]
    return [cv2.resize(p, sizes[n % len(sizes)][::-1], interpolation=cv2.INTER_CUBIC) for n, p in enumerate(pixels)]


def expected(image: np.ndarray, want: Size) -> np.ndarray:
    """What a picture should become, written down case by case."""
    match image.shape[:2], want:
        case have, _ if have == want:
            return image
        case (112, 112), (112, 96):
            return image[:, 8:104]
        case (112, 96), (112, 112):
            wide = np.zeros((112, 112, 3), np.uint8)
            wide[:, 8:104] = image
            return wide
        case (250, 250), (112, 112):
            return cv2.resize(image, (112, 112), interpolation=cv2.INTER_AREA)
        case (250, 250), (112, 96):
            return cv2.resize(image[:, 18:232], (96, 112), interpolation=cv2.INTER_AREA)
        case (100, 120), (112, 112):
            return cv2.resize(image[:, 10:110], (112, 112), interpolation=cv2.INTER_LINEAR)
        case (100, 120), (112, 96):
            return cv2.resize(image[:, 17:103], (96, 112), interpolation=cv2.INTER_LINEAR)
    raise AssertionError(image.shape)


def pack(root: Path, images: list[np.ndarray]) -> FaceSource:
    with RecordWriter(root / "train.rec", root / "train.idx") as writer:
        for key, image in enumerate(images):
            writer.write(key, Record(0, np.array([key // EACH], np.float32), key, 0, png(image)))
    return RecordDataset(root)


def folder(root: Path, images: list[np.ndarray]) -> FaceSource:
    for number, image in enumerate(images):
        person = f"p{number // EACH}"
        (root / person).mkdir(exist_ok=True)
        (root / person / f"{person}_{number % EACH + 1:04d}.png").write_bytes(png(image))
    return FolderDataset(root)


def tfrecord(root: Path, images: list[np.ndarray]) -> FaceSource:
    rows = [{"image_raw": [png(image)], "label": [number // EACH]} for number, image in enumerate(images)]
    return TFRecordDataset(write_examples(root / "faces.tfrecord", rows))


def pairs_bin(root: Path, images: list[np.ndarray]) -> Path:
    genuine = [n + k for n in range(0, len(images), 2) for k in (0, 1)]
    impostor = [k for n in range(0, EACH, 1) for k in (n, n + EACH)]
    write_bin(root / "mine.bin", [png(images[n]) for n in genuine + impostor], [True] * 8 + [False] * 4)
    return root


def pairs_lfw(root: Path, images: list[np.ndarray]) -> Path:
    folder(root, images)
    same = [f"p{person}\t{first}\t{first + 1}\n" for person in range(PEOPLE) for first in (1, 3)]
    other = [f"p0\t{number}\tp1\t{number}\n" for number in range(1, EACH + 1)]
    (root / "pairs.txt").write_text("".join(same + other))
    return root


def pairs_list(root: Path, images: list[np.ndarray]) -> Path:
    folder(root, images)
    name = "p{0}/p{0}_{1:04d}.png"
    same = [f"{name.format(p, i)} {name.format(p, i + 1)} 1\n" for p in range(PEOPLE) for i in (1, 3)]
    other = [f"{name.format(0, i)} {name.format(1, i)} 0\n" for i in range(1, EACH + 1)]
    (root / "mine_pairs.txt").write_text("".join(same + other))
    return root


def all_of(source: ImageSource) -> list[np.ndarray]:
    return [source.image(index) for index in range(len(source))]


def same(found: list[np.ndarray], wanted: list[np.ndarray]) -> None:
    """The same images, in any order."""
    assert sorted(image.tobytes() for image in found) == sorted(image.tobytes() for image in wanted)


matrix = pytest.mark.parametrize(
    ("have", "want", "fit"), [(have, want, fit) for have in HAVE for want in WANTED for fit in ("exact", "resize")]
)


@matrix
@pytest.mark.parametrize("write", [pack, folder, tfrecord])
def test_training_data(
    tmp_path: Path, write: Callable[[Path, list[np.ndarray]], FaceSource], have: str, want: Size, fit: str
) -> None:
    images = pictures(HAVE[have])
    data = FaceDataModule(
        write(tmp_path, images), image_size=want, fit=fit, batch_size=16, num_workers=0, val_identities=0.0
    )
    if fit == "exact" and have not in EXACT:
        with pytest.raises(DataError, match=r" is (250x250|100x120), but .* mfn prepare, .* or add fit=resize") as said:
            data.setup()
        assert "\n" not in str(said.value)
        return
    batch = next(iter(data.train_dataloader()))
    assert not batch.broken
    same(list(batch.images.numpy()), [expected(image, want) for image in images])
    told = str(data.summary()["image size, training images"])
    assert all(f"{height}x{width}" in told for height, width in HAVE[have][:3])
    done = {(112, 112): "widened to 112x112", (112, 96): "cut to 112x96"}
    if have in EXACT and any(size != want for size in HAVE[have]):
        assert done[want] in told


@matrix
@pytest.mark.parametrize("write", [pairs_bin, pairs_lfw, pairs_list])
def test_pairs_to_judge_on_in_evaluation_export_and_training(
    tmp_path: Path, write: Callable[[Path, list[np.ndarray]], Path], have: str, want: Size, fit: str
) -> None:
    images = pictures(HAVE[have])
    judged = read_benchmark("mine", write(tmp_path, images), folds=2)
    contract = InputContract.for_size(*want)
    training = FaceDataModule(
        pack(tmp_path, pictures((want,))),
        image_size=want,
        fit=fit,
        batch_size=16,
        num_workers=0,
        val_identities=0.0,
        verification={"mine": judged},
    )
    if fit == "exact" and have not in EXACT:
        for judge in (lambda: fitted_sets({"mine": judged}, contract, fit, check_alignment=False), training.setup):
            with pytest.raises(DataError, match=r" is (250x250|100x120), but .* fit=resize"):
                judge()
        return
    wanted = [expected(image, want) for image in images]
    fitted = fitted_sets({"mine": judged}, contract, fit, check_alignment=False)["mine"]
    same(all_of(fitted.source), wanted)
    (loader,) = training.val_dataloader()
    same([image for batch in loader for image in batch.images.numpy()], wanted)


@matrix
def test_faces_to_identify(tmp_path: Path, have: str, want: Size, fit: str) -> None:
    folder(tmp_path, images := pictures(HAVE[have]))
    judged = dataclasses.replace(split_gallery(tmp_path, enrolled=0.8), strict=True)
    contract = InputContract.for_size(*want)
    if fit == "exact" and have not in EXACT:
        with pytest.raises(DataError, match=r" is (250x250|100x120), but .* fit=resize"):
            fitted_sets({"mine": judged}, contract, fit, check_alignment=False)
        return
    fitted = fitted_sets({"mine": judged}, contract, fit, check_alignment=False)["mine"]
    same(all_of(fitted.source), [expected(image, want) for image in images])


@matrix
@pytest.mark.parametrize("kind", ["pack", "folder", "bin"])
def test_faces_to_calibrate_on(tmp_path: Path, kind: str, have: str, want: Size, fit: str) -> None:
    images = pictures(HAVE[have])
    write = {"pack": pack, "folder": folder, "bin": pairs_bin}[kind]
    write(tmp_path, images)
    root, contract = tmp_path / "mine.bin" if kind == "bin" else tmp_path, InputContract.for_size(*want)
    takes = [image for image in images if fit == "resize" or image.shape[:2] in ((112, 112), (112, 96))]
    if not takes:
        with pytest.raises(MfnError, match=r"calibration=.* is (250x250|100x120), but .* fit=resize"):
            calibration_faces(root, contract, fit=fit)
        return
    same(list(calibration_faces(root, contract, fit=fit)), [expected(image, want) for image in takes])


@pytest.mark.parametrize("odd", [1, 2])
def test_one_picture_of_another_size_is_left_out_and_named_and_more_are_refused(tmp_path: Path, odd: int) -> None:
    images = pictures(((112, 112),))
    for number in range(odd):
        images[number] = pictures(((250, 250),))[number]
    data = FaceDataModule(pack(tmp_path, images), batch_size=16, num_workers=0, val_identities=0.0)
    if odd > 1:
        with pytest.raises(DataError, match=r"train\.rec record 0 is 250x250, .*, and 1 more of the 16 looked at"):
            data.setup()
        return
    batch = next(iter(data.train_dataloader()))
    assert [index for index, _ in batch.broken] == [0] and "record 0 is 250x250" in batch.broken[0][1]
    assert data.summary()["image size, training images"] == (
        "112x112 (15 of 16 looked at); 250x250 (1 of 16 looked at), left out"
    )


def test_pictures_that_cannot_be_decoded_are_nobodys_size(tmp_path: Path) -> None:
    source = folder(tmp_path, pictures(((112, 112),)))
    for file in tmp_path.rglob("*.png"):
        file.write_bytes(b"no picture")
    data = FaceDataModule(source, batch_size=16, num_workers=0, val_identities=0.0)
    assert data.summary()["image size, training images"] == "none of the images looked at can be decoded"
