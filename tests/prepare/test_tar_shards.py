"""`mfn prepare shards`: the same bytes however often it was stopped, and nothing replaced that is not its own."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfn.commands.prepare import prepare
from mfn.errors import ConfigError, DataError, MfnError
from mfn.images.folder import find_images
from mfn.images.passed_over import PassedOver
from mfn.packs.recordio import IndexedRecordReader
from mfn.prepare import tar_shards
from mfn.sources.folder_dataset import FolderDataset
from mfn.sources.shard_dataset import ShardDataset
from tests.packs.tarshards.tars import face, write_tar
from tests.packs.tfrecords.tfrecords import write_examples
from tests.sources.files import ArraySource, jpeg
from tests.sources.sharded import shards_of, small_pack

pytest.importorskip("webdataset", reason="the WebDataset library is not installed")


def contents(folder: Path) -> dict[str, bytes]:
    # settings.json holds the dates of the source's files
    return {
        path.name: path.read_bytes() for path in folder.iterdir() if path.name not in ("settings.json", "written.json")
    }


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    small_pack(tmp_path / "pack")
    return tmp_path / "pack"


def shards(pack: Path, *words: str, output: str = "out") -> Path:
    prepare(["shards", "source=pack", f"source.root={pack}", f"output={pack.parent / output}", *words])
    return pack.parent / output


def test_the_same_command_gives_the_same_bytes_and_another_seed_others(pack: Path) -> None:
    first, again = (contents(shards(pack, "shard_samples=7", output=name)) for name in ("a", "b"))
    other = contents(shards(pack, "shard_samples=7", "seed=1", output="c"))
    assert first == again and first.keys() == other.keys() and first["shard-000000.tar"] != other["shard-000000.tar"]
    assert sorted(name for name in first if name.endswith(".tar")) == [f"shard-{n:06d}.tar" for n in range(7)]
    index = json.loads(first["index.json"])
    assert [row["nsamples"] for row in index["shardlist"]] == [7] * 6 + [6]
    assert (index["images"], index["identities"], index["left_out"]) == (48, 12, {})


def test_a_shard_holds_a_random_share_unless_told_otherwise(pack: Path) -> None:
    mixed, sorted_ = shards(pack, "shard_samples=12"), shards(pack, "shard_samples=12", "shuffle=false", output="b")
    people = [len(set(ShardDataset(folder / "shard-000000.tar").labels.tolist())) for folder in (mixed, sorted_)]
    assert people[0] > 5 > 3 >= people[1]


@pytest.mark.parametrize("megabytes", [0.02, 0.05, 1])
def test_shards_are_no_larger_than_asked(tmp_path: Path, megabytes: float) -> None:
    folder = shards_of(small_pack(tmp_path / "pack"), tmp_path / "out", None, shard_mb=megabytes)
    sizes = [path.stat().st_size for path in sorted(folder.glob("*.tar"))]
    assert max(sizes) <= megabytes * 1e6 and len(ShardDataset(folder)) == 48
    assert len(sizes) == 1 or min(sizes[:-1]) > 0.5 * megabytes * 1e6


class _StopError(Exception):
    pass


@pytest.mark.parametrize("stop_at", [1, 6, 7, 8, 20, 47])
@pytest.mark.parametrize("rules", [{"samples": 7}, {"samples": None, "shard_mb": 0.03}])
def test_a_stopped_run_goes_on_to_the_same_bytes(
    tmp_path: Path, rules: dict[str, Any], stop_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = small_pack(tmp_path / "pack")
    whole = contents(shards_of(pack, tmp_path / "whole", **rules))
    read, encoded = [], tar_shards.encoded

    def stopping(source: Any, key: int) -> bytes:
        read.append(key)
        if len(read) == stop_at:
            raise _StopError
        return encoded(source, key)

    monkeypatch.setattr(tar_shards, "encoded", stopping)
    with pytest.raises(_StopError):
        shards_of(pack, tmp_path / "out", **rules)
    done = len(list((tmp_path / "out.work/photos").glob("*.tar")))
    assert not (tmp_path / "out").exists() and not list((tmp_path / "out.work/photos").glob(".*"))
    assert contents(shards_of(pack, tmp_path / "out", **rules)) == whole and not (tmp_path / "out.work").exists()
    assert len(read) < stop_at + 48 or done == 0


def test_a_shard_of_a_stopped_run_that_was_damaged_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = small_pack(tmp_path / "pack")
    whole = contents(shards_of(pack, tmp_path / "whole"))
    monkeypatch.setattr(tar_shards, "_finish", lambda *_: (_ for _ in ()).throw(_StopError))
    with pytest.raises(_StopError):
        shards_of(pack, tmp_path / "out")
    monkeypatch.undo()
    path = tmp_path / "out.work/photos/shard-000003.tar"
    path.write_bytes(path.read_bytes()[:3000])
    write_tar(tmp_path / "out.work/photos/shard-000005.tar", face("000000999", 1))
    assert contents(shards_of(pack, tmp_path / "out")) == whole


def test_nothing_is_done_twice_and_nothing_of_others_replaced(pack: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    out = shards(pack, "shard_samples=7")
    dates = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    shards(pack, "shard_samples=7")
    assert "is finished, there is nothing to do" in caplog.text
    assert dates == {path: path.stat().st_mtime_ns for path in out.iterdir()}
    with pytest.raises(ConfigError, match=r"made with shards\.shard_samples=7, this run has 9: .* or overwrite=true"):
        shards(pack, "shard_samples=9")
    shards(pack, "shard_samples=9", "overwrite=true")
    assert len(list(out.glob("*.tar"))) == 6
    (out / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"holds mine\.txt, which mfn did not write"):
        shards(pack, "shard_samples=7", "overwrite=true")
    (pack.parent / "theirs").mkdir()
    (pack.parent / "theirs/shard-000000.tar").write_bytes(b"theirs")
    for words in ((), ("overwrite=true",)):
        with pytest.raises(ConfigError, match=r"exists and no finished run made it|holds no list of what mfn wrote"):
            shards(pack, *words, output="theirs")
    assert (pack.parent / "theirs/shard-000000.tar").read_bytes() == b"theirs"


def test_an_output_is_no_folder_of_images(pack: Path) -> None:
    shards(pack, output="people/out")
    passed_over = PassedOver()
    assert not find_images(pack.parent / "people", passed_over)
    assert passed_over.counts == {"outputs of mfn prepare": 1}


def test_output_and_source_stay_apart(pack: Path) -> None:
    for output in ("pack", "pack/inside"):
        with pytest.raises(ConfigError, match="which is read: choose an"):
            shards(pack, output=output)


def sources(folder: Path) -> Iterator[tuple[list[str], int]]:
    (folder / "people/ann").mkdir(parents=True)
    (folder / "people/bob").mkdir()
    for number, name in enumerate(("ann/1.jpg", "ann/2.jpg", "bob/1.jpg")):
        (folder / "people" / name).write_bytes(jpeg(number))
    yield ["source=folder", f"source.root={folder / 'people'}"], 3
    (folder / "list.txt").write_text("ann/1.jpg 5\nbob/1.jpg 9\n")
    yield ["source=list", f"source.path={folder / 'list.txt'}", f"source.root={folder / 'people'}"], 2
    write_examples(folder / "a.tfrecord", [{"label": [number], "image_raw": [jpeg(number)]} for number in range(4)])
    yield ["source=tfrecord", f"source.root={folder / 'a.tfrecord'}"], 4
    write_tar(folder / "tars/a.tar", [*face("0", "zoe", 1), *face("1", "ann", 2, image="png")])
    yield ["source=webdataset", f"source.root={folder / 'tars'}"], 2


def test_any_source_becomes_shards(tmp_path: Path) -> None:
    for number, (words, images) in enumerate(sources(tmp_path)):
        out = tmp_path / f"out{number}"
        prepare(["shards", *words, f"output={out}", "label=json"])
        faces = ShardDataset(out)
        assert len(faces) == images and not faces.passed_over.counts
        if number == 0:
            people = FolderDataset(tmp_path / "people")
            assert faces.label_names == people.label_names
            assert [faces.encoded(row) for row in range(3)] == [people.encoded(row) for row in range(3)]


def test_a_url_is_no_source_of_mfn_prepare(tmp_path: Path) -> None:
    for root in ("http://127.0.0.1:1/set", "DIR/{0..3}.tar"):
        with pytest.raises(ConfigError, match="is no folder of this machine: fetch its shards into one, and give that"):
            prepare(["shards", "source=webdataset", f'source.root="{root}"', f"output={tmp_path / 'out'}"])


def test_images_that_are_not_encoded_become_png_and_broken_ones_are_counted(tmp_path: Path) -> None:
    out = shards_of(ArraySource([0, 0, 1, 1], broken=(2,)), tmp_path / "out")
    faces = ShardDataset(out)
    assert faces.labels.tolist() == [0, 0, 1] and np.array_equal(faces.image(2), ArraySource([0] * 4).image(3))
    assert json.loads((out / "index.json").read_text())["left_out"] == {"images that cannot be read": 1}
    with pytest.raises(DataError, match="holds no image that can be read"):
        shards_of(ArraySource([0, 1], broken=(0, 1)), tmp_path / "none")
    with pytest.raises(DataError, match="has a label below 0"):
        shards_of(ArraySource([0, -1]), tmp_path / "none")


def test_damaged_records_are_told(pack: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    offset = int(IndexedRecordReader(pack / "train.rec").offsets_of(np.array([20]))[0])
    data = bytearray((pack / "train.rec").read_bytes())
    data[offset : offset + 4] = b"\0\0\0\0"
    (pack / "train.rec").write_bytes(data)
    out = shards(pack)
    assert "left out" in caplog.text and len(ShardDataset(out)) == 47


def test_without_the_library_the_sentence_says_how_to_install_it(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "webdataset", None)
    with pytest.raises(MfnError, match=r"pip install 'mobilefacenet\[webdataset\]'"):
        shards(pack)
    assert not (pack.parent / "out").exists() and not (pack.parent / "out.work").exists()
