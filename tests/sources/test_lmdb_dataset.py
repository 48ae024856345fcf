import contextlib
import logging
import multiprocessing
import os
import pickle
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("lmdb", reason="LMDB files are written by py-lmdb")
msgpack = pytest.importorskip("msgpack", reason="LMDB values are written by msgpack")

from mfn.config.build import build  # noqa: E402
from mfn.errors import BrokenImageError, ConfigError, DataError  # noqa: E402
from mfn.images.decode import decode_rgb  # noqa: E402
from mfn.sources.lmdb_dataset import LmdbDataset  # noqa: E402
from mfn.sources.record_dataset import RecordDataset  # noqa: E402
from tests.composing import composed  # noqa: E402
from tests.packs.lmdb.databases import FORMS, face_entries, write_entries, write_faces  # noqa: E402
from tests.sources.files import jpeg, write_pack  # noqa: E402

FACES = [(jpeg(number), label) for number, label in enumerate([7, 2, 7, 2**24 + 1, 2**24, 2**62])]
LABELS = [label for _, label in FACES]


def images_of(source: Any) -> list[bytes]:
    return [source.encoded(index) for index in range(len(source))]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("subdir", [False, True])
def test_every_form_is_read_as_it_was_written(tmp_path: Path, form: str, subdir: bool) -> None:
    place = write_faces(tmp_path / "ms1m.lmdb", FACES, FORMS[form], subdir=subdir)
    for root in (place, tmp_path, *([place / "data.mdb"] if subdir else [])):
        source = LmdbDataset(root)
        assert source.labels.tolist() == LABELS and source.labels.dtype == np.int64
        assert source.label_names is None and not source.passed_over.counts
        assert images_of(source) == [image for image, _ in FACES]
        assert np.array_equal(source.image(4), decode_rgb(FACES[4][0]))
        assert source.name == "ms1m"
        assert source.names[:2] == ["key 0", "key 1"]
        assert source.describe(1) == ("data.mdb key 1" if subdir else "ms1m.lmdb key 1")
    assert sorted(path.name for path in tmp_path.rglob("*.mdb")) == (["data.mdb"] if subdir else [])


def test_more_than_ten_records_keep_their_order(tmp_path: Path) -> None:
    """Keys that are numbers lie in the order of their text: 0, 1, 10, 11, 2."""
    faces = [(jpeg(number), number) for number in range(23)]
    whole, without = face_entries(faces), face_entries(faces)
    del without[b"__keys__"]
    for number, entries in enumerate((whole, without)):
        source = LmdbDataset(write_entries(tmp_path / f"{number}.lmdb", entries))
        assert source.labels.tolist() == list(range(23))


