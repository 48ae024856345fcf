"""Shards behind a URL, given by a server in this process."""

import json
import os
import pickle
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfn.errors import ConfigError, DataError
from mfn.sources import far_files
from mfn.sources.shard_cache import ShardCache, cache_key
from mfn.sources.shard_dataset import ShardDataset
from mfn.sources.source import copies_of, stream_of
from tests.packs.tarshards.tars import face, write_tar
from tests.sources.files import jpeg
from tests.sources.sharded import Server, serving, shards_of, small_pack

pytest.importorskip("webdataset", reason="the WebDataset library is not installed")
pytest.importorskip("aiohttp", reason="fsspec needs aiohttp for http://")


@pytest.fixture
def pack(tmp_path: Path) -> Any:
    return small_pack(tmp_path / "pack")


@pytest.fixture
def server(pack: Any, tmp_path: Path) -> Iterator[Server]:
    shards_of(pack, tmp_path / "web" / "set", label="json")
    with serving(tmp_path / "web") as server:
        yield server


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)


def far(server: Server, tmp_path: Path, root: str = "set", **options: Any) -> ShardDataset:
    return ShardDataset(f"{server.url}/{root}", cache=tmp_path / "cache", **options)


def without_index(folder: Path) -> None:
    (folder / "index.json").unlink()
    (folder / "samples.npz").unlink()


@pytest.mark.parametrize("root", ["set", "set/", "set/index.json", "set/shard-{000000..000006}.tar"])
@pytest.mark.parametrize("indexed", [True, False])
def test_a_url_has_the_images_of_the_pack(server: Server, pack: Any, tmp_path: Path, root: str, indexed: bool) -> None:
    if not indexed:
        without_index(tmp_path / "web/set")
        if root == "set/index.json":
            with pytest.raises(DataError, match=r"index\.json is missing, or mfn prepare shards did not write it"):
                far(server, tmp_path, root)
            return
    faces = far(server, tmp_path, root)
    assert faces.name == "set" and faces.labels.tolist() == pack.labels.tolist()
    assert [faces.encoded(index) for index in range(48)] == [pack.encoded(index) for index in range(48)]
    stream = stream_of(faces)
    assert stream is not None and stream.open_parts == 7
    images: Any = pickle.loads(pickle.dumps(stream.images))
    assert [images.encoded(index) for index in range(48)] == [pack.encoded(index) for index in range(48)]
    assert len(server.whole()) == len(set(server.whole())) == 7


def test_single_images_are_fetched_alone_and_kept(server: Server, pack: Any, tmp_path: Path) -> None:
    faces = far(server, tmp_path)
    for _ in range(2):
        assert [faces.encoded(index) for index in (3, 40)] == [pack.encoded(index) for index in (3, 40)]
    assert not server.whole() and len([part for _, _, part in server.asked if part]) == 2


def test_a_server_that_gives_no_parts_gives_whole_shards(server: Server, pack: Any, tmp_path: Path) -> None:
    server.gives_parts = False
    faces = far(server, tmp_path)
    assert [faces.encoded(index) for index in range(48)] == [pack.encoded(index) for index in range(48)]
    assert len(set(server.whole())) == len(server.whole()) == 7


def test_what_is_in_shards_of_others_is_learnt_once(server: Server, tmp_path: Path) -> None:
    write_tar(tmp_path / "web/others/a.tar", [*face("0", "ann", 1), ("1.jpg", jpeg(2))])
    write_tar(tmp_path / "web/others/b.tar", [*face("0", "bob", 3)])
    for _ in range(2):
        faces = far(server, tmp_path, "others/{a,b}.tar")
        assert faces.label_names == {0: "ann", 1: "bob"} and faces.passed_over.counts == {"images without a label": 1}
    assert sorted(server.whole()) == ["/others/a.tar", "/others/b.tar"]
    write_tar(tmp_path / "web/others/b.tar", [*face("0", "carol", 3), *face("1", "ann", 4)])
    os.utime(tmp_path / "web/others/b.tar", (0, 0))  # the server tells whole seconds
    assert far(server, tmp_path, "others/{a,b}.tar").label_names == {0: "ann", 1: "carol"}


