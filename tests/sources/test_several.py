import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfn.errors import BrokenImageError, ConfigError, DataError
from mfn.images.copies import Copies
from mfn.images.passed_over import PassedOver
from mfn.images.variants import VARIANTS
from mfn.packs.pack_writer import PackWriter
from mfn.sources.concatenated import Concatenated, Rows
from mfn.sources.content import content, is_stored
from mfn.sources.encode import encoded
from mfn.sources.folder_dataset import FolderDataset
from mfn.sources.record_dataset import RecordDataset
from mfn.sources.several import SeveralFaces
from mfn.sources.source import copies_of, names_of, passed_over_of
from tests.packs.tfrecords.tfrecords import write_examples
from tests.sources.files import ArraySource, jpeg, write_pack

ODD = ["zoë", "bo b", "ann", "ü\udcff"]


def folder(root: Path, people: list[str], each: int = 2, seed: int = 0) -> FolderDataset:
    for place, person in enumerate(people):
        (root / person).mkdir(parents=True)
        for number in range(each):
            (root / person / f"{number}.jpg").write_bytes(jpeg(seed + place * each + number, (20, 16)))
    return FolderDataset(root, virtual_copies=True)


def pack(root: Path, people: list[str], each: int = 3, seed: int = 100) -> RecordDataset:
    with PackWriter(root, (16, 16), label_names=people) as writer:
        for label in range(len(people)):
            for number in range(each):
                writer.add(label, jpeg(seed + label * each + number))
    return RecordDataset(root, virtual_copies=True)


def with_copies(source: Any, origins: list[int]) -> Any:
    count = len(source)
    source.copies = Copies(
        np.concatenate([np.arange(count), origins]), np.array([*[0] * count, *[1] * len(origins)], np.uint8)
    )
    source.labels = source.labels[source.copies.origins]
    inner = source.image
    source.image = lambda index: inner(int(source.copies.origins[index]))
    return source


def test_images_of_every_source_are_where_they_were(tmp_path: Path) -> None:
    parts = {"own": folder(tmp_path / "f", ODD), "ms1m": pack(tmp_path / "p", ["a", "b"]), "x": ArraySource([7, 7, 2])}
    both = SeveralFaces(parts)
    assert len(both) == 8 + 6 + 3 and both.name == "own + ms1m + x"
    row = 0
    for part, (name, source) in enumerate(parts.items()):
        assert both.rows.of(part).tolist() == list(range(row, row + len(source)))
        for index in range(len(source)):
            assert np.array_equal(both.image(row), source.image(index))
            assert both.encoded(row) == encoded(source, index)
            assert both.content(row) == content(source, index)
            assert both.describe(row) == f"{name}: {source.describe(index)}"
            assert both.names[row] == f"{name}/{names_of(source)[index]}"
            assert both.rows.place(row) == (part, index)
            row += 1
    assert both.rows.parts(np.arange(row)).tolist() == [0] * 8 + [1] * 6 + [2] * 3
    assert copies_of(both) is None and not both.stored and is_stored(SeveralFaces({"own": parts["own"]}))


def test_people_are_apart(tmp_path: Path) -> None:
    parts = {"own": folder(tmp_path / "f", ["ann", "bo"]), "ms1m": pack(tmp_path / "p", ["ann", "cy"])}
    both = SeveralFaces({**parts, "x": ArraySource([2**62, 2**24, 2**24 + 1, 2**24])})
    assert both.labels.tolist() == [0, 0, 1, 1, 2, 2, 2, 3, 3, 3, 6, 4, 5, 4] and both.labels.dtype == np.int64
    assert both.label_names == {
        **{0: "own/ann", 1: "own/bo", 2: "ms1m/ann", 3: "ms1m/cy"},
        **{4: "x/16777216", 5: "x/16777217", 6: f"x/{2**62}"},
    }
    assert both.shared == 0


def test_people_of_one_name_are_one(tmp_path: Path) -> None:
    parts = {"own": folder(tmp_path / "f", ["ann", "zoë"]), "ms1m": pack(tmp_path / "p", ["cy", "zoë", "bo"])}
    both = SeveralFaces(parts, "by_name")
    names = both.label_names
    assert names is not None and sorted(names.values()) == ["ann", "bo", "cy", "zoë"] and both.shared == 1
    told = [names[label] for label in both.labels.tolist()]
    assert told == ["ann"] * 2 + ["zoë"] * 2 + ["cy"] * 3 + ["zoë"] * 3 + ["bo"] * 3


def test_two_people_of_one_name_stay_two_where_sources_are_apart() -> None:
    twins: Any = ArraySource([0, 1, 1])
    twins.label_names = {0: "john smith", 1: "john smith"}
    both = SeveralFaces({"a": twins, "b": ArraySource([0, 1], (4, 4))})
    assert both.labels.tolist() == [0, 1, 1, 2, 3]
    assert SeveralFaces({"a": twins}, "by_name").labels.tolist() == [0, 0, 0]


