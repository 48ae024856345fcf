"""Packs as other tools write them: what is admitted is plain data, and nothing more."""

import collections
import datetime
import decimal
import logging
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfn.benchmarks import safe_pickle
from mfn.benchmarks.bin_pack import read_bin
from mfn.benchmarks.chosen import read_file
from mfn.errors import DataError
from tests.sources.files import jpeg

A, B, C, D = (jpeg(seed) for seed in range(4))
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def pack(tmp_path: Path, content: Any, protocol: int = 4) -> Path:
    (tmp_path / "mine.bin").write_bytes(pickle.dumps(content, protocol))
    return tmp_path / "mine.bin"


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("shape", [(-1,), (-1, 1), (1, -1), (1, -1, 1)])
def test_images_as_rows_and_columns(tmp_path: Path, shape: tuple[int, ...], protocol: int) -> None:
    images = [np.frombuffer(data, np.uint8).reshape(shape) for data in (A, B, A, C)]
    found = read_bin(pack(tmp_path, (images, [True, False]), protocol))
    assert found.pairs.tolist() == [[0, 1], [0, 2]] and found.source.encoded(2) == C


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "flags",
    [
        [1, 0],
        (1, 0),
        [1.0, 0.0],
        [np.int64(1), np.int64(0)],
        [np.uint8(1), np.int32(0)],
        [np.float32(1), np.True_ ^ np.True_],
        np.array([1, 0]),
        np.array([[1], [0]]),
        np.array([1, 0], ">i8"),
        np.array([1, 0], "<i2"),
        np.array([1, 0], np.uint8),
        np.array([1, 0], np.float64),
        [np.array(1), np.array([0])],
    ],
)
def test_flags_as_numbers(tmp_path: Path, flags: Any, protocol: int) -> None:
    assert read_bin(pack(tmp_path, ([A, B, C, D], flags), protocol)).is_same.tolist() == [True, False]


EXTRA = [
    {"name": "mine", "size": (112, 112), 3: None, "mean": 127.5, "wide": np.zeros((2, 3))},
    "text",
    7,
    None,
    [[[[["deep"]]]]],
    np.arange(6, dtype=np.int64).reshape(2, 3),
    np.float32(0.5),
]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("extra", EXTRA, ids=lambda extra: type(extra).__name__)
def test_plain_data_after_images_and_flags_is_passed_over_and_told(tmp_path: Path, extra: Any, protocol: int) -> None:
    found = read_bin(pack(tmp_path, ([A, B, C, D], [True, False], extra), protocol))
    assert found.is_same.tolist() == [True, False]
    assert found.notes == ("mine.bin holds 1 more than images and flags, passed over",)


class Calls:
    """Pickles as a call."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def places(evil: Any) -> list[Any]:
    """A pack with it at every place that admits something."""
    return [
        ([A, B], [True], evil),
        ([A, B], [True], {"deep": [{"deeper": (evil,)}]}),
        ([A, B], [True], "plain", evil),
        ([A, B], [evil]),
        ([A, B], evil),
        ([A, evil], [True]),
        (evil, [True]),
        [evil],
    ]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("place", range(8))
def test_nothing_runs_wherever_it_stands(tmp_path: Path, place: int, protocol: int) -> None:
    marker = tmp_path / "marker"
    evil = Calls(os.system, f"touch {marker}")
    with pytest.raises(DataError, match=r"mine\.bin is refused: it holds (posix|nt|os)\.system"):
        read_bin(pack(tmp_path, places(evil)[place], protocol))
    assert not marker.exists()


@pytest.mark.parametrize("place", range(8))
@pytest.mark.parametrize(
    "evil",
    [
        datetime.date(2020, 1, 1),
        decimal.Decimal(1),
        collections.OrderedDict(a=1),
        collections.Counter("a"),
        Path("x"),
        range(3),
        slice(1),
        len,
        int,
        np.array([{"a": 1}], object),
        np.array(["text"]),
        np.zeros(2, [("a", np.int64)]),
        np.datetime64("2020-01-01"),
        np.dtype("int64"),
        np.ma.masked_array([1], [True]),
        Calls(np.load, "x.npy"),
        Calls(eval, "1"),
        Calls(bytearray, 1 << 40),
    ],
    ids=lambda evil: getattr(evil, "__name__", type(evil).__name__),
)
def test_what_is_no_plain_data_is_refused_by_name(tmp_path: Path, evil: Any, place: int) -> None:
    with pytest.raises(
        DataError, match=r"is refused: it holds |is no (whole pickle|verification pack)|no encoded image"
    ):
        read_bin(pack(tmp_path, places(evil)[place]))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        # A numpy type whose state makes it a structure, an object or another order of bytes
        (b"cnumpy\ndtype\n(S'i8'\nI0\nI1\ntR(I3\nS'|'\nNV(a\nNI-1\nI-1\nI0\ntb.", "refused|no whole pickle"),
        (b"cnumpy\ndtype\n(S'i8'\nI0\nI1\ntR(I3\nS'?'\nNNNI-1\nI-1\nI0\ntb.", "a numpy type that is no plain number"),
        (b"cnumpy\ndtype\n(S'i8'\nI0\nI1\ntR(I3\nS'<'\nNNS'x'\nI-1\nI-1\nI0\ntb.", "a numpy type that is no plain"),
        (b"cnumpy\ndtype\n(S'<<i8'\nI0\nI1\ntR.", "a call of numpy.dtype"),
        (b"cnumpy\ndtype\n(S'V8'\nI0\nI1\ntR.", "a numpy type 'V8'"),
        (b"cnumpy\ndtype\n(S'O'\nI0\nI1\ntR.", "a numpy type 'O'"),
        (b"cnumpy\ndtype\n(S'M8'\nI0\nI1\ntR.", "a numpy type 'M8'"),
        (b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'i8'\nI0\nI1\ntRS'abc'\ntR.", "a call of numpy.core"),
        (b"cnumpy\nint64\n.", "numpy.int64"),
        (b"cnumpy\nfrombuffer\n.", "numpy.frombuffer"),
    ],
)
def test_tricks_with_numbers_are_refused(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "mine.bin").write_bytes(data)
    with pytest.raises(DataError, match=said):
        safe_pickle.load(tmp_path / "mine.bin")


def test_a_list_of_one_list_many_times_does_not_blow_up(tmp_path: Path) -> None:
    for content, said in (([[A] * 3000] * 3000, "no encoded image"), ([[[A] * 3000] * 3000] * 3000, "too deeply")):
        with pytest.raises(DataError, match=said):
            read_bin(pack(tmp_path, (content, [True])))
    deep: Any = "x"
    for _ in range(200):
        deep = [deep, deep]
    with pytest.raises(DataError, match="refused"):
        read_bin(pack(tmp_path, ([A, B], deep)))
    assert read_bin(pack(tmp_path, ([A, B], [True], deep))).notes


def test_every_note_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pack(tmp_path, ([A, B, C, D], [1, 0], {"made": "by me"}, "and more"))
    with caplog.at_level(logging.WARNING):
        read_file(str(tmp_path / "mine.bin"))
    assert "mine: mine.bin holds 2 more than images and flags, passed over" in caplog.messages