def test_the_cache_stays_within_its_limit(server: Server, pack: Any, tmp_path: Path) -> None:
    sizes = [path.stat().st_size for path in (tmp_path / "web/set").glob("*.tar")]
    stream = stream_of(far(server, tmp_path, open_shards=1, cache_gb=3.5 * max(sizes) / 1e9))
    assert stream is not None and stream.ahead == 1
    (tmp_path / "cache/mine.tar").write_bytes(b"mine")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(stream.fetch, [*range(7)] * 3))
    assert len(list((tmp_path / "cache").glob("mfn-*.tar"))) == 3
    order = np.argsort(stream.parts, kind="stable").tolist()
    images: Any = stream.images
    assert all(images.encoded(index) == pack.encoded(index) for index in order)
    assert len(list((tmp_path / "cache").glob("mfn-*.tar"))) == 3
    assert (tmp_path / "cache/mine.tar").read_bytes() == b"mine"


def test_a_cache_without_room_for_the_open_shards_is_refused_with_what_fits(server: Server, tmp_path: Path) -> None:
    size = max(path.stat().st_size for path in (tmp_path / "web/set").glob("*.tar"))
    with pytest.raises(
        ConfigError, match=r"cache_gb=3e-05 has no room for open_shards=4 shards of .* or fewer open_shards"
    ):
        far(server, tmp_path, open_shards=4, cache_gb=3e-5)
    assert len(far(server, tmp_path, open_shards=4, cache_gb=5 * size / 1e9)) == 48
    assert len(far(server, tmp_path, open_shards=7, cache_gb=7 * size / 1e9)) == 48  # all of them


def test_what_breaks_off_is_fetched_again(server: Server, pack: Any, tmp_path: Path) -> None:
    server.broken = 3
    stream = stream_of(far(server, tmp_path))
    assert stream is not None
    images: Any = stream.images
    assert images.encoded(0) == pack.encoded(0) and len(server.whole()) == 4


def test_what_breaks_off_again_and_again_ends_in_one_sentence(server: Server, tmp_path: Path) -> None:
    server.broken = 100
    stream = stream_of(far(server, tmp_path))
    assert stream is not None
    with pytest.raises(DataError, match=r"shard-\d+\.tar cannot be had \(.*\): the same command goes on once it can"):
        stream.images.image(0)
    assert not list((tmp_path / "cache").glob("*.tar"))


@pytest.mark.parametrize("name", ["set/shard-000002.tar", "set/samples.npz", "set/index.json", "set"])
def test_what_is_missing_is_named(server: Server, tmp_path: Path, name: str) -> None:
    root = "set/index.json" if name == "set/index.json" else "nowhere" if name == "set" else "set"
    server.missing = {name, *(["set/index.json"] if "shard-" in name else [])}
    with pytest.raises(DataError, match=r"missing|holds no index\.json of mfn prepare shards and lists no"):
        far(server, tmp_path, "set/shard-{000000..000006}.tar" if "shard-" in name else root)


def test_a_shard_that_changed_is_refused(server: Server, pack: Any, tmp_path: Path) -> None:
    stream = stream_of(far(server, tmp_path))
    assert stream is not None
    path = tmp_path / "web/set" / f"shard-{stream.parts[0]:06d}.tar"
    path.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(DataError, match=r"is another file than index\.json describes: put the set there again"):
        stream.images.image(0)


