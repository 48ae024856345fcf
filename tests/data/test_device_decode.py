"""Images that are decoded on the device are those of the workers: tried with the processor as the device."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mfn.data.augment import Augmentation
from mfn.data.datamodule import FaceDataModule
from mfn.data.device_decode import EncodedBatch, decoder
from mfn.data.flip import HorizontalFlip
from mfn.data.jpeg_header import is_plain_jpeg
from mfn.data.loader import FaceBatch
from mfn.errors import ConfigError
from mfn.sources.folder_dataset import FolderDataset
from mfn.synthetic.dataset import SyntheticFaces
from mfn.training.checking import check
from tests.composing import composed
from tests.small_run import small_recognizer, small_trainer

SIZE = (32, 32)


def jpeg(pixels: np.ndarray, quality: int = 90, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, **options)
    return buffer.getvalue()


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = orientation
    return found


KINDS: dict[str, Callable[[np.ndarray], bytes]] = {
    "baseline": jpeg,
    "progressive": lambda pixels: jpeg(pixels, progressive=True),
    "small chroma": lambda pixels: jpeg(pixels, subsampling="4:2:0"),
    "full chroma": lambda pixels: jpeg(pixels, subsampling="4:4:4"),
    "restarts": lambda pixels: cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_RST_INTERVAL, 1])[1].tobytes(),
    "turned": lambda pixels: jpeg(pixels, exif=exif(6)),
    "grey": lambda pixels: jpeg(pixels[..., 0]),
    "CMYK": lambda pixels: (lambda b: (Image.fromarray(pixels).convert("CMYK").save(b, "JPEG"), b.getvalue())[1])(
        io.BytesIO()
    ),
    "PNG": lambda pixels: cv2.imencode(".png", pixels[..., ::-1])[1].tobytes(),
    "long": lambda pixels: jpeg(pixels, comment=b"x" * 4000),
    "cut short": lambda pixels: jpeg(pixels)[:-80],
    "garbled": lambda pixels: (lambda data: data[:-200] + b"\xff\xd9" + data[-200:])(jpeg(pixels)),
}
LEFT_TO_THE_DEVICE = {"baseline", "progressive", "small chroma", "full chroma", "restarts", "cut short", "garbled"}


def folder(root: Path, kinds: dict[str, Callable[[np.ndarray], bytes]], people: int = 4, broken: bool = False) -> Path:
    """Each kind once for each person; a broken image for the first, where it is wanted."""
    faces = SyntheticFaces(people, len(kinds), image_size=SIZE)
    for index, label in enumerate(faces.labels.tolist()):
        kind = list(kinds)[index % len(kinds)]
        file = root / f"person{label}" / f"{kind.replace(' ', '_')}.{'png' if kind == 'PNG' else 'jpg'}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(kinds[kind](faces.image(index)))
    if broken:
        (root / "person0" / "headless.jpg").write_bytes(jpeg(faces.image(0))[:30])
        header = jpeg(faces.image(0))
        (root / "person0" / "no_scan.jpg").write_bytes(header[: header.index(b"\xff\xda")] + b"\xff\xda")
    return root


def module(root: Path, decode: str, **options: Any) -> FaceDataModule:
    settings: dict[str, Any] = {
        "image_size": SIZE,
        "batch_size": 6,
        "num_workers": 0,
        "val_identities": 0.0,
        "augment": Augmentation([HorizontalFlip(p=0.5)]),
        "drop_last": False,
    }
    data = FaceDataModule(FolderDataset(root), decode=decode, **(settings | options))
    data.setup()
    return data


def batches(data: FaceDataModule, epoch: int = 0) -> list[Any]:
    loader = data.train_dataloader()
    loader.set_epoch(epoch)
    return list(loader)


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("flip", [0.0, 0.5, 1.0])
def test_pixels_labels_and_mirrors_are_those_of_a_worker(tmp_path: Path, num_workers: int, flip: float) -> None:
    root = folder(tmp_path, KINDS, broken=True)
    options = {"num_workers": num_workers, "augment": Augmentation([HorizontalFlip(p=flip)])}
    for epoch in (0, 1):
        expected = batches(module(root, "worker", **options), epoch)
        found = batches(module(root, "device", **options), epoch)
        assert any(isinstance(batch, EncodedBatch) for batch in found)
        for ours, theirs in zip([batch.to("cpu") for batch in found], expected, strict=True):
            assert isinstance(ours, FaceBatch)
            assert ours.images.dtype == torch.uint8 and ours.images.is_contiguous()
            for name in ("images", "labels", "indices", "mirrored"):
                assert torch.equal(getattr(ours, name), getattr(theirs, name)), name
            assert sorted(index for index, _ in ours.broken) == sorted(index for index, _ in theirs.broken)
            assert all(".jpg" in reason for _, reason in ours.broken)


def test_only_what_a_device_decodes_alike_is_left_to_it(tmp_path: Path) -> None:
    root = folder(tmp_path, KINDS)
    source = FolderDataset(root)
    left = {
        Path(source.names[int(position)]).stem.replace("_", " ")
        for batch in batches(module(root, "device"))
        for position, length in zip(batch.batch.indices, batch.lengths, strict=True)
        if length
    }
    assert left == LEFT_TO_THE_DEVICE


def test_a_size_of_its_own_is_fitted_by_the_worker(tmp_path: Path) -> None:
    root = folder(tmp_path, {"baseline": jpeg})
    larger = np.asarray(Image.fromarray(SyntheticFaces(1, 1, image_size=SIZE).image(0)).resize((48, 48)))
    for number in range(8):
        (root / "person0" / f"large{number}.jpg").write_bytes(jpeg(larger))
    worker, device = (batches(module(root, decode, fit="resize")) for decode in ("worker", "device"))
    assert all(torch.equal(b.to("cpu").images, a.images) for a, b in zip(worker, device, strict=True))


def test_a_batch_of_broken_images_only_is_empty(tmp_path: Path) -> None:
    root = folder(tmp_path, {"baseline": jpeg}, people=2)
    batch = batches(module(root, "device", batch_size=2))[0]
    spoilt = batch._replace(
        rows=np.where(np.arange(batch.rows[0].size).reshape(batch.rows[0].shape) < 200, batch.rows, 0)
    )
    given = spoilt.to("cpu")
    assert given.images.shape == (0, *SIZE, 3) and len(given.labels) == 0 and len(given.broken) == 2


def test_training_is_the_same_run(tmp_path: Path) -> None:
    root = folder(tmp_path / "faces", KINDS, broken=True)
    weights = []
    for decode in ("worker", "device"):
        data = module(root, decode, batch_size=8)
        recognizer = small_recognizer(data)
        small_trainer([], tmp_path, max_steps=6, max_epochs=-1).fit(recognizer, datamodule=data)
        weights.append(torch.cat([p.detach().flatten() for p in recognizer.parameters()]))
    assert torch.equal(*weights)


def test_more_than_mirroring_is_refused_before_data_is_read() -> None:
    for words in (["augment=light"], ["augment=strong"]):
        with pytest.raises(ConfigError, match=r"augment has \w+: set augment=flip or augment=none, or set data"):
            check(composed("data.decode=device", *words))
    for words in (["augment=flip"], ["augment=none"]):
        assert check(composed("data.decode=device", *words)).data.decode == "device"
    with pytest.raises(ConfigError, match=r"data.decode=gpu does not fit: give worker or device"):
        check(composed("data.decode=gpu"))


def test_images_that_are_not_stored_encoded_are_refused() -> None:
    data = FaceDataModule(SyntheticFaces(6, 4, image_size=SIZE), image_size=SIZE, batch_size=2, decode="device")
    with pytest.raises(ConfigError, match=r"stored encoded.*synthetic.*set data\.decode=worker"):
        data.train_dataloader()


def test_a_device_that_decodes_nothing_is_told() -> None:
    decoder.cache_clear()
    with pytest.raises(ConfigError, match=r"torchvision decodes no JPEGs on meta here \(.+\): set data\.decode=worker"):
        decoder("meta")


def test_headers_are_read_to_their_end() -> None:
    pixels = SyntheticFaces(1, 1, image_size=SIZE).image(0)
    data = jpeg(pixels)
    assert is_plain_jpeg(data, SIZE)
    assert not is_plain_jpeg(data, (32, 31))
    end = data.index(b"\xff\xda")
    assert all(not is_plain_jpeg(data[:length], SIZE) for length in range(end + 1))
    random = np.random.default_rng(0)
    for _ in range(300):
        spoilt = bytearray(data)
        for place in random.integers(0, end, 3):
            spoilt[place] = random.integers(256)
        assert is_plain_jpeg(bytes(spoilt), SIZE) in (True, False)
