import pickle
from pathlib import Path

import numpy as np
import pytest

from mfn.errors import DataError
from mfn.packs.frames import MAGIC_BYTES as M
from mfn.packs.frames import FrameError, join_frames, split_frames
from mfn.packs.record import Record
from mfn.packs.record_index import parse_index
from mfn.packs.recordio import IndexedRecordReader, RecordWriter

PAYLOADS = [b"abc", b"abcd" + M + b"efg", M + M + b"xy", b"ab" + M + b"cd", b"", b"qqqq" + M]


def scalar(payload: bytes, label: float = 1.0) -> Record:
    return Record(0, np.array([label], np.float32), 0, 0, payload)


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    with RecordWriter(tmp_path / "a.rec", tmp_path / "a.idx") as writer:
        for key, payload in enumerate(PAYLOADS):
            writer.write(10 * key, scalar(payload, key))
        writer.write(99, Record(3, np.array([1, 2, 3.5]), 7, 9, b"multi"))
    return tmp_path / "a.rec"


def test_reads_what_mxnet_wrote(shared: Path) -> None:
    reader = IndexedRecordReader(shared / "oracles/recordio/split.rec")
    assert reader.keys.tolist() == list(range(8)) and len(reader) == 8
    assert [bytes(reader[key].payload) for key in range(6)] == PAYLOADS
    assert len(reader[6].payload) == 1000
    assert [reader[key].labels.tolist() for key in range(6)] == [[float(key)] for key in range(6)]
    record = reader[7]
    assert record.flag == 3 and record.labels.tolist() == [1, 2, 3.5]
    assert (record.id, record.id2, bytes(record.payload)) == (7, 9, b"multi")


def test_writes_what_mxnet_wrote(shared: Path, tmp_path: Path) -> None:
    oracle = shared / "oracles/recordio/split.rec"
    reader = IndexedRecordReader(oracle)
    with RecordWriter(tmp_path / "a.rec", tmp_path / "a.idx") as writer:
        for key in reader.keys.tolist():
            writer.write(key, reader[key])
    assert (tmp_path / "a.rec").read_bytes() == oracle.read_bytes()
    assert (tmp_path / "a.idx").read_bytes() == oracle.with_suffix(".idx").read_bytes()


def test_records_come_back_as_written(pack: Path) -> None:
    reader = IndexedRecordReader(pack)
    assert [bytes(reader[key].payload) for key in reader.keys[:-1].tolist()] == PAYLOADS
    assert all(reader.payload(key) == reader[key].payload for key in reader.keys.tolist())
    record = reader[99]
    assert (record.flag, record.labels.tolist(), record.id, record.id2) == (3, [1, 2, 3.5], 7, 9)


