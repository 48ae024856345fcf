import logging
from pathlib import Path

import numpy as np
import pytest

from mfn.errors import BrokenImageError, DataError
from mfn.packs.insightface import PackProperty, read_labels, read_layout, read_property
from mfn.packs.record import Record
from mfn.packs.recordio import IndexedRecordReader, RecordWriter
from mfn.sources.record_dataset import RecordDataset
from tests.sources.files import image_record, jpeg, write_pack

PEOPLE = {0.0: 3, 7.0: 2, 4.0: 4}
LABELS = [0, 0, 0, 7, 7, 4, 4, 4, 4]


def test_pack_with_record_0(tmp_path: Path) -> None:
    layout = read_layout(IndexedRecordReader(write_pack(tmp_path, PEOPLE) / "train.rec"))
    assert layout.keys.tolist() == list(range(1, 10))
    assert layout.labels.tolist() == LABELS and layout.labels.dtype == np.int64


@pytest.mark.parametrize("first_key", [0, 1, 500])
def test_pack_without_record_0(tmp_path: Path, first_key: int) -> None:
    layout = read_layout(IndexedRecordReader(write_pack(tmp_path, PEOPLE, first_key) / "train.rec"))
    assert layout.keys.tolist() == list(range(first_key, first_key + 9))
    assert layout.labels.tolist() == LABELS


def test_without_index_a_pack_is_the_same(tmp_path: Path) -> None:
    write_pack(tmp_path, PEOPLE)
    (tmp_path / "train.idx").unlink()
    assert RecordDataset(tmp_path).labels.tolist() == LABELS


def test_real_pack(shared: Path) -> None:
    dataset = RecordDataset(shared / "data/celeb")
    reader = IndexedRecordReader(shared / "data/celeb/train.rec")
    assert len(dataset) == 12_046 and np.unique(dataset.labels).size == 1_458
    assert np.array_equal(dataset.labels, read_labels(reader, dataset.keys))
    assert dataset.image(12_045).shape == (112, 112, 3)
    assert dataset.describe(0) == "train.rec record 1"


def test_identity_records_that_disagree_with_the_images_are_not_believed(tmp_path: Path) -> None:
    with RecordWriter(tmp_path / "train.rec", tmp_path / "train.idx") as writer:
        writer.write(0, Record(2, np.array([4, 5]), 0, 0, b""))
        for key, label in ((1, 5), (2, 6), (3, 5)):
            writer.write(key, image_record(key, label))
        writer.write(4, Record(2, np.array([1, 3]), 4, 0, b""))
    assert RecordDataset(tmp_path).labels.tolist() == [5, 6, 5]


def test_labels_of_image_records_with_several_labels_and_of_split_records(tmp_path: Path) -> None:
    magic = np.array([0xCED7230A], np.uint32).view(np.float32)
    with RecordWriter(tmp_path / "a.rec", tmp_path / "a.idx") as writer:
        writer.write(0, Record(3, np.array([8, 1, 2]), 0, 0, b"abc"))
        writer.write(1, Record(2, np.array([9, magic[0]]), 0, 0, b"abc"))
        writer.write(2, Record(0, np.array([6]), 0, 0, b""))
    labels = read_labels(IndexedRecordReader(tmp_path / "a.rec"), np.arange(3))
    assert labels.tolist() == [8, 9, 6]


@pytest.mark.parametrize("label", [1.5, float("nan"), float("inf")])
def test_labels_must_be_whole_numbers(tmp_path: Path, label: float) -> None:
    write_pack(tmp_path, {0.0: 2, label: 1}, first_key=10)
    with pytest.raises(DataError, match=rf"record 12 has the label {label}"):
        RecordDataset(tmp_path)


def test_broken_image_names_its_record(tmp_path: Path) -> None:
    with RecordWriter(tmp_path / "train.rec", tmp_path / "train.idx") as writer:
        writer.write(5, Record(0, np.array([1]), 5, 0, jpeg(0)[:200]))
    with pytest.raises(BrokenImageError, match=r"train\.rec record 5"):
        RecordDataset(tmp_path).image(0)


def test_a_broken_first_image_does_not_keep_a_pack_closed(tmp_path: Path) -> None:
    write_pack(tmp_path, PEOPLE)
    data = (tmp_path / "train.rec").read_bytes().replace(jpeg(1), bytes(len(jpeg(1))))
    (tmp_path / "train.rec").write_bytes(data)
    (tmp_path / "property").write_text("3,112,112\n")
    assert RecordDataset(tmp_path).labels.tolist() == LABELS


def test_property_that_says_otherwise_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_pack(tmp_path, PEOPLE)
    (tmp_path / "property").write_text("3,16,16\n")
    with caplog.at_level(logging.WARNING):
        RecordDataset(tmp_path)
        assert not caplog.messages
        (tmp_path / "property").write_text("4,112,112")
        RecordDataset(tmp_path)
    assert "says 4 classes, the records hold 3" in caplog.messages[0]
    assert "112x112, the first one is 16x16" in caplog.messages[1]


@pytest.mark.parametrize(
    "text",
    [
        "4,112,96",
        "4, 112 ,96\r\n",
        "4,112,96,17091657",
        "\ufeff4,112,96,\n\n",
        "4\t112\t96",
        "4;112;96;",
        "4.0,112.0,96",
    ],
)
def test_property_as_it_is_written_in_the_field(tmp_path: Path, text: str) -> None:
    (tmp_path / "property").write_bytes(text.encode())
    assert read_property(tmp_path / "property") == PackProperty(4, 112, 96)


@pytest.mark.parametrize("text", ["85742 112", "", "a,b,c", "nan,1,1", "1e999,1,1", "9" * 5000, "\0\xff"])
def test_property_must_be_three_numbers(tmp_path: Path, text: str) -> None:
    (tmp_path / "property").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match="classes,height,width"):
        read_property(tmp_path / "property")


def test_roots_that_are_no_pack(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        RecordDataset(tmp_path / "none")
    with pytest.raises(DataError, match="is empty"):
        RecordDataset(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"holds no train\.rec"):
        RecordDataset(tmp_path)
    with pytest.raises(DataError, match="is a file"):
        RecordDataset(tmp_path / "file")
