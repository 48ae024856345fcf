from pathlib import Path

import albumentations
import numpy as np
import pytest

from mfn.data.augment import Augmentation
from mfn.data.datamodule import FaceDataModule
from mfn.data.images import FaceImages
from mfn.data.loader import FaceBatch
from mfn.data.splits import SplitRules, split
from mfn.errors import DataError
from mfn.images.copies import read_copies, write_copies
from mfn.images.variants import VARIANTS, variant_draws
from mfn.sources.folder_dataset import FolderDataset
from mfn.sources.record_dataset import RecordDataset
from mfn.sources.source import copies_of
from tests.sources.files import jpeg, write_pack

PEOPLE = {float(label): 6 for label in range(12)}


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """72 images, each with two noisy copies."""
    write_pack(tmp_path, PEOPLE)
    write_copies(tmp_path, [(str(key), kind) for key in range(1, 73) for kind in ("gaussian", "salt_pepper")])
    return tmp_path


def module(root: Path, **options: object) -> FaceDataModule:
    data = FaceDataModule(
        RecordDataset(root, virtual_copies=True),
        image_size=(16, 16),
        batch_size=8,
        drop_last=False,
        seed=4,
        **{"num_workers": 0, "val_identities": 0.0} | options,
    )
    data.setup()
    return data


def pixels(batches: list[FaceBatch]) -> dict[int, np.ndarray]:
    return {
        int(position): image
        for batch in batches
        for position, image in zip(batch.indices, batch.images.numpy(), strict=True)
    }


def test_copies_follow_the_images_of_a_pack(tmp_path: Path) -> None:
    write_pack(tmp_path, {3.0: 2, 5.0: 1})
    write_copies(tmp_path, [("3", "hsv"), ("1", "opening"), ("3", "gaussian")])
    assert (tmp_path / "variants.tsv").read_text() == "# mfn variants 1\n3\thsv\n1\topening\n3\tgaussian\n"
    source = RecordDataset(tmp_path, virtual_copies=True)
    assert source.labels.tolist() == [3, 3, 5, 5, 3, 5] and source.keys.tolist() == [1, 2, 3, 3, 1, 3]
    assert source.copies is not None and source.copies.origins.tolist() == [0, 1, 2, 2, 0, 2]
    assert source.copies.variants.tolist() == ["", "", "", "hsv", "opening", "gaussian"]
    assert np.array_equal(source.image(4), source.image(0)) and len(source) == 6