@pytest.mark.parametrize("seed", range(20))
def test_any_bytes_survive_splitting(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pieces = [M if rng.random() < 0.4 else rng.bytes(int(rng.integers(1, 6))) for _ in range(12)]
    data = b"".join(pieces)
    frames = split_frames(data)
    assert len(frames) % 4 == 0
    assert bytes(join_frames(memoryview(frames), 0)) == data


def test_whole_payloads_are_views_of_the_map(pack: Path) -> None:
    reader = IndexedRecordReader(pack)
    payload = np.frombuffer(reader[0].payload, np.uint8)
    assert np.shares_memory(payload, reader.words)
    assert not payload.flags.writeable


def test_missing_index_is_rebuilt_by_scanning(pack: Path) -> None:
    listed = IndexedRecordReader(pack)
    pack.with_suffix(".idx").unlink()
    scanned = IndexedRecordReader(pack)
    assert scanned.keys.tolist() == list(range(len(listed)))
    assert [bytes(scanned[k].payload) for k in range(6)] == PAYLOADS


def test_pickle_holds_paths_only(tmp_path: Path) -> None:
    with RecordWriter(tmp_path / "a.rec", tmp_path / "a.idx") as writer:
        for key in range(2000):
            writer.write(key, scalar(b"x" * 100))
    reader = IndexedRecordReader(tmp_path / "a.rec")
    assert reader.words.size > 0
    pickled = pickle.dumps(reader)
    assert len(pickled) < 1000
    assert bytes(pickle.loads(pickled)[1999].payload) == b"x" * 100


def test_index_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "a.idx"
    path.write_text("7\t40\n3\t0\n5\t80\n")
    keys, offsets = parse_index(path)
    assert keys.tolist() == [3, 5, 7] and offsets.tolist() == [0, 80, 40]


def test_large_index_without_last_newline(tmp_path: Path) -> None:
    path = tmp_path / "a.idx"
    path.write_text("\n".join(f"{key}\t{2**33 + 4 * key}" for key in range(50_000)))
    keys, offsets = parse_index(path)
    assert np.array_equal(keys, np.arange(50_000)) and np.array_equal(offsets, 2**33 + 4 * keys)


@pytest.mark.parametrize(
    "text",
    [
        "0\t0\r\n1\t44\r\n",
        "0 0\n1 44\n",
        "0\t0\n1\t44\n\n\r\n",
        "\ufeff0\t0\n1\t44",
        " 0 \t 0 \n\n1.0,44.0;\n",
        "1;44\n0;0\n",
        "0\t0\n1\t44\n1\t44\n",
    ],
)
def test_an_index_as_other_programs_write_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.idx").write_bytes(text.encode())
    keys, offsets = parse_index(tmp_path / "a.idx")
    assert keys.tolist() == [0, 1] and offsets.tolist() == [0, 44]


def test_a_last_line_that_breaks_off_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.idx").write_text("0\t0\n1\t44\n2\t")
    assert parse_index(tmp_path / "a.idx")[0].tolist() == [0, 1]
    assert "its last line, b'2\\t', breaks off" in caplog.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0\t0\nx\t44\n", "line 2 is 'x\\t44'"),
        ("0\t0\n1\t4.5\n", "line 2"),
        ("0\t0\n1\n", "line 2 is '1'"),
        ("0\t0\n99999999999999999999\t4\n", "line 2"),
        ("0\t0\n0\t44\n", "key 0 appears more than once"),
        ("", "is empty"),
        ("\n \n", "is empty"),
    ],
)
def test_malformed_index_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.idx").write_text(text)
    with pytest.raises(DataError) as caught:
        parse_index(tmp_path / "a.idx")
    assert said in str(caught.value) and "a.idx" in str(caught.value) and "remove it" in str(caught.value)


def test_the_index_is_found_in_upper_case(pack: Path) -> None:
    pack.with_suffix(".idx").rename(pack.with_name("A.IDX"))
    reader = IndexedRecordReader(pack)
    assert reader.keys.tolist() == [0, 10, 20, 30, 40, 50, 99] and not reader.is_rebuilt


@pytest.mark.parametrize("offset", [10_000, 42, -4])
def test_index_pointing_outside_is_named(pack: Path, offset: int) -> None:
    pack.with_suffix(".idx").write_text(f"0\t0\n5\t{offset}\n")
    with pytest.raises(DataError, match=rf"a\.idx: key 5 points at offset {offset}"):
        IndexedRecordReader(pack)


def test_wrong_magic_is_named(pack: Path) -> None:
    offset = IndexedRecordReader(pack).offsets_of(np.array([10]))[0]
    data = bytearray(pack.read_bytes())
    data[offset] ^= 0xFF
    pack.write_bytes(data)
    reader = IndexedRecordReader(pack)
    with pytest.raises(DataError, match=rf"a\.rec record 10 at offset {offset}: magic 0xced723f5"):
        reader[10]
    assert bytes(reader[20].payload) == PAYLOADS[2]


def test_index_pointing_into_a_split_record_is_named(pack: Path) -> None:
    offset = IndexedRecordReader(pack).offsets_of(np.array([10]))[0] + 8 + 24 + 4
    pack.with_suffix(".idx").write_text(f"1\t{offset}\n")
    with pytest.raises(DataError, match="inside of a split record"):
        IndexedRecordReader(pack)[1]


@pytest.mark.parametrize("lost", [4, 20, 40])
def test_truncated_file_is_named(pack: Path, lost: int) -> None:
    data = pack.read_bytes()
    offset = int(IndexedRecordReader(pack).offsets_of(np.array([99]))[0])
    pack.write_bytes(data[:-lost])
    with pytest.raises(DataError, match=rf"a\.rec record 99 at offset {offset}: .*cut short"):
        IndexedRecordReader(pack)[99]


def test_some_places_outside_the_file_cost_only_their_records(pack: Path) -> None:
    lines = pack.with_suffix(".idx").read_text().splitlines()
    pack.with_suffix(".idx").write_text("\n".join([*lines[:2], "20\t100000", *lines[3:6], "99\t6"]))
    reader = IndexedRecordReader(pack)
    assert reader.lost.tolist() == [20, 99] and bytes(reader[50].payload) == PAYLOADS[5]
    for key, offset in ((20, 100000), (99, 6)):
        with pytest.raises(DataError, match=rf"a\.idx: key {key} points at offset {offset}, which is no place"):
            reader.payload(key)


