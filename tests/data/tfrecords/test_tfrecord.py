from pathlib import Path

import pytest

from mfn.data.tfrecords.tfrecord import TFRecordError, masked_crc, read_record, scan_records
from tests.data.tfrecords.tfrecords import write_records

RECORDS = [b"abc", b"", bytes(range(256)) * 40, b"x"]


def test_masked_checksum() -> None:
    # CRC-32C has the check value e3069283 for these digits; turned right by 15 bits that is 2507c60d, plus a282ead8.
    assert masked_crc(b"123456789") == 0xC78AB0E5


def test_records_of_another_writer(tmp_path: Path) -> None:
    file = memoryview(write_records(tmp_path / "a", RECORDS).read_bytes())
    bounds = scan_records(file)
    assert [read_record(file, *row) for row in bounds.tolist()] == RECORDS
    assert bounds[0].tolist() == [12, 15] and bounds[1].tolist() == [31, 31]


def test_an_empty_file_has_no_records() -> None:
    assert scan_records(memoryview(b"")).shape == (0, 2)


@pytest.mark.parametrize("end", [5, 11, 13, 18])
def test_cut_short(tmp_path: Path, end: int) -> None:
    file = memoryview(write_records(tmp_path / "a", RECORDS).read_bytes())
    with pytest.raises(TFRecordError, match="record 0"):
        scan_records(file[:end])


def test_damage_is_noticed(tmp_path: Path) -> None:
    data = bytearray(write_records(tmp_path / "a", RECORDS).read_bytes())
    data[13] ^= 1
    ((start, end), *_) = scan_records(memoryview(data)).tolist()
    with pytest.raises(TFRecordError, match="data is not"):
        read_record(memoryview(data), start, end)
    data[19] ^= 1  # the length of the second record
    with pytest.raises(TFRecordError, match="record 1 at offset 19 has a length that its checksum belies"):
        scan_records(memoryview(data))
