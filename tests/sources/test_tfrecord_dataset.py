import pickle
from pathlib import Path

import numpy as np
import pytest

from mfn.errors import BrokenImageError, DataError
from mfn.images.decode import decode_rgb
from mfn.sources.encode import png
from mfn.sources.record_dataset import RecordDataset
from mfn.sources.tfrecord_dataset import TFRecordDataset
from tests.packs.tfrecords.tfrecords import Features, write_examples
from tests.sources.files import jpeg

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)


def raw(label: int, image: bytes, **sides: int) -> Features:
    return {"label": [label], "image_raw": [image], **{side: [value] for side, value in sides.items()}}


def encoded(identity: int | bytes, image: bytes, name: str = "") -> Features:
    named: Features = {"image/filename": [name.encode()]} if name else {}
    return {"image/source_id": [identity], "image/encoded": [image], **named}


def test_shards_of_raw_images_and_labels(tmp_path: Path) -> None:
    write_examples(tmp_path / "faces_0.tfrecord", [raw(7, jpeg(0), height=16, width=16, depth=3), raw(2, jpeg(1))])
    write_examples(tmp_path / "faces_1.tfrecords", [raw(7, jpeg(2))])
    (tmp_path / "notes.txt").touch()
    dataset = TFRecordDataset(tmp_path)
    assert dataset.labels.tolist() == [7, 2, 7] and dataset.labels.dtype == np.int64 and dataset.label_names is None
    assert [dataset.encoded(index) for index in range(3)] == [jpeg(0), jpeg(1), jpeg(2)]
    assert np.array_equal(dataset.image(2), decode_rgb(jpeg(2)))
    assert dataset.names == ["faces_0.tfrecord record 0", "faces_0.tfrecord record 1", "faces_1.tfrecords record 0"]
    again = pickle.loads(pickle.dumps(dataset))
    assert again.encoded(2) == jpeg(2)


def test_raw_pixels(tmp_path: Path) -> None:
    sides = {"height": 6, "width": 5}
    file = write_examples(
        tmp_path / "a.tfrecord",
        [raw(0, PIXELS.tobytes(), **sides, depth=3), raw(1, PIXELS[..., 0].tobytes(), **sides, depth=1)],
    )
    dataset = TFRecordDataset(file)
    assert np.array_equal(dataset.image(0), PIXELS)
    assert np.array_equal(dataset.image(1), np.repeat(PIXELS[..., :1], 3, axis=2))
    assert np.array_equal(decode_rgb(dataset.encoded(0)), PIXELS)


def test_encoded_images_with_file_names(tmp_path: Path) -> None:
    file = write_examples(
        tmp_path / "ms1m_bin.tfrecord", [encoded(5, png(PIXELS), "b b/1.jpg"), encoded(0, jpeg(1), "a/2.jpg")]
    )
    dataset = TFRecordDataset(file)
    assert dataset.labels.tolist() == [5, 0] and dataset.label_names == {5: "b b", 0: "a"}
    assert np.array_equal(dataset.image(0), PIXELS)


def test_identities_that_are_words(tmp_path: Path) -> None:
    dataset = TFRecordDataset(
        write_examples(tmp_path / "a.tfrecord", [encoded(name, jpeg(0)) for name in (b"zoe", b"ann", b"zoe")])
    )
    assert dataset.labels.tolist() == [1, 0, 1] and dataset.label_names == {0: "ann", 1: "zoe"}


def test_records_that_only_name_their_files(tmp_path: Path) -> None:
    (tmp_path / "in/imgs").mkdir(parents=True)
    for place in ("in/imgs/1.jpg", "outside.jpg"):
        (tmp_path / place).write_bytes(jpeg(4))
    paths = [b"imgs/1.jpg", b"imgs/2.jpg", b"../outside.jpg", str(tmp_path / "outside.jpg").encode()]
    examples: list[Features] = [{"image/source_id": [0], "image/img_path": [path]} for path in paths]
    dataset = TFRecordDataset(write_examples(tmp_path / "in/a.tfrecord", examples))
    assert dataset.encoded(0) == jpeg(4)
    with pytest.raises(BrokenImageError, match=r"a\.tfrecord record 1: the file imgs/2\.jpg is not in"):
        dataset.image(1)
    for index in (2, 3):
        with pytest.raises(BrokenImageError, match="is not inside the folder"):
            dataset.image(index)


PATHS = [
    *("imgs/{}", "./data/ms1m/imgs/{}", "/home/them/data/ms1m/imgs/{}", "/data/IMGS/{}"),
    "D:\\faces\\imgs\\{}",
]