def test_scanning_steps_over_damage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with RecordWriter(tmp_path / "a.rec", tmp_path / "a.idx") as writer:
        for key, payload in enumerate([*PAYLOADS, b"last"]):
            writer.write(key, Record(0, np.array([key]), key, 0, payload))
    _, offsets = parse_index(tmp_path / "a.idx")
    data = bytearray((tmp_path / "a.rec").read_bytes())
    for key in (2, 3):
        data[offsets[key]] ^= 1
    (tmp_path / "a.rec").write_bytes(data[:-4])
    (tmp_path / "a.idx").unlink()
    reader = IndexedRecordReader(tmp_path / "a.rec")
    assert reader.keys.tolist() == [0, 1, 4, 5]
    assert [bytes(reader[key].payload) for key in reader.keys.tolist()] == [PAYLOADS[key] for key in (0, 1, 4, 5)]
    assert f"bytes {offsets[2]} to {offsets[4]} are no records" in caplog.text and "cut short" in caplog.text


def test_a_file_without_records(tmp_path: Path) -> None:
    (tmp_path / "a.rec").write_bytes(bytes(3_000_000))
    with pytest.raises(DataError, match=r"a\.rec has no index and holds no record: offset 0: magic 0x00000000"):
        IndexedRecordReader(tmp_path / "a.rec")


def test_unfinished_split_record() -> None:
    first, second = split_frames(b"abcd" + M + b"efgh"), split_frames(b"whole")
    with pytest.raises(FrameError, match="breaks off"):
        join_frames(memoryview(first[:12] + second), 0)


def test_header_announcing_too_many_labels(tmp_path: Path) -> None:
    with RecordWriter(tmp_path / "a.rec", tmp_path / "a.idx") as writer:
        writer.write(0, scalar(b"abcd"))
    data = bytearray((tmp_path / "a.rec").read_bytes())
    data[8] = 200
    (tmp_path / "a.rec").write_bytes(data)
    with pytest.raises(DataError, match="announces 200 labels"):
        IndexedRecordReader(tmp_path / "a.rec")[0]


def test_unknown_key_missing_and_empty_file(pack: Path, tmp_path: Path) -> None:
    reader = IndexedRecordReader(pack)
    for ask in (lambda: reader[11], lambda: reader[1000], lambda: reader.offsets_of(np.array([0, 11]))):
        with pytest.raises(DataError, match="has no record 1"):
            ask()
    with pytest.raises(DataError, match="cannot be opened"):
        IndexedRecordReader(tmp_path / "none.rec")
    (tmp_path / "none.rec").touch()
    with pytest.raises(DataError, match="is empty"):
        IndexedRecordReader(tmp_path / "none.rec")


@pytest.mark.parametrize("label", [2**24 + 1, np.float64(20_000_001), 10**20])
def test_the_writer_refuses_numbers_that_a_float32_changes(tmp_path: Path, label: float) -> None:
    with (
        pytest.raises(DataError, match=r"record 7 at offset 0: label .* would become"),
        RecordWriter(tmp_path / "a.rec", tmp_path / "a.idx") as writer,
    ):
        writer.write(7, Record(0, np.array([label], object if label == 10**20 else None), 7, 0, b""))


def test_writer_leaves_nothing_behind_after_an_error(pack: Path) -> None:
    before = pack.read_bytes()
    with (
        pytest.raises(DataError, match="asks for 2 labels, got 1"),
        RecordWriter(pack, pack.with_suffix(".idx")) as writer,
    ):
        writer.write(0, scalar(b"new"))
        writer.write(1, Record(2, np.array([1.0]), 0, 0, b""))
    assert pack.read_bytes() == before
    assert sorted(path.name for path in pack.parent.iterdir()) == ["a.idx", "a.rec"]


def test_files_appear_only_when_finished(tmp_path: Path) -> None:
    writer = RecordWriter(tmp_path / "a.rec", tmp_path / "a.idx")
    writer.write(3, scalar(b"abc"))
    assert not (tmp_path / "a.rec").exists()
    writer.close()
    writer.close()
    assert bytes(IndexedRecordReader(tmp_path / "a.rec")[3].payload) == b"abc"
