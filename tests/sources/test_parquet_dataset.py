import json
import logging
import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="needs the extra parquet")

import pyarrow as pa
import pyarrow.parquet as pq

from mfn.config.build import build
from mfn.config.sources import open_source, open_validation
from mfn.errors import BrokenImageError, ConfigError, DataError
from mfn.images.decode import decode_rgb
from mfn.inspection.inspect import inspect
from mfn.sources.open_faces import open_faces
from mfn.sources.parquet_dataset import ParquetDataset
from mfn.sources.record_dataset import RecordDataset
from tests.composing import composed
from tests.packs.parquet.tables import write_table
from tests.sources.files import jpeg, write_pack

NAMES = ["zoë", "ann", "bo b/c", ""]


def images(*seeds: int) -> list[bytes | None]:
    return [jpeg(seed) for seed in seeds]


def all_of(source: Any) -> list[bytes]:
    return [source.encoded(index) for index in range(len(source))]


def test_a_set_in_several_files(tmp_path: Path) -> None:
    write_table(tmp_path / "data/train-00000-of-00002.parquet", images(0, 1, 2), [1, 0, 1], NAMES)
    write_table(tmp_path / "data/train-00001-of-00002.parquet", images(3, 4), [2, 0], NAMES)
    write_table(tmp_path / "data/test-00000-of-00001.parquet", images(9), [0], NAMES)
    source = ParquetDataset(tmp_path)
    assert source.labels.tolist() == [1, 0, 1, 2, 0] and source.labels.dtype == np.int64
    assert source.label_names == {0: "zoë", 1: "ann", 2: "bo b/c"}
    assert all_of(source) == images(0, 1, 2, 3, 4)
    assert np.array_equal(source.image(3), decode_rgb(jpeg(3)))
    assert source.names[3] == source.describe(3) == "train-00001-of-00002.parquet row 0"
    assert not source.passed_over.counts
    assert all_of(ParquetDataset(tmp_path, "test")) == images(9)
    one = ParquetDataset(tmp_path / "data" / "train-00001-of-00002.parquet")
    assert one.labels.tolist() == [2, 0] and one.name == "train-00001-of-00002"
    assert all_of(open_faces(tmp_path)) == all_of(source)
    found = inspect(tmp_path)
    assert found.kind == "Parquet image set" and found.images_per_identity.tolist() == [2, 2, 1]
    assert inspect(tmp_path / "data" / "test-00000-of-00001.parquet").facts["images"] == 1


@pytest.mark.parametrize(
    ("files", "split", "wanted"),
    [
        (["a.parquet", "b.parquet"], None, ["a.parquet", "b.parquet"]),
        (["train/0.parquet", "validation/0.parquet"], None, ["train/0.parquet"]),
        (["train/0.parquet", "validation/0.parquet"], "validation", ["validation/0.parquet"]),
        (["default/train/0000.parquet", "default/test/0000.parquet"], None, ["default/train/0000.parquet"]),
        (["train.parquet", "val.parquet"], "val", ["val.parquet"]),
        (["test-00000-of-00001.parquet"], None, ["test-00000-of-00001.parquet"]),
        (["my-faces-00000-of-00001-0a1b2c.parquet"], "my-faces", ["my-faces-00000-of-00001-0a1b2c.parquet"]),
        (["TRAIN.PARQUET"], None, ["TRAIN.PARQUET"]),
        (
            ["train-00000-of-00001.parquet", ".cache/train-00001-of-00001.parquet"],
            None,
            ["train-00000-of-00001.parquet"],
        ),
        (["x.parquet", "index.parquet"], None, ["x.parquet"]),
    ],
)
def test_which_files_are_read(tmp_path: Path, files: list[str], split: str | None, wanted: list[str]) -> None:
    for number, file in enumerate(files):
        write_table(tmp_path / file, images(number), [number])
    source = ParquetDataset(tmp_path, split)
    assert [path.relative_to(tmp_path).as_posix() for path in source.paths] == wanted
    assert all_of(source) == [jpeg(files.index(file)) for file in wanted]


