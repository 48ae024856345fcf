from pathlib import Path

import numpy as np
import pytest

from mfn.packs.tfrecords.tfrecord import TFRecordError, masked_crc, read_record, scan_records
from tests.packs.tfrecords.tfrecords import write_records

RECORDS = [b"abc", b"", bytes(range(256)) * 40, b"x"]


def test_masked_checksum() -> None:
    # CRC-32C has the check value e3069283 for these digits; turned right by 15 bits that is 2507c60d, plus a282ead8.
    assert masked_crc(b"123456789") == 0xC78AB0E5


def test_records_of_another_writer(tmp_path: Path) -> None:
    file = memoryview(write_records(tmp_path / "a", RECORDS).read_bytes())
    bounds, gaps = scan_records(file)
    assert not gaps
    assert [read_record(file, *row) for row in bounds.tolist()] == RECORDS
    assert bounds[0].tolist() == [12, 15] and bounds[1].tolist() == [31, 31]


def test_an_empty_file_has_no_records() -> None:
    bounds, gaps = scan_records(memoryview(b""))
    assert bounds.shape == (0, 2) and not gaps


@pytest.mark.parametrize("end", [5, 11, 13, 18])
def test_cut_short(tmp_path: Path, end: int) -> None:
    file = memoryview(write_records(tmp_path / "a", RECORDS).read_bytes())
    bounds, gaps = scan_records(file[:end])
    assert bounds.shape == (0, 2)
    assert [gap[:2] for gap in gaps] == [(0, end)] and "the record at offset 0" in gaps[0].reason


def test_damage_is_noticed(tmp_path: Path) -> None:
    data = bytearray(write_records(tmp_path / "a", RECORDS).read_bytes())
    data[13] ^= 1
    ((start, end), *_) = scan_records(memoryview(data))[0].tolist()
    with pytest.raises(TFRecordError, match="data is not"):
        read_record(memoryview(data), start, end)


@pytest.mark.parametrize("place", [19, 19 + 8])
def test_after_damage_it_goes_on_at_the_next_whole_record(tmp_path: Path, place: int) -> None:
    data = bytearray(write_records(tmp_path / "a", RECORDS).read_bytes())
    data[place] ^= 1  # the length of the second record, or its checksum
    bounds, gaps = scan_records(memoryview(data))
    assert [read_record(memoryview(data), *row) for row in bounds.tolist()] == [RECORDS[0], *RECORDS[2:]]
    assert [gap[:2] for gap in gaps] == [(19, 35)] and "length that its checksum belies" in gaps[0].reason


@pytest.mark.parametrize("noise", [0, 3, 262_144 - 5, 262_144, 600_000])
def test_the_next_record_is_found_wherever_it_is(tmp_path: Path, noise: int) -> None:
    whole = write_records(tmp_path / "a", RECORDS).read_bytes()
    data = memoryview(b"\1" + np.random.default_rng(0).bytes(noise) + whole)
    bounds, (gap,) = scan_records(data)
    assert [read_record(data, *row) for row in bounds.tolist()] == RECORDS and gap[:2] == (0, noise + 1)