def naming(folder: Path, key: str, written: str) -> list[Features]:
    """Records that hold the paths of three images in the folder `imgs`, as another machine wrote them."""
    names = ["ann/1.jpg", "ann/2.jpg", "bo b/1.jpg"]
    for number, name in enumerate(names):
        place = folder / "imgs" / (name if number else "ann/1.JPG")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(jpeg(number))
    paths = [written.format(name.replace("/", "\\") if "\\" in written else name) for name in names]
    return [{"image/source_id": [label], key: [path.encode()]} for label, path in zip((5, 5, 9), paths, strict=True)]


@pytest.mark.parametrize("key", ["image/img_path", "image/filename"])
@pytest.mark.parametrize(
    ("written", "image_root"),
    [
        ("{}", "imgs"),
        ("./{}", "imgs"),
        *((form, root) for form in PATHS for root in (None, "imgs")),
    ],
)
def test_paths_of_another_machine_lead_to_the_files_here(
    tmp_path: Path, key: str, written: str, image_root: str | None
) -> None:
    """JHFace's files with `binary_img=False`."""
    write_examples(tmp_path / "a.tfrecord", naming(tmp_path, key, written))
    dataset = TFRecordDataset(tmp_path, None if image_root is None else tmp_path / image_root)
    again = pickle.loads(pickle.dumps(dataset))
    assert dataset.labels.tolist() == [5, 5, 9]
    assert [again.encoded(index) for index in range(3)] == [jpeg(number) for number in range(3)]


def test_images_that_are_elsewhere_have_to_be_shown(tmp_path: Path) -> None:
    write_examples(tmp_path / "a.tfrecord", naming(tmp_path, "image/filename", "{}"))
    with pytest.raises(DataError, match=r"such as ann/1\.jpg, is in .*: give data\.image_root=DIR"):
        TFRecordDataset(tmp_path)


def test_a_file_that_has_gone_costs_one_image(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg(number))
    examples: list[Features] = [{"image/source_id": [n], "image/filename": [f"x/{n}.jpg".encode()]} for n in range(3)]
    dataset = TFRecordDataset(write_examples(tmp_path / "a.tfrecord", examples))
    (tmp_path / "1.jpg").unlink()
    assert dataset.image(2).shape == (16, 16, 3)
    with pytest.raises(BrokenImageError, match=r"record 1: .*1\.jpg: No such file"):
        dataset.image(1)


def test_damage_costs_one_image(tmp_path: Path) -> None:
    file = write_examples(tmp_path / "a.tfrecord", [raw(0, jpeg(0)), raw(1, jpeg(1)), raw(2, jpeg(2)[:200])])
    data = bytearray(file.read_bytes())
    data[data.index(jpeg(1)) + 100] ^= 1
    file.write_bytes(data)
    dataset = TFRecordDataset(file)
    assert dataset.image(0).shape == (16, 16, 3)
    with pytest.raises(BrokenImageError, match=r"a\.tfrecord record 1: the data is not what its checksum says"):
        dataset.image(1)
    with pytest.raises(BrokenImageError, match=r"a\.tfrecord record 2: these 200 bytes"):
        dataset.image(2)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        TFRecordDataset(tmp_path / "none")
    with pytest.raises(DataError, match=r"holds no \*\.tfrecord"):
        TFRecordDataset(tmp_path)
    with pytest.raises(DataError, match=r"record 0: expected image_raw and label, .* found a, label"):
        TFRecordDataset(write_examples(tmp_path / "a.tfrecord", [{"label": [1], "a": [2]}]))
    (tmp_path / "a.tfrecord").write_bytes(jpeg(0))
    with pytest.raises(DataError, match=r"a\.tfrecord is damaged or no TFRecord file"):
        TFRecordDataset(tmp_path)
    (tmp_path / "a.tfrecord").write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        TFRecordDataset(tmp_path)


def test_a_real_pack_as_tfrecord(shared: Path, tmp_path: Path) -> None:
    pack = RecordDataset(shared / "data/celeb")
    rows = range(0, len(pack), 200)
    file = write_examples(tmp_path / "train.tfrecords", [raw(int(pack.labels[row]), pack.encoded(row)) for row in rows])
    dataset = TFRecordDataset(file)
    assert dataset.labels.tolist() == pack.labels[list(rows)].tolist()
    assert all(np.array_equal(dataset.image(index), pack.image(row)) for index, row in enumerate(rows))