def test_a_stranger_chooses_no_other_place(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "web/set/index.json"
    for url in ("http://127.0.0.1:1/x.tar", "../others/a.tar", "pipe:touch run.tar", "%2e%2e/x.tar?.tar"):
        content = json.loads(path.read_text())
        content["shardlist"][0]["url"] = url
        path.write_text(json.dumps(content))
        asked = len(server.asked)
        with pytest.raises(DataError, match="is damaged"):
            far(server, tmp_path)
        assert {each for _, each, _ in server.asked[asked:]} == {"/set/index.json"}


def test_a_listing_of_others_names_files_of_that_folder_alone(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "web/listed"
    write_tar(folder / "a.tar", face("0", 1))
    write_tar(folder / "b.tar.gz", face("1", 1))
    (folder / "index.html").write_text(
        "<a href='a.tar'>a</a><a href='http://127.0.0.1:1/x.tar'>x</a><a href='../set/shard-000000.tar'>up</a>"
        "<a href='b.tar.gz'>b</a><a href='pipe:touch run.tar'>run</a><a href='.hidden.tar'>h</a>"
    )
    assert len(far(server, tmp_path, "listed/a.tar")) == 1
    with pytest.raises(DataError, match=r"missing|cannot be had"):
        far(server, tmp_path, "listed")  # the listing claims the other folder's shard for its own
    with pytest.raises(DataError, match=r"means compressed shards \(b\.tar\.gz\), .* unpack them"):
        far(server, tmp_path, "listed/b.tar.gz")


def test_virtual_copies_come_along(tmp_path: Path) -> None:
    pack = small_pack(tmp_path / "pack")
    (tmp_path / "pack/variants.tsv").write_text("# mfn variants 1\n7\thsv\n2\thsv\n")
    shards_of(small_pack(tmp_path / "pack"), tmp_path / "web/set")
    with serving(tmp_path / "web") as server:
        faces = far(server, tmp_path, virtual_copies=True)
        copies, stream = copies_of(faces), stream_of(faces)
        assert copies is not None and copies.origins[48:].tolist() == [6, 1] and len(faces) == len(pack) + 2
        assert stream is not None and stream.parts.size == 50 and copies_of(stream.images) is copies
        assert faces.encoded(48) == pack.encoded(6)


@pytest.mark.parametrize("protocol", ["s3", "gs", "az"])
def test_a_storage_without_its_package_says_what_is_missing(protocol: str, tmp_path: Path) -> None:
    package = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs"}[protocol]
    try:
        __import__(package)
    except ImportError:
        with pytest.raises(ConfigError, match=f"{protocol}://bucket/.* needs a package: pip install {package}$"):
            ShardDataset(f"{protocol}://bucket/set", cache=tmp_path)
    else:
        pytest.skip(f"{package} is installed")


def test_other_storages_of_fsspec_are_read_by_the_same_code(
    pack: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsspec: Any = pytest.importorskip("fsspec")
    monkeypatch.setattr(far_files, "PROTOCOLS", {**far_files.PROTOCOLS, "memory": "fsspec"})
    memory = fsspec.filesystem("memory")
    memory.put(str(shards_of(pack, tmp_path / "set")), "/bucket/set", recursive=True)
    faces = ShardDataset("memory://bucket/set", cache=tmp_path / "cache")
    stream = stream_of(faces)
    assert stream is not None
    for images in (faces, stream.images):
        assert [images.encoded(index) for index in range(48)] == [pack.encoded(index) for index in range(48)]  # type: ignore[attr-defined]
    memory.rm("/bucket/set/index.json")
    assert len(ShardDataset("memory://bucket/set", cache=tmp_path / "cache")) == 48


def test_a_cache_that_cannot_be_written_says_what_helps(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"free some space, or name another folder, as in data\.cache=DIR"):
        ShardCache(tmp_path / "file", 1)

    def full(partial: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(DataError, match=r"\(No space left on device\): free some space"):
        ShardCache(tmp_path / "cache", 1).shard(cache_key("a"), full)
    assert not list((tmp_path / "cache").glob("mfn-*.tar"))
