"""Labels that a float32 cannot hold: people must not become one in silence."""

from pathlib import Path

import numpy as np
import pytest

from mfn.errors import DataError
from mfn.packs.pack_writer import PackWriter
from mfn.packs.record import Record
from mfn.packs.recordio import RecordWriter
from mfn.sources.record_dataset import RecordDataset
from tests.sources.files import jpeg

STAFF = [20_000_000 + number for number in range(30)]


def write(folder: Path, labels: list[float], first_key: int = 1, *, header: bool = True) -> Path:
    """Two images for each label, written as MXNet does: as float32, whatever becomes of it."""
    with RecordWriter(folder / "train.rec", folder / "train.idx") as writer:
        if header:
            end = 1 + 2 * len(labels)
            writer.write(0, Record(2, np.array([end, end], np.float32), 0, 0, b""))
        for key, label in enumerate(np.repeat(labels, 2), first_key):
            writer.write(key, Record(0, np.array([label]).astype(np.float32), key, 0, jpeg(key % 5)))
    return folder


def mxnet_list(labels: list[int], first_key: int = 1, end: str = "\n", form: str = "{}.000000") -> str:
    lines = [
        f"{key}\t{form.format(label)}\tpeople/{label}/{key}.jpg{end}"
        for key, label in enumerate(np.repeat(labels, 2).tolist(), first_key)
    ]
    return "".join(np.random.default_rng(0).permutation(lines).tolist())


def insightface_list(labels: list[int]) -> str:
    return "".join(f"1\tpeople/{label}.jpg\t{label}\n" for label in np.repeat(labels, 2).tolist())


def test_people_whose_numbers_became_one_are_refused(tmp_path: Path) -> None:
    write(tmp_path, STAFF)
    with pytest.raises(DataError, match=r"labels up to 20000028.* only below 16777216.* put train\.lst beside it"):
        RecordDataset(tmp_path)
    (tmp_path / "property").write_text("30,112,112")
    with pytest.raises(DataError, match="property says 30 people, the records tell 15 apart"):
        RecordDataset(tmp_path)


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        mxnet_list(STAFF),
        mxnet_list(STAFF, end="\r\n", form="{}"),
        "\ufeff" + mxnet_list(STAFF, form=" {} "),
        mxnet_list(STAFF).replace("\t", ";"),
        mxnet_list(STAFF).replace("\t", " , "),
        mxnet_list(STAFF).replace("\t", "  "),
        mxnet_list(STAFF, end="\t\n\n"),
        mxnet_list(STAFF, end="\r"),
        insightface_list(STAFF),
        insightface_list(STAFF).replace("\t", ";"),
    ],
)
@pytest.mark.parametrize("name", ["train.lst", "TRAIN.LST"])
def test_a_list_beside_the_pack_tells_them_apart(tmp_path: Path, text: str, header: bool, name: str) -> None:
    write(tmp_path, STAFF, header=header)
    (tmp_path / name).write_bytes(text.encode())
    faces = RecordDataset(tmp_path)
    assert faces.labels.tolist() == np.repeat(STAFF, 2).tolist()


@pytest.mark.parametrize(
    "text",
    [mxnet_list(STAFF[::-1]), mxnet_list(STAFF[:-1]), mxnet_list([number + 100 for number in STAFF])],
)
def test_a_list_of_another_pack_is_refused(tmp_path: Path, text: str) -> None:
    write(tmp_path, STAFF)
    (tmp_path / "train.lst").write_text(text)
    with pytest.raises(DataError, match=r"train\.lst does not say the labels that train\.rec has"):
        RecordDataset(tmp_path)


@pytest.mark.parametrize("text", ["", "garbage", "1\t2\n", "a\tb\tc\n"])
def test_what_is_no_list(tmp_path: Path, text: str) -> None:
    write(tmp_path, STAFF)
    (tmp_path / "train.lst").write_text(text)
    with pytest.raises(DataError, match=r"train\.lst is no list of a pack: its lines must be"):
        RecordDataset(tmp_path)


def test_as_many_labels_as_people_are_believed(tmp_path: Path) -> None:
    write(tmp_path, [7, 2**24, 2**24 + 2, 2**25])
    with pytest.raises(DataError, match="people may have become one"):
        RecordDataset(tmp_path)
    (tmp_path / "property").write_text("4,112,112")
    assert np.unique(RecordDataset(tmp_path).labels).tolist() == [7, 2**24, 2**24 + 2, 2**25]


@pytest.mark.parametrize("label", [1e20, 2.0**63, 3e38])
def test_labels_beyond_all_bounds_are_refused(tmp_path: Path, label: float) -> None:
    write(tmp_path, [0, 1, label])
    (tmp_path / "property").write_text("3,112,112")
    with pytest.raises(DataError, match="people may have become one"):
        RecordDataset(tmp_path)


def test_a_list_is_not_needed_below(tmp_path: Path) -> None:
    write(tmp_path, [0, 5, 2**24 - 1])
    (tmp_path / "train.lst").write_text("of something else")
    assert np.unique(RecordDataset(tmp_path).labels).tolist() == [0, 5, 2**24 - 1]


def test_one_label_that_damage_made_huge_costs_one_image(tmp_path: Path) -> None:
    labels = list(range(600))
    write(tmp_path, labels)
    data = (tmp_path / "train.rec").read_bytes()
    at = data.index(np.float32(300).tobytes())
    (tmp_path / "train.rec").write_bytes(data[:at] + np.float32(1e20).tobytes() + data[at + 4 :])
    faces = RecordDataset(tmp_path)
    assert len(faces) == 1199 and faces.labels.max() == 599
    assert faces.passed_over.counts == {"records whose label is no person's number": 1}


def test_labels_below_0_name_nobody(tmp_path: Path) -> None:
    faces = RecordDataset(write(tmp_path, [0, 1, -1, 2]))
    assert faces.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert faces.passed_over.counts == {"records with a label below 0": 2}


@pytest.mark.parametrize("label", [-1, 2**24, 10**20])
def test_our_own_packs_hold_no_label_that_would_change(tmp_path: Path, label: int) -> None:
    refused = pytest.raises(DataError, match=f"cannot hold the label {label}: number people from 0")
    with refused, PackWriter(tmp_path / "out", (16, 16)) as pack:
        pack.add(label, jpeg(0))
    with PackWriter(tmp_path / "out", (16, 16)) as pack:
        pack.add(2**24 - 1, jpeg(0))
    assert RecordDataset(tmp_path / "out").labels.tolist() == [2**24 - 1]