def test_people_without_names_are_not_merged(tmp_path: Path) -> None:
    named = folder(tmp_path / "f", ["0", "1"])
    nameless = RecordDataset(write_pack(tmp_path, {0.0: 2, 5.0: 3}))
    with pytest.raises(DataError, match=r"data\.sources\.ms1m has none for label 0 .*set data\.merge=apart"):
        SeveralFaces({"own": named, "ms1m": nameless}, "by_name")
    assert SeveralFaces({"own": named, "ms1m": nameless}).label_names == {
        **{0: "own/0", 1: "own/1", 2: "ms1m/0", 3: "ms1m/5"}
    }


def test_virtual_copies_come_behind_the_images_of_all(tmp_path: Path) -> None:
    one, two = with_copies(ArraySource([0, 0, 1]), [2, 0]), with_copies(ArraySource([4, 4], (4, 4)), [1])
    both = SeveralFaces({"one": one, "none": ArraySource([9], (5, 5)), "two": two})
    copies = copies_of(both)
    assert copies is not None
    assert copies.codes.tolist() == [0] * 6 + [1] * 3
    assert copies.origins.tolist() == [0, 1, 2, 3, 4, 5, 2, 0, 5]
    assert both.labels.tolist() == [0, 0, 1, 2, 3, 3, 1, 0, 3]
    assert [both.rows.of(part).tolist() for part in range(3)] == [[0, 1, 2, 6, 7], [3], [4, 5, 8]]
    for row, origin in enumerate(copies.origins.tolist()):
        assert np.array_equal(both.image(row), both.image(origin))
    assert both.rows.parts(np.arange(9)).tolist() == [0, 0, 0, 1, 2, 2, 0, 0, 2]
    assert copies.apply(both.image(6), 6, 0, 0).shape == both.image(6).shape and len(VARIANTS) > 0


def test_what_was_passed_over_is_told_of_all() -> None:
    sources = {"a": ArraySource([0]), "b": ArraySource([0, 1]), "c": ArraySource([0, 1, 2])}
    for name, source in list(sources.items())[:2]:
        found = PassedOver()
        found.add(f"{name}.txt", "other files", 5)
        source.passed_over = found  # type: ignore[attr-defined]
    found = passed_over_of(SeveralFaces(sources))
    assert found.counts == {"other files": 10} and dict(found) == {"b: b.txt": "other files"} | {
        "a: a.txt": "other files"
    }


@pytest.mark.parametrize("merge", ["apart", "by_name"])
def test_the_same_images_twice_are_refused(tmp_path: Path, merge: Any) -> None:
    people = ["a", "b", "c"]
    one, again = pack(tmp_path / "p", people), RecordDataset(tmp_path / "p" / "train.rec")
    with pytest.raises(DataError, match=r"sources\.x and data\.sources\.y hold the same images: leave one .*x=0\.7"):
        SeveralFaces({"x": one, "y": again}, merge)
    images = [encoded(one, index) for index in range(len(one))]
    written = [{"label": [n // 3], "image_raw": [image]} for n, image in enumerate(images)]
    from mfn.sources.tfrecord_dataset import TFRecordDataset

    records = TFRecordDataset(write_examples(tmp_path / "a.tfrecord", written))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="hold the same images"):
        SeveralFaces({"own": folder(tmp_path / "f", ["z"]), "x": one, "y": records}, "apart")
    other = pack(tmp_path / "q", people, seed=200)
    assert len(SeveralFaces({"x": one, "y": other}, merge).label_names or ()) == (6 if merge == "apart" else 3)


def test_sources_that_cannot_be_mixed_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"data=\[ms1m,folder\]"):
        SeveralFaces({})
    with pytest.raises(ConfigError, match=r"data\.sources\.x is no source of faces"):
        SeveralFaces({"x": {"root": "a"}})
    streamed: Any = ArraySource([0, 1])
    streamed.stream = object()
    with pytest.raises(ConfigError, match=r"data\.sources\.far comes shard by shard.*open_shards out"):
        SeveralFaces({"a": ArraySource([0]), "far": streamed})


def test_broken_images_are_those_of_their_source(tmp_path: Path) -> None:
    both = SeveralFaces({"a": ArraySource([0, 1]), "b": ArraySource([0, 1, 2], broken=(1,))})
    with pytest.raises(BrokenImageError, match="array 1: broken on purpose"):
        both.image(3)
    assert both.describe(3) == "b: array 1"


def read_all(source: Any) -> list[bytes]:
    return [source.encoded(index) for index in range(len(source))]


def test_other_processes_read_the_same(tmp_path: Path) -> None:
    both = SeveralFaces({"own": folder(tmp_path / "f", ODD), "ms1m": pack(tmp_path / "p", ["a", "b"])})
    wanted = read_all(both)
    assert read_all(pickle.loads(pickle.dumps(both))) == wanted
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            assert pool.map(read_all, [both]) == [wanted]


def test_rows_of_sources_without_images() -> None:
    rows = Rows(ArraySource([]), ArraySource([1, 2]), ArraySource([]))
    assert len(rows) == 2 and rows.place(1) == (1, 1) and rows.of(0).size == 0
    assert rows.parts(np.arange(2)).tolist() == [1, 1]
    assert len(Concatenated("x", {})) == 0
