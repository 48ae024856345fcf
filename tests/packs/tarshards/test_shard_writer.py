import tarfile
from pathlib import Path
from typing import Any

import pytest

from mfn.images.passed_over import PassedOver
from mfn.packs.tarshards.shard_writer import ShardWriter
from mfn.packs.tarshards.tar_samples import read_samples
from tests.packs.tarshards.tars import face, write_tar
from tests.sources.files import jpeg

webdataset: Any = pytest.importorskip("webdataset", reason="the WebDataset library is not installed")

IMAGES = [("jpg", jpeg(0)), ("png", b"p" * 512), ("jpg", b""), ("jp2", b"x" * 1025), ("avif", b"y")]


@pytest.mark.parametrize(("field", "label"), [("cls", b"7"), ("json", b'{"label": 7}')])
def test_images_lie_where_the_writer_says(field: str, label: bytes, tmp_path: Path) -> None:
    for name in ("a.tar", "b.tar"):
        with ShardWriter(tmp_path / name) as shard:
            starts = [shard.add(f"{number:09d}", image, (field, label)) for number, image in enumerate(IMAGES)]
            size = shard.size
    data = (tmp_path / "a.tar").read_bytes()
    assert data == (tmp_path / "b.tar").read_bytes() and size <= len(data) < size + 2 * 10_240
    assert [data[start : start + len(image)] for start, (_, image) in zip(starts, IMAGES, strict=True)] == [
        image for _, image in IMAGES
    ]
    found = read_samples(tmp_path / "a.tar", passed_over := PassedOver())
    assert found.starts == starts and found.identities == [7] * 5 and not passed_over.counts
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert {(info.mtime, info.uid, info.gid, info.mode, info.uname) for info in tar} == {(0, 0, 0, 0o444, "mfn")}


def test_the_library_reads_what_is_written(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "a.tar") as shard:
        for number in range(5):
            shard.add(f"{number:09d}", ("jpg", jpeg(number)), ("cls", str(number % 2).encode()))
    samples = list(webdataset.WebDataset(str(tmp_path / "a.tar"), shardshuffle=False))
    assert [(each["__key__"], each["jpg"], each["cls"]) for each in samples] == [
        (f"{number:09d}", jpeg(number), str(number % 2).encode()) for number in range(5)
    ]


def test_what_the_library_writes_is_read(tmp_path: Path) -> None:
    long = "folder/" * 30 + "Ünal"
    with webdataset.TarWriter(str(tmp_path / "a.tar")) as writer:
        writer.write({"__key__": "0001", "jpg": jpeg(1), "cls": 3})
        writer.write({"__key__": long, "jpeg": jpeg(2), "json": {"label": 4, "name": "Ann"}})
        writer.write({"__key__": "0003", "png": b"x", "txt": "n000003", "url": "http://h/x.jpg"})
    found = read_samples(tmp_path / "a.tar", passed_over := PassedOver())
    assert found.keys == ["0001", long, "0003"] and found.identities == [3, 4, "n000003"] and not passed_over.counts
    data = (tmp_path / "a.tar").read_bytes()
    assert data[found.starts[1] :][: found.lengths[1]] == jpeg(2)


def test_both_find_the_same_in_a_tar_of_others(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", [*face("b", 2), *face("sub/a", 1, 5), ("__meta__", b""), *face("c.d", 3)])
    theirs = [each for each in webdataset.WebDataset(str(path), shardshuffle=False) if "cls" in each and "jpg" in each]
    ours = read_samples(path, PassedOver())
    assert ours.keys == [each["__key__"] for each in theirs]
    assert ours.identities == [int(each["cls"]) for each in theirs]