def test_a_damaged_list_of_keys_is_told_and_done_without(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for damaged in (b"\xc1", msgpack.dumps(7), msgpack.dumps([1, 2]), pickle.dumps(os.system)):
        entries = face_entries(FACES) | {b"__keys__": damaged}
        source = LmdbDataset(write_entries(tmp_path / f"{damaged[:1].hex()}{len(damaged)}.lmdb", entries))
        assert source.labels.tolist() == LABELS
        assert "taken in the order of their keys" in caplog.text
        caplog.clear()


def test_identities_that_are_words(tmp_path: Path) -> None:
    names = ["zoë", "ann b/c", "zoë", "\ud800".encode("utf-8", "surrogatepass"), b"\xff"]
    place = write_faces(tmp_path / "a.lmdb", [(jpeg(number), name) for number, name in enumerate(names)])
    source = LmdbDataset(place)
    assert source.label_names is not None
    assert [source.label_names[label] for label in source.labels.tolist()][:3] == ["zoë", "ann b/c", "zoë"]
    assert len(source.label_names) == 4


BAD: dict[str, bytes] = {
    "empty": b"",
    "no msgpack": b"\xc1",
    "cut": msgpack.dumps((jpeg(0), 1))[:-3],
    "no pair": msgpack.dumps([jpeg(0)]),
    "a number": msgpack.dumps(5),
    "no image": msgpack.dumps((None, 1)),
    "no label": msgpack.dumps((jpeg(0), None)),
    "truth": msgpack.dumps((jpeg(0), True)),
    "half": msgpack.dumps((jpeg(0), 1.5)),
    "negative": msgpack.dumps((jpeg(0), -1)),
    "too large": msgpack.dumps((jpeg(0), 2**63)),
    "no name": msgpack.dumps((jpeg(0), "")),
    "deep": b"\x91" * 100_000,
    "a program": pickle.dumps((os.getcwd, 1)),
    "a cut pickle": pickle.dumps((jpeg(0), 1))[:-20],
    "a map": msgpack.dumps({1: 2}),
    "an extension": msgpack.dumps((msgpack.ExtType(5, b"x"), 1)),
    "Caffe's": b"\x08\x03\x10\x70\x18\x70\x22\x03abc\x28\x01",
}


def test_records_that_are_no_faces_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    entries = face_entries([(jpeg(number), number) for number in range(len(BAD) + 2)])
    keys = list(entries)[: len(BAD) + 2]
    for key, value in zip(keys[1:], BAD.values(), strict=False):
        entries[key] = value
    entries |= {f"x{number}".encode(): msgpack.dumps((jpeg(number), 0)) for number in range(30)}
    entries[b"__keys__"] = msgpack.dumps([*keys, keys[0], b"", b"nowhere", *[f"x{n}".encode() for n in range(30)]])
    source = LmdbDataset(write_entries(tmp_path / "a.lmdb", entries))
    assert len(source) == 32
    assert source.passed_over.counts == {
        "records that hold no face with its label": len(BAD) + 2,
        "keys that come again": 1,
    }
    assert "its __classnum__ is 20, and there are 2" in caplog.text


@pytest.mark.parametrize("what", BAD)
def test_a_pack_of_nothing_else_says_why(tmp_path: Path, what: str) -> None:
    place = write_entries(tmp_path / "a.lmdb", {b"0": BAD[what]})
    with pytest.raises(DataError, match=r"a\.lmdb key 0 (is|holds)"):
        LmdbDataset(place)


def test_nothing_in_a_pickle_is_run(tmp_path: Path) -> None:
    class Bad:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "made"),)

    place = write_entries(tmp_path / "a.lmdb", {b"0": pickle.dumps((Bad(), 1))})
    with pytest.raises(DataError, match=r"is a pickle that holds (posix|nt)\.mkdir, which was not run"):
        LmdbDataset(place)
    assert not (tmp_path / "made").exists()


def test_what_pyarrow_wrote_is_named(tmp_path: Path) -> None:
    for number, start in enumerate((b"\0" * 16 + b"\xff" * 4 + b"\xa8\x01\0\0", b"\x04\x22\x4d\x18d@\xa7")):
        place = write_entries(tmp_path / f"{number}.lmdb", {b"0": start + bytes(80)})
        with pytest.raises(DataError, match=r"pyarrow\.serialize, which no pyarrow of today can read"):
            LmdbDataset(place)


def test_an_image_that_is_none_is_broken(tmp_path: Path) -> None:
    source = LmdbDataset(write_faces(tmp_path / "a.lmdb", [(jpeg(0), 0), (b"none", 1)]))
    assert source.encoded(1) == b"none"
    with pytest.raises(BrokenImageError, match=r"a\.lmdb key 1: these 4 bytes"):
        source.image(1)