def test_copies_follow_the_images_of_a_folder(tmp_path: Path) -> None:
    for name in ("b b/1.jpg", "a/é\t1.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(jpeg(len(name)))
    write_copies(tmp_path, [("b b/1.jpg", "hsv"), ("a/é\t1.jpg", "hsv")])
    source = FolderDataset(tmp_path, virtual_copies=True)
    assert source.names == ["a/é\t1.jpg", "b b/1.jpg", "b b/1.jpg", "a/é\t1.jpg"]
    assert source.labels.tolist() == [0, 1, 1, 0]
    assert np.array_equal(source.image(2), source.image(1))


def test_nobody_who_did_not_ask_sees_copies(pack: Path) -> None:
    assert len(RecordDataset(pack)) == 72 and copies_of(RecordDataset(pack)) is None
    (pack / "variants.tsv").unlink()
    assert copies_of(RecordDataset(pack, virtual_copies=True)) is None


def test_copies_are_read_as_their_variants(pack: Path) -> None:
    source = RecordDataset(pack, virtual_copies=True)
    images = FaceImages(source, np.array([0, 72, 73]), np.zeros(3, np.int64), (16, 16), seed=9)
    out = np.zeros((3, 16, 16, 3), np.uint8)
    images.read([(2, 0), (2, 1), (2, 2)], out)
    plain = source.image(0)
    assert np.array_equal(out[0], plain)
    for row, name in ((1, "gaussian"), (2, "salt_pepper")):
        assert np.array_equal(out[row], VARIANTS[name](plain, variant_draws(9, 2, 71 + row)))


def test_augmentation_comes_after_the_variant(pack: Path) -> None:
    source = RecordDataset(pack, virtual_copies=True)
    flip = Augmentation([albumentations.HorizontalFlip(p=1)])
    out = np.zeros((2, 16, 16, 3), np.uint8)
    for row, augment in enumerate((None, flip)):
        FaceImages(source, np.array([72]), np.zeros(1, np.int64), (16, 16), augment=augment).read([(0, 0)], out[row:])
    assert np.array_equal(out[1], out[0][:, ::-1])


def test_training_repeats_copies_with_new_noise_each_epoch(pack: Path) -> None:
    data = module(pack)
    loader = data.train_dataloader()
    epochs = []
    for epoch in range(2):
        loader.set_epoch(epoch)
        epochs.append(pixels(list(loader)))
    again = module(pack, num_workers=2).train_dataloader()
    assert len(epochs[0]) == 3 * 72
    for position, image in pixels(list(again)).items():
        assert np.array_equal(image, epochs[0][position])
        assert np.array_equal(image, epochs[1][position]) == (position < 72)


def test_no_copy_judges_and_no_copy_of_what_judges_trains(pack: Path) -> None:
    data = module(pack, val_fraction=0.3, val_identities=0.25, val_pairs=20)
    source = data.source
    copies = copies_of(source)
    assert copies is not None
    *verification, validation = data.val_dataloader()
    validated = set(pixels(list(validation)))
    judged = {source.describe(position) for position in validated}
    (held_out,) = data.verification_sets.values()
    people = np.unique(held_out.identities)
    judged |= {source.describe(index) for index in np.flatnonzero(np.isin(source.labels, people)) if index < 72}
    trained = pixels(list(data.train_dataloader()))
    assert len(verification) == 1 and validated and max(validated) < 72
    assert people.size == 3
    assert {held_out.source.describe(index) for index in range(len(held_out.source))} <= judged
    assert not judged & {source.describe(position) for position in trained}
    assert len(trained) == 3 * (72 - len(judged)) == data.num_images
    summary = data.summary()
    assert summary["images"] == 72 and summary["images dropped by min_images and max_images"] == 0
    assert summary["virtual copies among them"] == 2 * (72 - len(judged))


def test_copies_change_no_choice() -> None:
    labels = np.repeat(np.arange(40), np.arange(40) % 9 + 1)
    rules = SplitRules(min_images=2, max_images=7, val_fraction=0.3, val_identities=0.2)
    copied = np.random.default_rng(0).integers(0, labels.size, 100)
    origins = np.concatenate([np.arange(labels.size), copied])
    plain, varied = split(labels, rules, 1), split(labels[origins], rules, 1, origins)
    for part in ("validation", "held_out", "validation_classes", "label_map"):
        assert np.array_equal(getattr(varied, part), getattr(plain, part))
    is_image = varied.train < labels.size
    assert np.array_equal(varied.train[is_image], plain.train)
    assert np.array_equal(varied.train_classes[is_image], plain.train_classes)
    assert np.array_equal(varied.label_map[varied.train_classes], labels[origins[varied.train]])
    assert np.isin(origins[varied.train], plain.train).all()
    assert (~is_image).sum() == np.isin(copied, plain.train).sum() > 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\thsv\n", "begins with '1\\\\thsv', not '# mfn variants 1'"),
        ("# mfn variants 2\n1\thsv\n", "this version cannot read it"),
        ("# mfn variants 1\n1\thsv\n2\tblur\n", "line 3: no variant 'blur'; there are hsv, opening"),
        ("# mfn variants 1\n1\thsv\n99\thsv\n", "line 3: there is no image '99' here"),
        ("# mfn variants 1\n1\thsv\n0\thsv\n", "line 3: there is no image '0' here"),
        ("# mfn variants 1\na/b.jpg\thsv\n", "must be record numbers"),
    ],
)
def test_files_that_are_wrong(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "variants.tsv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_copies(tmp_path, np.arange(1, 5))


def test_a_file_without_copies(tmp_path: Path) -> None:
    write_copies(tmp_path, [])
    copies = read_copies(tmp_path, np.array(["a/b.jpg"]))
    assert copies is not None and copies.variants.tolist() == [""]


def test_keys_that_no_line_can_hold(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot hold"):
        write_copies(tmp_path, [("a/x\ny.jpg", "hsv")])
    assert not list(tmp_path.iterdir())
