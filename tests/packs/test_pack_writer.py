import socket
import struct
from pathlib import Path

import numpy as np
import pytest

from mfn.errors import DataError
from mfn.packs.pack_writer import PackWriter
from mfn.sources.record_dataset import RecordDataset
from tests.sources.files import jpeg

Plain = dict[int, tuple[int, list[float], bytes]]


def plain_records(folder: Path, name: str = "train") -> Plain:
    """Flag, labels and payload by key, as a reader without our code finds them; no payload here is split."""
    data = (folder / f"{name}.rec").read_bytes()
    records: Plain = {}
    for line in (folder / f"{name}.idx").read_text().splitlines():
        key, offset = map(int, line.split("\t"))
        magic, length, flag, label, number, _ = struct.unpack_from("<IIIfQQ", data, offset)
        assert magic == 0xCED7230A and length < 1 << 29 and number == key
        labels = list(struct.unpack_from(f"<{flag}f", data, offset + 32)) if flag else [label]
        records[key] = flag, labels, data[offset + 32 + 4 * flag : offset + 8 + length]
    return records


def write(folder: Path, **options: object) -> Path:
    with PackWriter(folder, (16, 12), **options) as pack:
        for label, name in ((0, "a/1.jpg"), (0, "a/2\t3.jpg"), (1, ""), (2, "c/1.jpg"), (2, "c/2.jpg")):
            pack.add(label, jpeg(label), name)
    return folder


def test_a_pack_as_insightface_reads_it(tmp_path: Path) -> None:
    records = plain_records(write(tmp_path))
    flag, (end, last), payload = records[0]  # the steps of InsightFace's MXFaceDataset and FaceImageIter
    assert flag > 0 and (end, last) == (6, 9) and not payload
    assert [records[key][1][0] for key in range(1, int(end))] == [0, 0, 1, 2, 2]
    assert [records[key][2] for key in range(1, int(end))] == [jpeg(label) for label in (0, 0, 1, 2, 2)]
    assert [records[key][:2] for key in range(int(end), int(last))] == [(2, [1, 3]), (2, [3, 4]), (2, [4, 6])]
    assert list(records) == list(range(9))
    assert (tmp_path / "property").read_text() == "3,16,12\n"
    assert (
        tmp_path / "train.lst"
    ).read_text() == "1\ta/1.jpg\t0\n1\ta/2 3.jpg\t0\n1\t3\t1\n1\tc/1.jpg\t2\n1\tc/2.jpg\t2\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["property", "train.idx", "train.lst", "train.rec"]


def test_a_pack_as_we_read_it(tmp_path: Path) -> None:
    source = RecordDataset(write(tmp_path, label_names=["Ann", "Bo\nb", "", "Eve"]))
    assert source.labels.tolist() == [0, 0, 1, 2, 2] and source.keys.tolist() == [1, 2, 3, 4, 5]
    assert source.label_names == {0: "Ann", 1: "Bo b", 2: ""}
    assert source.names[:2] == ["record 1", "record 2"]
    assert source.encoded(3) == jpeg(2)


def test_packs_side_by_side(tmp_path: Path) -> None:
    write(tmp_path, label_names=["a", "b", "c"])
    with PackWriter(tmp_path, (16, 16), name="val", label_names=["x"]) as pack:
        pack.add(1, jpeg(9), variants=())
    assert (tmp_path / "property").read_text() == "3,16,12\n"
    assert len(RecordDataset(tmp_path)) == 5
    val = RecordDataset(tmp_path, pack="val")
    assert val.labels.tolist() == [1] and val.label_names is None and val.encoded(0) == jpeg(9)
    with pytest.raises(DataError, match=r"holds no other\.rec"):
        RecordDataset(tmp_path, pack="other")