def test_splits_that_the_card_names(tmp_path: Path) -> None:
    for number, file in enumerate(("faces/a.parquet", "faces/b.parquet", "other.parquet")):
        write_table(tmp_path / file, images(number), [number])
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: faces/*\n  - split: odd\n"
        "    path: [other.parquet]\ndataset_info:\n  features:\n  - name: label\n    dtype:\n      class_label:\n"
        "        names:\n          '0': ann\n          '1': bo\n          '2': cy\n---\n# Faces\n"
    )
    source = ParquetDataset(tmp_path)
    assert all_of(source) == images(0, 1) and source.label_names == {0: "ann", 1: "bo"}
    assert all_of(ParquetDataset(tmp_path, "odd")) == images(2)
    for damaged in (
        "---\n{",
        "---\n- 1\n---",
        "no card",
        "---\nconfigs: 3\n---\n",
        "---\ndataset_info: [1, {features: 2}]\n---",
    ):
        (tmp_path / "README.md").write_text(damaged)
        with pytest.raises(DataError, match=r"several sets|splits"):
            ParquetDataset(tmp_path)


def test_class_names_of_another_file(tmp_path: Path) -> None:
    write_table(tmp_path / "a.parquet", images(0, 1), [1, 5])
    (tmp_path / "dataset_info.json").write_text(
        json.dumps({"features": {"label": {"names": ["x", "y"], "_type": "ClassLabel"}}})
    )
    assert ParquetDataset(tmp_path).label_names == {1: "y", 5: "5"}
    (tmp_path / "dataset_info.json").unlink()
    (tmp_path / "dataset_infos.json").write_text(
        json.dumps({"default": {"features": {"label": {"names": ["p", "q"], "_type": "ClassLabel"}}}})
    )
    assert ParquetDataset(tmp_path).label_names == {1: "q", 5: "5"}
    (tmp_path / "dataset_infos.json").write_text("{")
    assert ParquetDataset(tmp_path).label_names is None


@pytest.mark.parametrize(
    ("labels", "wanted", "names"),
    [
        ([2**24 + 1, 2**24, 2**62], [2**24 + 1, 2**24, 2**62], None),
        (["zoe", "ann", "zoe"], [1, 0, 1], {0: "ann", 1: "zoe"}),
        (pa.array(["zoe", "ann", "zoe"]).dictionary_encode(), [1, 0, 1], {0: "ann", 1: "zoe"}),
        (pa.array(["b", "a", "a"], pa.large_string()), [1, 0, 0], {0: "a", 1: "b"}),
        (np.array([3, 1, 3], np.uint8), [3, 1, 3], None),
        (np.array([3, 1, 3], np.int16), [3, 1, 3], None),
    ],
)
def test_labels_of_every_kind(tmp_path: Path, labels: Any, wanted: list[int], names: dict[int, str] | None) -> None:
    source = ParquetDataset(write_table(tmp_path / "a.parquet", images(0, 1, 2), labels))
    assert source.labels.tolist() == wanted and source.label_names == names


def test_rows_without_a_label_or_an_image(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    values = [jpeg(0), jpeg(1), None, b"none", jpeg(4), jpeg(5)]
    with caplog.at_level(logging.WARNING):
        source = ParquetDataset(write_table(tmp_path / "a.parquet", values, [0, None, 1, 1, -1, 2], NAMES))
    assert source.labels.tolist() == [0, 1, 1, 2] and source.passed_over.counts == {"rows without a label": 2}
    assert "rows without a label: 2 (a.parquet row 1, ...)" in caplog.text
    assert source.encoded(3) == jpeg(5)
    with pytest.raises(BrokenImageError, match=r"a\.parquet row 2: it holds no image"):
        source.image(1)
    with pytest.raises(BrokenImageError, match=r"a\.parquet row 3: these 4 bytes"):
        source.image(2)
    words = ParquetDataset(write_table(tmp_path / "b.parquet", images(0, 1, 2), ["x", None, ""]))
    assert words.labels.tolist() == [0] and words.passed_over.counts == {"rows without a label": 2}


def test_columns(tmp_path: Path) -> None:
    table = {
        "face": pa.array(images(0, 1), pa.binary()),
        "thumb": pa.array(images(5, 6), pa.large_binary()),
        "who": pa.array(["b", "a"]),
        "age": pa.array([30, 40]),
        "box": pa.array([[1.0], [2.0]]),
    }
    pq.write_table(pa.table(table), place := tmp_path / "a.parquet")
    with pytest.raises(ConfigError, match=r"is the label\? is it one of who, age\? Set data\.label_column=NAME"):
        ParquetDataset(place)
    source = ParquetDataset(place, label_column="who")
    assert all_of(source) == images(0, 1) and source.label_names == {0: "a", 1: "b"}
    source = ParquetDataset(place, image_column="thumb", label_column="age")
    assert all_of(source) == images(5, 6) and source.labels.tolist() == [30, 40]
    for columns, message in (
        ({"image_column": "photo"}, r"has no column photo: data\.image_column is one of face, thumb, who, age, box"),
        ({"image_column": "age"}, r"column age holds no encoded images: data\.image_column is one of face, thumb"),
        ({"label_column": "box"}, r"column box holds no numbers or words: data\.label_column is (one )?of who, age"),
    ):
        with pytest.raises(ConfigError, match=message):
            ParquetDataset(place, **columns)
    pq.write_table(pa.table({"age": [1], "sex": [2]}), place)
    with pytest.raises(ConfigError, match=r"is the image\? there are age, sex\. Set data\.image_column=NAME"):
        ParquetDataset(place)


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="root must be given"):
        ParquetDataset("")
    with pytest.raises(DataError, match=r"holds no \*\.parquet file.*data=folder"):
        ParquetDataset(write_pack(tmp_path, {0.0: 1}))
    write_table(tmp_path / "test-00000-of-00001.parquet", images(0), [0])
    write_table(tmp_path / "dev-00000-of-00001.parquet", images(0), [0])
    with pytest.raises(ConfigError, match=r"has the splits dev, test: name one, as data\.split=test"):
        ParquetDataset(tmp_path)
    with pytest.raises(ConfigError, match=r"has the splits dev, test: there is no data\.split=train"):
        ParquetDataset(tmp_path, "train")
    for name in ("one", "two"):
        write_table(tmp_path / "sets" / name / "train-00000-of-00001.parquet", images(0), [0])
    with pytest.raises(DataError, match=r"holds several sets \(one, two\): name the one you mean, as in .*one"):
        ParquetDataset(tmp_path / "sets")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "dev-00000-of-00001.parquet").read_bytes()[:-30])
    with pytest.raises(DataError, match=r"cut\.parquet is no whole Parquet file"):
        ParquetDataset(tmp_path / "cut.parquet")
    (tmp_path / "none.parquet").write_bytes(b"")
    with pytest.raises(DataError, match=r"none\.parquet is no whole Parquet file"):
        ParquetDataset(tmp_path / "none.parquet")
    empty = write_table(tmp_path / "empty.parquet", [None], pa.array([None], pa.int64()))
    with pytest.raises(DataError, match="holds no row with a label"):
        ParquetDataset(empty)
    with pytest.raises(DataError, match=r"only their paths: .*data=folder"):
        ParquetDataset(write_table(tmp_path / "paths.parquet", [None, None], [0, 1]))
    large = write_table(tmp_path / "large.parquet", images(0), np.array([2**64 - 1], np.uint64))
    with pytest.raises(DataError, match="column label cannot be read"):
        ParquetDataset(large)


def test_a_damaged_file_costs_its_own_images_alone(tmp_path: Path) -> None:
    for number in range(3):
        write_table(tmp_path / f"train-{number:05}-of-00003.parquet", images(number), [number], NAMES)
    place = tmp_path / "train-00001-of-00003.parquet"
    place.write_bytes(place.read_bytes()[:-30])
    source = ParquetDataset(tmp_path)
    assert all_of(source) == images(0, 2)
    assert source.passed_over.counts == {"files that are damaged or hold no images": 1}
    write_table(place, images(1), [1], ["zoë", "somebody else"])
    assert all_of(ParquetDataset(tmp_path)) == images(0, 2)


@pytest.mark.parametrize("how", [{}, {"compression": "zstd", "row_group_size": 2}, {"use_dictionary": False}])
def test_other_processes_read_the_same(tmp_path: Path, how: dict[str, Any]) -> None:
    write_table(tmp_path / "a.parquet", images(*range(7)), list(range(7)), **how)
    (tmp_path / "a.parquet").chmod(0o444)
    source = ParquetDataset(tmp_path)
    assert all_of(source) == all_of(pickle.loads(pickle.dumps(source))) == images(*range(7))
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            assert pool.map(all_of, [source]) == [images(*range(7))]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_trained_on_as_the_pack_of_the_same_images(tmp_path: Path, workers: int, context: str) -> None:
    pack = RecordDataset(write_pack(tmp_path, {0.0: 8, 5.0: 9, 6.0: 8}))
    write_table(tmp_path / "p/train-00000-of-00001.parquet", all_of(pack), pack.labels)
    words = ("data.batch_size=4", "image_size=[20,16]", "fit=resize", "data.val_identities=0", "data.val_fraction=0.2")
    batches = []
    for name, root in (("ms1m", tmp_path), ("parquet", tmp_path / "p")):
        loading = (f"data.num_workers={workers}", f"data.multiprocessing_context={context}")
        module = build(composed(f"data={name}", f"data.root={root}", *words, *loading).data.module)
        batches.append(([(b.images, b.labels, b.indices) for b in module.train_dataloader()], module.fingerprint))
    (of_pack, one), (of_files, other) = batches
    assert one == other and len(of_pack) == len(of_files) > 3
    assert all(np.array_equal(a, b) for p, q in zip(of_pack, of_files, strict=True) for a, b in zip(p, q, strict=True))


def test_a_validation_set_beside_it(tmp_path: Path) -> None:
    write_table(tmp_path / "t.parquet", images(*range(30)), [n % 3 for n in range(30)], NAMES)
    write_table(
        tmp_path / "v.parquet", images(*range(40, 50)), [n % 5 for n in range(10)], ["ann", "x", "zoë", "y", "z"]
    )
    words = (f"data.root={tmp_path / 't.parquet'}", f"data.val_root={tmp_path / 'v.parquet'}", "data.val_identities=0")
    config = composed("data=parquet", *words, "image_size=[16,16]")
    module = build(config.data.module, source=open_source(config), validation=open_validation(config))
    module.setup()
    assert module.summary()["validation images of the same identities"] == 4


def test_what_the_library_of_the_hub_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets", reason="the hub's own library writes these files")
    datasets.disable_progress_bars()
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=NAMES[:3])})
    values = [{"bytes": jpeg(n), "path": f"{n}.jpg"} for n in range(12)]
    made = datasets.Dataset.from_dict({"image": values, "label": [n % 3 for n in range(12)]}, features=features)
    made.to_parquet(str(tmp_path / "hub" / "train-00000-of-00001.parquet"))
    datasets.DatasetDict({"train": made, "test": made.select(range(3))}).save_to_disk(str(tmp_path / "disk"))
    for root, split in (("hub", None), ("disk", None), ("disk/train", None), ("disk", "test")):
        source = ParquetDataset(tmp_path / root, split)
        count = 3 if split else 12
        assert all_of(source) == images(*range(count)) and source.labels.tolist() == [n % 3 for n in range(count)]
        assert source.label_names == {0: "zoë", 1: "ann", 2: "bo b/c"}
        assert all_of(pickle.loads(pickle.dumps(source))) == all_of(source)
        assert inspect(tmp_path / root).kind == "Parquet image set" or split
    place = next((tmp_path / "disk" / "train").glob("*.arrow"))
    whole = place.read_bytes()
    for size in (0, 10, 200, len(whole) // 2, len(whole) - 100):
        place.write_bytes(whole[:size])
        with pytest.raises(DataError, match="is no whole Arrow file"):
            ParquetDataset(place.parent)
    pictures = tmp_path / "pictures"
    for n in range(4):
        (pictures / f"p{n % 2}").mkdir(parents=True, exist_ok=True)
        (pictures / f"p{n % 2}" / f"{n}.jpg").write_bytes(jpeg(n))
    outside = datasets.load_dataset(
        "imagefolder", data_dir=str(pictures), split="train", cache_dir=str(tmp_path / "cache")
    )
    outside.to_parquet(str(tmp_path / "outside.parquet"))
    with pytest.raises(DataError, match=r"outside\.parquet: the images of column image are not in the file"):
        ParquetDataset(tmp_path / "outside.parquet")
