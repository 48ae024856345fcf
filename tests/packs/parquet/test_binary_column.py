import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="needs the extra parquet")

import pyarrow as pa
import pyarrow.parquet as pq

from mfn.packs.parquet.levels import NoRunsError, hybrid
from mfn.packs.parquet.pages import DamagedPageError
from mfn.packs.parquet.table import Table
from mfn.packs.parquet.thrift import NoHeaderError, read_struct

DRAW = np.random.default_rng(0)
PLAIN = [DRAW.bytes(int(size)) for size in DRAW.integers(0, 3000, 150)]
SOME = [None if number % 7 == 3 else value for number, value in enumerate(PLAIN)]
ALIKE = [PLAIN[number % 5] for number in range(150)]
FORMS: list[dict[str, Any]] = [
    {"compression": codec, "use_dictionary": dictionary, "data_page_version": version, **sizes}
    for codec in ("none", "snappy", "zstd", "gzip", "brotli")
    for dictionary in (True, False)
    for version in ("1.0", "2.0")
    for sizes in ({}, {"row_group_size": 40, "data_page_size": 5000, "dictionary_pagesize_limit": 20_000})
]


def column_of(path: Path, name: str = "image") -> Any:
    return Table(path).bytes_of(name)


def values(column: Any, count: int) -> list[bytes | None]:
    found = [column.value(row) for row in range(count)]
    return [None if value is None else bytes(value) for value in found]


def write(path: Path, content: list[bytes | None], kind: Any = None, **how: Any) -> Path:
    pq.write_table(pa.table({"image": pa.array(content, kind or pa.binary())}), path, **how)
    return path


@pytest.mark.parametrize("how", FORMS, ids=lambda how: "-".join(map(str, how.values())))
def test_every_form_holds_what_was_written(tmp_path: Path, how: dict[str, Any]) -> None:
    for number, content in enumerate((PLAIN, SOME, ALIKE, [None] * 150)):
        path = write(tmp_path / f"{number}.parquet", content, **how)
        column = column_of(path)
        assert values(column, 150) == content
        order = np.random.default_rng(1).permutation(150).tolist()
        again = pickle.loads(pickle.dumps(column))
        assert [again.value(row) is None for row in order] == [content[row] is None for row in order]
        assert all(bytes(again.value(row)) == content[row] for row in order if content[row] is not None)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("required", [True, False])
def test_parts_of_structs_and_what_must_be_there(tmp_path: Path, version: str, required: bool) -> None:
    kind = pa.struct([pa.field("bytes", pa.large_binary(), nullable=not required), ("path", pa.string())])
    rows = [{"bytes": value, "path": "x"} for value in PLAIN]
    if not required:
        rows[4], rows[9] = None, {"bytes": None, "path": "y"}  # type: ignore[call-overload]
    schema = pa.schema([pa.field("image", kind, nullable=not required)])
    pq.write_table(
        pa.table([pa.array(rows, kind)], schema=schema), path := tmp_path / "a.parquet", data_page_version=version
    )
    wanted = [None if row is None else row["bytes"] for row in rows]
    assert values(column_of(path, "image.bytes"), 150) == wanted


@pytest.mark.parametrize("encoding", ["DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"])
def test_rarer_encodings_are_read_by_the_library(tmp_path: Path, encoding: str) -> None:
    how: Any = {"use_dictionary": False, "column_encoding": {"image": encoding}, "row_group_size": 40}
    assert values(column_of(write(tmp_path / "a.parquet", SOME, **how)), 150) == SOME


def test_a_file_without_rows(tmp_path: Path) -> None:
    assert column_of(write(tmp_path / "a.parquet", [])) is not None


def test_damage_is_told_and_ends_nothing(tmp_path: Path) -> None:
    draw = random.Random(0)
    told = 0
    for number, how in enumerate(FORMS[:8] * 8):
        path = write(tmp_path / "a.parquet", SOME, **how)
        data = bytearray(path.read_bytes())
        end = len(data) - 8 - int.from_bytes(data[-8:-4], "little")  # of the pages; the footer follows
        for _ in range(draw.choice([1, 5, 50])):
            data[draw.randrange(4, draw.choice([60, end]))] = draw.randrange(256)
        damaged = tmp_path / f"{number}.parquet"
        damaged.write_bytes(data)
        column = column_of(damaged)
        for row in range(150):
            try:
                column.value(row)
            except DamagedPageError:
                told += 1
    assert told > 50


def test_runs_and_packed_bits() -> None:
    assert hybrid(memoryview(bytes([8, 3])), 2, 4).tolist() == [3, 3, 3, 3]
    assert hybrid(memoryview(bytes([3, 0x88, 0xC6, 0xFA])), 3, 8).tolist() == list(range(8))  # the format's own example
    assert hybrid(memoryview(b""), 0, 0).size == 0
    assert hybrid(memoryview(bytes([8])), 0, 4).tolist() == [0] * 4
    for data, width, count in (
        (b"", 2, 1),
        (b"\x08", 9, 4),
        (b"\x03\x88", 3, 8),
        (b"\xff" * 20, 1, 1),
        (b"\0\0", 1, 1),
    ):
        with pytest.raises(NoRunsError):
            hybrid(memoryview(data), width, count)
    with pytest.raises(NoRunsError):
        hybrid(memoryview(b"\x08\x01"), 40, 1)


def test_headers() -> None:
    assert read_struct(memoryview(bytes([0x15, 4, 0x15, 0xD0, 0x0F, 0x00])), 0) == ({1: 2, 2: 1000}, 6)
    for data in (
        b"",
        b"\x15",
        b"\x15\xff",
        b"\x1c" * 100,
        b"\x1b\x00",
        b"\x19\xf5\xff\xff\xff\xff\x7f",
        b"\x15" + b"\xff" * 20,
    ):
        with pytest.raises(NoHeaderError):
            read_struct(memoryview(data), 0)