def test_files_that_are_cut_short(tmp_path: Path) -> None:
    whole = write_faces(tmp_path / "a.lmdb", [(jpeg(n, (64, 64)), n) for n in range(40)]).read_bytes()
    sizes = set()
    for size in (0, 1, 100, 4096, 8192, len(whole) // 2, *range(len(whole) - 30 * 4096, len(whole), 1024)):
        place = tmp_path / f"{size}.lmdb"
        place.write_bytes(whole[:size])
        try:
            source = LmdbDataset(place)
        except DataError as error:
            assert re.search(
                r"\d\.lmdb (is no LMDB file|holds no record|is cut short or damaged \(pages|key \d+ is)", str(error)
            )
            continue
        sizes.add(len(source))
        assert len(source) == 40 or source.passed_over.counts
        assert all(source.encoded(index) == jpeg(label, (64, 64)) for index, label in enumerate(source.labels))
    assert len(sizes) > 3 and max(sizes) == 40


def test_pages_of_nothing_end_no_process(tmp_path: Path) -> None:
    whole = write_faces(tmp_path / "a.lmdb", [(jpeg(n, (64, 64)), n) for n in range(40)]).read_bytes()
    pages = len(whole) // 4096
    refused = read = 0
    for page in range(2, pages):
        place = tmp_path / f"{page}.lmdb"
        place.write_bytes(whole[: 4096 * page] + bytes(4096) + whole[4096 * (page + 1) :])
        try:
            source = LmdbDataset(place)
        except DataError:
            refused += 1
            continue
        read += 1
        for index in range(len(source)):
            with contextlib.suppress(BrokenImageError):
                source.image(index)
    assert read and refused


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc").exists(), reason="needs permissions")
def test_a_read_only_folder_is_left_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "ro"
    folder.mkdir()
    place = write_faces(folder / "a.lmdb", FACES)
    place.chmod(0o444)
    folder.chmod(0o555)
    try:
        source = LmdbDataset(place)
        assert images_of(source) == [image for image, _ in FACES]
        assert [path.name for path in folder.iterdir()] == ["a.lmdb"]
    finally:
        folder.chmod(0o755)


def test_places(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="root must be given"):
        LmdbDataset("")
    with pytest.raises(DataError, match="does not exist"):
        LmdbDataset(tmp_path / "nothing")
    with pytest.raises(DataError, match=r"holds no LMDB file.*data=ms1m"):
        LmdbDataset(write_pack(tmp_path, {0.0: 1}))
    with pytest.raises(DataError, match=r"train\.rec is no LMDB file"):
        LmdbDataset(tmp_path / "train.rec")
    write_faces(tmp_path / "a.lmdb", FACES)
    write_faces(tmp_path / "b.lmdb", FACES[:2], subdir=True)
    with pytest.raises(DataError, match=r"holds a\.lmdb, b\.lmdb: name the one you mean, as in .*a\.lmdb"):
        LmdbDataset(tmp_path)
    (tmp_path / "odd ünï name.bin").write_bytes((tmp_path / "a.lmdb").read_bytes())
    assert LmdbDataset(tmp_path / "odd ünï name.bin").labels.tolist() == LABELS


def test_one_file_is_read_by_several_sources_threads_and_processes(tmp_path: Path) -> None:
    place = write_faces(tmp_path / "a.lmdb", FACES)
    (tmp_path / "link.lmdb").symlink_to(place)
    wanted = [image for image, _ in FACES]
    sources = [LmdbDataset(place), LmdbDataset(place), LmdbDataset(tmp_path / "link.lmdb")]
    sources.append(pickle.loads(pickle.dumps(sources[0])))
    assert all(images_of(source) == wanted for source in sources)
    found: list[bool] = []
    threads = [
        threading.Thread(target=lambda: found.extend(images_of(sources[0]) == wanted for _ in range(50)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 200
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert pool.map(images_of, sources) == [wanted] * 4


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_trained_on_as_the_pack_of_the_same_images(tmp_path: Path, workers: int, context: str) -> None:
    people = {0.0: 8, 5.0: 9, 6.0: 8}
    pack = RecordDataset(write_pack(tmp_path, people))
    write_faces(tmp_path / "b.lmdb", [(pack.encoded(n), int(pack.labels[n])) for n in range(len(pack))])
    words = ("data.batch_size=4", "image_size=[20,16]", "fit=resize", "data.val_identities=0", "data.val_fraction=0.2")
    batches = []
    for name, root in (("ms1m", tmp_path), ("lmdb", tmp_path / "b.lmdb")):
        loading = (f"data.num_workers={workers}", f"data.multiprocessing_context={context}")
        module = build(composed(f"data={name}", f"data.root={root}", *words, *loading).data.module)
        batches.append(([(b.images, b.labels, b.indices) for b in module.train_dataloader()], module.fingerprint))
    (of_pack, one), (of_lmdb, other) = batches
    assert one == other and len(of_pack) == len(of_lmdb) > 3
    assert all(np.array_equal(a, b) for p, q in zip(of_pack, of_lmdb, strict=True) for a, b in zip(p, q, strict=True))


def test_a_validation_set_beside_it(tmp_path: Path) -> None:
    words = (f"data.root={tmp_path / 'a.lmdb'}", f"data.val_root={tmp_path / 'v.lmdb'}", "data.val_identities=0")
    write_faces(tmp_path / "a.lmdb", [(jpeg(n), n % 3) for n in range(30)])
    write_faces(tmp_path / "v.lmdb", [(jpeg(n), n % 5) for n in range(40, 50)])
    from mfn.config.sources import open_source, open_validation

    config = composed("data=lmdb", *words, "image_size=[16,16]")
    module = build(config.data.module, source=open_source(config), validation=open_validation(config))
    module.setup()
    assert module.summary()["validation images of the same identities"] == 6


def test_what_is_left_out_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    entries = face_entries(FACES) | {b"2": b"\xc1"}
    with caplog.at_level(logging.WARNING):
        LmdbDataset(write_entries(tmp_path / "a.lmdb", entries))
    assert "left out records that hold no face with its label: 1 (key 2)" in caplog.text
