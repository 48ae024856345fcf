import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfn.errors import DataError
from mfn.packs.tarshards.shard_index import (
    INDEX,
    SAMPLES,
    Placed,
    ShardFile,
    ShardIndex,
    parse_index,
    read_samples_file,
    write_index,
)

SHARDS = [ShardFile("a.tar", 2, 9000, "0" * 64), ShardFile("b.tar", 1, 5000, "1" * 64)]
SET = ShardIndex(SHARDS, {0: "Ann", 7: "B\udc80"})
PLACED = Placed(*(np.array(column) for column in ([0, 1, 4], [7, 0, 7], [0, 1, 0], [512, 512, 4096], [900, 1000, 0])))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_index(tmp_path, SET, PLACED, {"name": "set"})
    return tmp_path


def test_what_is_written_is_read(folder: Path) -> None:
    index = parse_index((folder / INDEX).read_bytes(), INDEX)
    assert (
        index is not None
        and index == SET
        and index.images == 3
        and index.lists(["b.tar"])
        and not index.lists(["c.tar"])
    )
    placed = read_samples_file(folder / SAMPLES, index)
    for name in ("key", "label", "shard", "start", "length"):
        assert getattr(placed, name).tolist() == getattr(PLACED, name).tolist()


def test_the_same_index_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    write_index(tmp_path / "again", SET, PLACED, {"name": "set"})
    for name in (INDEX, SAMPLES):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b"{}", b'{"made_by": "others"}', b"[" * 100_000])
def test_an_index_of_others_is_none(data: bytes) -> None:
    assert parse_index(data, INDEX) is None


def without(key: str) -> Callable[[Any], None]:
    return lambda content: content.pop(key)


def of_first(**values: Any) -> Callable[[Any], None]:
    return lambda content: content["shardlist"][0].update(values)


@pytest.mark.parametrize(
    "harm",
    [
        without("shardlist"), without("people"), without("images"), without("virtual_copies"),
        lambda content: content.update(images=4), lambda content: content.update(shardlist=[]),
        lambda content: content.update(people=[1]), lambda content: content.update(people={"x": "y"}),
        of_first(nsamples=0), of_first(nsamples="many"), of_first(nsamples=float("inf")), of_first(filesize=-1),
        of_first(url="../a.tar"), of_first(url="/etc/a.tar"), of_first(url="sub/a.tar"), of_first(url="pipe:x.tar"),
        of_first(url="http://h/a.tar"), of_first(url=".a.tar"), of_first(url="a.txt"), of_first(url="b.tar"),
        of_first(url="..\\a.tar"), of_first(url=None),
    ],
)  # fmt: skip
def test_a_damaged_index_ends_in_one_sentence(folder: Path, harm: Callable[[Any], None]) -> None:
    content = json.loads((folder / INDEX).read_bytes())
    harm(content)
    with pytest.raises(DataError, match=r"index\.json is damaged.*: remove both to have the shards read"):
        parse_index(json.dumps(content).encode(), str(folder / INDEX))


def test_a_later_format_asks_for_an_update(folder: Path) -> None:
    later = (folder / INDEX).read_bytes().replace(b'"format": 1', b'"format": 2')
    with pytest.raises(DataError, match=r"has format 2, and this version of mfn reads 1: update"):
        parse_index(later, INDEX)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("key", [0, 0, 4]), ("key", [1, 0, 4]), ("label", [7, -1, 7]), ("shard", [0, 2, 0]), ("shard", [1, 0, 1]),
        ("shard", [1, 1, 0]), ("start", [-1, 512, 4096]), ("start", [512, 4500, 4096]), ("start", [2**62, 512, 4096]),
        ("length", [-1, 1000, 0]), ("length", [2**62, 1000, 0]), ("key", [0.0, 1.0, 4.0]), ("key", [0, 1]),
        ("key", [[0, 1, 4]]),
    ],
)  # fmt: skip
def test_places_that_do_not_fit_the_index_are_refused(folder: Path, column: str, values: list[Any]) -> None:
    columns = {name: getattr(PLACED, name) for name in ("key", "label", "shard", "start", "length")}
    np.savez(folder / SAMPLES, **columns | {column: np.array(values)})
    with pytest.raises(DataError, match=r"samples\.npz (does not fit|does not hold)"):
        read_samples_file(folder / SAMPLES, SET)


def test_places_that_cannot_be_read_are_refused(folder: Path) -> None:
    whole = (folder / SAMPLES).read_bytes()
    pickled = {"key": np.array([{}, {}, {}], object)}
    for number, data in enumerate((b"", b"no zip", whole[:-30], whole[:100], None, pickled)):
        (folder / SAMPLES).unlink(missing_ok=True)
        if isinstance(data, bytes):
            (folder / SAMPLES).write_bytes(data)
        elif data is not None:
            np.savez(folder / SAMPLES, **data)
        with pytest.raises(DataError, match=r"samples\.npz is (damaged|missing)"):
            read_samples_file(folder / SAMPLES, SET)
            pytest.fail(str(number))
