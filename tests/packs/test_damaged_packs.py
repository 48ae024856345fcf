"""Packs that are damaged, cut short or hostile: what is lost is counted, the rest is used."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mfn.data.datamodule import FaceDataModule
from mfn.data.images import FaceImages
from mfn.data.loader import FaceLoader
from mfn.data.sampler import FaceBatchSampler
from mfn.errors import BrokenImageError, DataError
from mfn.packs.record import Record
from mfn.packs.record_index import parse_index
from mfn.packs.recordio import RecordWriter
from mfn.sources.record_dataset import RecordDataset
from tests.sources.files import image_record, jpeg, write_pack

PEOPLE = {0.0: 4, 5.0: 3, 2.0: 5}
LABELS = [0] * 4 + [5] * 3 + [2] * 5


def without_header(folder: Path) -> Path:
    return write_pack(folder, PEOPLE, first_key=1)


def damage(folder: Path, key: int, change: Callable[[bytearray, int], None]) -> None:
    """Change the bytes of a record, given the whole file and where the record starts."""
    keys, offsets = parse_index(folder / "train.idx")
    data = bytearray((folder / "train.rec").read_bytes())
    change(data, int(offsets[keys == key][0]))
    (folder / "train.rec").write_bytes(data)


def wrong_magic(data: bytearray, offset: int) -> None:
    data[offset] ^= 0xFF


def too_long(data: bytearray, offset: int) -> None:
    data[offset + 7] |= 0x1F


def too_short(data: bytearray, offset: int) -> None:
    data[offset + 4 : offset + 8] = (20).to_bytes(4, "little")


def too_many_labels(data: bytearray, offset: int) -> None:
    data[offset + 8 : offset + 12] = (1 << 30).to_bytes(4, "little")


def inside_of_another(data: bytearray, offset: int) -> None:
    data[offset + 7] |= 2 << 5


def no_image(data: bytearray, offset: int) -> None:
    data[offset + 4 : offset + 8] = (24).to_bytes(4, "little")


def torn_image(data: bytearray, offset: int) -> None:
    data[offset + 32 : offset + 300] = bytes(268)


DAMAGES = [wrong_magic, too_long, too_short, too_many_labels, inside_of_another, no_image, torn_image]


@pytest.mark.parametrize("change", DAMAGES)
@pytest.mark.parametrize("write", [lambda folder: write_pack(folder, PEOPLE), without_header])
@pytest.mark.parametrize("key", [1, 6, 12])
def test_one_damaged_record_costs_one_image(
    tmp_path: Path, write: Callable[[Path], Path], change: Callable[[bytearray, int], None], key: int
) -> None:
    damage(write(tmp_path), key, change)
    faces = RecordDataset(tmp_path)
    broken = {}
    for index in range(len(faces)):
        try:
            assert np.array_equal(faces.encoded(index), jpeg(int(faces.keys[index])))
            assert faces.image(index).shape == (16, 16, 3)
        except (BrokenImageError, AssertionError) as error:
            broken[int(faces.keys[index])] = str(error)
    left_out = [name for name, _ in faces.passed_over if name.startswith("record")]  # not the rest of a last one
    assert [*broken, *(int(name.split()[1]) for name in left_out)] == [key]
    others = faces.keys != key
    assert faces.labels[others].tolist() == [label for at, label in enumerate(LABELS, 1) if at != key]


@pytest.mark.parametrize("workers", [0, 2])
def test_training_skips_damaged_records_and_names_them(tmp_path: Path, workers: int) -> None:
    write_pack(tmp_path, PEOPLE)
    for key in (2, 6, 11):
        damage(tmp_path, key, wrong_magic)
    faces = RecordDataset(tmp_path)
    images = FaceImages(faces, np.arange(len(faces)), faces.labels, (16, 16))
    batches = list(FaceLoader(images, FaceBatchSampler(len(faces), 4), num_workers=workers))
    broken = [reason for batch in batches for _, reason in batch.broken]
    assert sum(len(batch.labels) for batch in batches) == 9
    assert len(broken) == 3 and all("train.rec record" in reason and "magic" in reason for reason in broken)


def test_damage_known_from_the_start_is_in_the_table_and_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damage(without_header(tmp_path), 6, wrong_magic)
    data = FaceDataModule(RecordDataset(tmp_path), image_size=(16, 16), batch_size=4, val_identities=0.0)
    assert data.summary()["passed over: damaged records"] == "1: record 6"
    assert data.summary()["images"] == 11
    assert "train.rec: left out damaged records: 1 (record 6)" in caplog.text


def test_a_pack_that_is_mostly_damaged_is_refused(tmp_path: Path) -> None:
    without_header(tmp_path)
    for key in range(1, 7):
        damage(tmp_path, key, wrong_magic)
    with pytest.raises(DataError, match=r"6 of 12 images cannot be used: .*record 1 at offset 0: magic"):
        RecordDataset(tmp_path)


@pytest.mark.parametrize("keys", [[14], [13, 14, 15]])
def test_damaged_identity_records_cost_nothing(tmp_path: Path, keys: list[int]) -> None:
    write_pack(tmp_path, PEOPLE)
    for key in keys:
        damage(tmp_path, key, wrong_magic)
    faces = RecordDataset(tmp_path)
    assert faces.labels.tolist() == LABELS and not faces.passed_over.counts


def test_a_damaged_record_0_costs_no_image(tmp_path: Path) -> None:
    damage(write_pack(tmp_path, PEOPLE), 0, wrong_magic)
    faces = RecordDataset(tmp_path)
    assert faces.labels.tolist() == LABELS and faces.keys.tolist() == list(range(1, 13))
    assert faces.passed_over.counts == {"damaged records": 1}


HOSTILE = [np.nan, np.inf, -np.inf, 1e18, 3e38, -1.0, 0.0, 0.5, 7.5, 1.0]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_numbers_in_record_0_are_not_believed(tmp_path: Path, value: float) -> None:
    write_pack(tmp_path, PEOPLE)
    damage(tmp_path, 0, lambda data, at: data.__setitem__(slice(at + 32, at + 36), np.float32(value).tobytes()))
    assert RecordDataset(tmp_path).labels.tolist() == LABELS
    damage(tmp_path, 0, lambda data, at: data.__setitem__(slice(at + 36, at + 40), np.float32(value).tobytes()))
    assert RecordDataset(tmp_path).labels.tolist() == LABELS


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("place", [32, 36])
def test_hostile_numbers_in_identity_records_are_not_believed(tmp_path: Path, value: float, place: int) -> None:
    write_pack(tmp_path, PEOPLE)
    damage(
        tmp_path, 14, lambda data, at: data.__setitem__(slice(at + place, at + place + 4), np.float32(value).tobytes())
    )
    assert RecordDataset(tmp_path).labels.tolist() == LABELS


@pytest.mark.parametrize("ranges", [[(1, 9), (5, 13)], [(1, 5), (1, 5), (5, 13)], [(1, 1e18)], [(1, 2**30)], [(0, 13)]])
def test_ranges_that_overlap_or_reach_too_far_are_not_believed(
    tmp_path: Path, ranges: list[tuple[float, float]]
) -> None:
    with RecordWriter(tmp_path / "train.rec", tmp_path / "train.idx") as writer:
        writer.write(0, Record(2, np.array([13, 13 + len(ranges)]), 0, 0, b""))
        for key, label in enumerate(LABELS, 1):
            writer.write(key, image_record(key, label))
        for key, bounds in enumerate(ranges, 13):
            writer.write(key, Record(2, np.array(bounds, np.float32), key, 0, b""))
    assert RecordDataset(tmp_path).labels.tolist() == LABELS


def cut(path: Path, share: float) -> None:
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


def test_half_a_download_is_refused_and_the_remedy_goes_on_with_what_is_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_pack(tmp_path, PEOPLE)
    cut(tmp_path / "train.rec", 0.6)
    with pytest.raises(DataError, match=r"train\.rec is cut short: 8 of the 16 records .* remove train\.idx to go on"):
        RecordDataset(tmp_path)
    (tmp_path / "train.idx").unlink()
    faces = RecordDataset(tmp_path)
    assert faces.labels.tolist() == LABELS[:7]
    assert faces.passed_over.counts == {"images that the index does not list": 5}
    assert all(faces.image(index).shape == (16, 16, 3) for index in range(7))
    assert "are no records" in caplog.text


@pytest.mark.parametrize("write", [lambda folder: write_pack(folder, PEOPLE), without_header])
def test_a_download_that_lacks_the_last_record_is_told(
    tmp_path: Path, write: Callable[[Path], Path], caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path)
    data = (tmp_path / "train.rec").read_bytes()
    (tmp_path / "train.rec").write_bytes(data[:-5])
    faces = RecordDataset(tmp_path)
    assert faces.labels.tolist() == LABELS[: len(faces)] and len(faces) >= 11
    assert "train.rec is cut short" in caplog.text


@pytest.mark.parametrize("line", ["1\t0", "7\t0\n"])
def test_an_index_without_an_image_is_refused_and_the_remedy_works(tmp_path: Path, line: str) -> None:
    write_pack(tmp_path, PEOPLE)
    (tmp_path / "property").write_text("3,32,32")
    (tmp_path / "train.idx").write_text(line)
    with pytest.raises(DataError, match=r"train\.idx lists no image, .*: remove train\.idx to have it rebuilt"):
        RecordDataset(tmp_path)
    (tmp_path / "train.idx").unlink()
    assert RecordDataset(tmp_path).labels.tolist() == LABELS


def test_a_pack_of_nothing_but_its_description_is_refused(tmp_path: Path) -> None:
    write_pack(tmp_path, PEOPLE)
    (_, offsets), data = parse_index(tmp_path / "train.idx"), (tmp_path / "train.rec").read_bytes()
    (tmp_path / "train.rec").write_bytes(data[: offsets[1]])
    (tmp_path / "train.idx").unlink()
    with pytest.raises(DataError, match=r"train\.rec holds no image, only what describes a pack: fetch it again"):
        RecordDataset(tmp_path)


def test_an_index_cut_short_is_refused_and_the_remedy_works(tmp_path: Path) -> None:
    write_pack(tmp_path, PEOPLE)
    lines = (tmp_path / "train.idx").read_text().splitlines(keepends=True)
    (tmp_path / "train.idx").write_text("".join(lines[:8]))
    with pytest.raises(DataError, match=r"lists 7 of the 12 images .*; remove the index"):
        RecordDataset(tmp_path)
    (tmp_path / "train.idx").unlink()
    assert RecordDataset(tmp_path).labels.tolist() == LABELS


def test_an_index_cut_short_of_a_pack_without_record_0_is_told(tmp_path: Path) -> None:
    without_header(tmp_path)
    lines = (tmp_path / "train.idx").read_text().splitlines(keepends=True)
    (tmp_path / "train.idx").write_text("".join(lines[:9]))
    faces = RecordDataset(tmp_path)
    assert len(faces) == 9
    ((name, reason),) = faces.passed_over
    assert reason == "stretches of records that the index does not list" and name.endswith("% of train.rec")


def test_an_index_that_points_outside_for_a_few_keys(tmp_path: Path) -> None:
    without_header(tmp_path)
    lines = (tmp_path / "train.idx").read_text().splitlines()
    lines[2], lines[7] = "3\t4000000000", "8\t-4"
    (tmp_path / "train.idx").write_text("\n".join(lines))
    faces = RecordDataset(tmp_path)
    assert faces.keys.tolist() == [1, 2, 4, 5, 6, 7, 9, 10, 11, 12]
    assert faces.passed_over.counts == {"damaged records": 2}


def test_the_same_with_identity_records(tmp_path: Path) -> None:
    write_pack(tmp_path, PEOPLE)
    lines = (tmp_path / "train.idx").read_text().splitlines()
    lines[3], lines[8] = "3\t-4", "8\t0"
    (tmp_path / "train.idx").write_text("\n".join(lines))
    faces = RecordDataset(tmp_path)
    assert [name for name, _ in faces.passed_over] == ["record 3"]
    with pytest.raises(BrokenImageError, match=r"train\.rec record 8"):  # it is record 0, which holds no image
        faces.image(faces.keys.tolist().index(8))