def test_virtual_copies(tmp_path: Path) -> None:
    with PackWriter(tmp_path, (16, 16)) as pack:
        assert pack.add(0, jpeg(0), variants=["hsv", "gaussian"]) == 1
        assert pack.add(1, jpeg(1)) == 2
        assert pack.add(2, jpeg(1), variants=["opening"]) == 3
    source = RecordDataset(tmp_path, virtual_copies=True)
    assert source.keys.tolist() == [1, 2, 3, 1, 1, 3] and source.copies is not None
    assert source.copies.variants.tolist() == ["", "", "", "hsv", "gaussian", "opening"]


@pytest.mark.parametrize("file", ["train.rec", "train.idx", "train.lst", "property", "names.txt", "variants.tsv"])
def test_nothing_that_is_there_is_replaced(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_bytes(b"mine")
    with pytest.raises(DataError, match=f"holds {file} already"):
        write(tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(DataError, match=f"holds {file} already"), PackWriter(tmp_path, (16, 16)) as pack:
        pack.add(0, jpeg(0))
        (tmp_path / file).write_bytes(b"mine")  # while the pack is written
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(file, b"mine")]


def test_what_a_killed_writer_left_is_cleared(tmp_path: Path) -> None:
    host = socket.gethostname().partition(".")[0]
    (left := tmp_path / f".train.{host}-4194305.tmp").mkdir()  # no process has so large a number
    (left / "train.rec.part").write_bytes(b"half")
    assert sorted(path.name for path in write(tmp_path).iterdir()) == [
        "property",
        "train.idx",
        "train.lst",
        "train.rec",
    ]


def test_two_packs_grow_in_one_folder(tmp_path: Path) -> None:
    with PackWriter(tmp_path, (16, 16)) as train, PackWriter(tmp_path, (16, 16), name="val") as val:
        train.add(0, jpeg(0))
        val.add(0, jpeg(1))
    assert len(RecordDataset(tmp_path)) == len(RecordDataset(tmp_path, pack="val")) == 1


def test_the_same_images_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (
        write(tmp_path / "a", label_names=["a", "b", "c"]),
        write(tmp_path / "b", label_names=["a", "b", "c"]),
    )
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    before = plain_records(write(tmp_path / "old"))
    (tmp_path / "empty").mkdir()
    for folder in ("old", "new", "empty"):
        with pytest.raises(RuntimeError, match="stop"), PackWriter(tmp_path / folder, (16, 16), name="val") as pack:
            pack.add(0, jpeg(5))
            assert not (tmp_path / folder / "val.rec").exists()
            raise RuntimeError("stop")
    assert plain_records(tmp_path / "old") == before and len(list((tmp_path / "old").iterdir())) == 4
    assert not (tmp_path / "new").exists() and (tmp_path / "empty").exists()


def test_packs_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="label 1 follows 2"), PackWriter(tmp_path / "a", (16, 16)) as pack:
        pack.add(2, jpeg(0))
        pack.add(1, jpeg(0))
    with pytest.raises(DataError, match="no image to pack"), PackWriter(tmp_path / "a", (16, 16)):
        pass
    assert not list(tmp_path.iterdir())


def test_names_that_are_too_few(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert RecordDataset(write(tmp_path, label_names=["a", "b"])).label_names is None
    assert "has 2 names, the labels go from 0 to 2" in caplog.text


def test_rewriting_a_pack_of_mxnet_gives_its_bytes(shared: Path, tmp_path: Path) -> None:
    original = RecordDataset(shared / "data/celeb")
    names = original.label_names
    assert names is not None and len(names) == 1458
    with PackWriter(tmp_path, (112, 112), label_names=list(names.values())) as pack:
        for row, label in enumerate(original.labels.tolist()):
            pack.add(label, original.encoded(row))
    for file in ("train.rec", "train.idx", "names.txt"):
        assert (tmp_path / file).read_bytes() == (shared / "data/celeb" / file).read_bytes()
    assert (tmp_path / "property").read_text() == (shared / "data/celeb/property").read_text()
    assert np.array_equal(RecordDataset(tmp_path).labels, original.labels)
