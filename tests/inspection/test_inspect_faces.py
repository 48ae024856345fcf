import json
from pathlib import Path

import numpy as np
import pytest

from mfn.benchmarks.bin_writer import write_bin
from mfn.errors import DataError
from mfn.images.copies import write_copies
from mfn.images.decode import decode_rgb
from mfn.inspection.inspect import inspect, show
from tests.packs.tarshards.tars import face, write_tar
from tests.packs.tfrecords.tfrecords import Features, write_examples
from tests.sources.files import jpeg, write_pack


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for person, count in (("ann", 3), ("bob", 1)):
        (tmp_path / person).mkdir()
        for number in range(count):
            (tmp_path / person / f"{number}.jpg").write_bytes(jpeg(number, (20, 10)))
    return tmp_path


def test_a_pack(tmp_path: Path) -> None:
    write_pack(tmp_path, {0: 3, 1: 12, 4: 2})
    (tmp_path / "property").write_text("3,16,16")
    write_copies(tmp_path, [("1", "hsv"), ("2", "hsv"), ("2", "gaussian")])
    (tmp_path / "val.rec").touch()
    pack = inspect(tmp_path)
    assert pack.kind == "InsightFace pack (train)" and not pack.problems
    assert pack.images_per_identity.tolist() == [3, 12, 2]
    facts = pack.facts
    assert (facts["images"], facts["identities"], facts["broken"]) == (17, 3, 0)
    assert facts["sizes (height x width)"] == "16x16 100%" and facts["formats"] == "jpg 100%"
    assert facts["virtual copies"] == "hsv 2, gaussian 1" and facts["beside it"] == "val.rec"
    assert str(facts["labels"]).startswith("3 from 0 to 4, with gaps")
    assert inspect(tmp_path / "train.rec").facts == facts
    assert json.loads(json.dumps(pack.to_dict()))["facts"]["identities"] == 3
    assert "identities" in pack.text() and "11-20" in pack.text()


def test_damage_is_told_and_does_not_stop(tmp_path: Path) -> None:
    write_pack(tmp_path, {0: 4})
    (tmp_path / "property").write_text("9,16,16")
    records = bytearray((tmp_path / "train.rec").read_bytes())
    offsets = [int(line.split("\t")[1]) for line in (tmp_path / "train.idx").read_text().splitlines()]
    records[offsets[2] : offsets[2] + 4] = b"oops"  # no record
    records[offsets[3] + 8 + 24 : offsets[4]] = bytes(offsets[4] - offsets[3] - 32)  # no image
    (tmp_path / "train.rec").write_bytes(records)
    pack = inspect(tmp_path)
    assert pack.facts["broken"] == 2
    assert "property says 9 classes, the records hold 1" in pack.problems
    assert any("2 of 4 images looked at are broken, such as train.rec record 2, train.rec record 3" in problem
               for problem in pack.problems)  # fmt: skip
    assert "problem: property" in pack.text()


def test_folders(folders: Path) -> None:
    found = inspect(folders)
    assert found.kind == "folders of identities" and found.images_per_identity.tolist() == [3, 1]
    assert found.facts["sizes (height x width)"] == "20x10 100%" and found.captions[0] == "ann"


def test_folders_as_prepare_writes_them(folders: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    (output / "train").mkdir(parents=True)
    (folders / "ann").rename(output / "train" / "ann")
    assert inspect(output).images_per_identity.tolist() == [3]


def test_a_flat_folder_of_crops(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.JPG").write_bytes(jpeg(number, (20, 10)))
    (tmp_path / "._0.JPG").write_bytes(b"\0\5\x16\7")
    found = inspect(tmp_path)
    assert found.kind == "folder of images" and not found.images_per_identity.size
    assert (found.facts["images"], found.facts["passed over, hidden files"]) == (3, "1: ._0.JPG")
    show(found, tmp_path / "sheet.png")
    for path in tmp_path.glob("*.JPG"):
        path.unlink()
    (tmp_path / "sheet.png").rename(tmp_path / "notes.txt")
    with pytest.raises(DataError, match="holds no image in any folder"):
        inspect(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["1\t0.0\tann/0.jpg\n2\t0.0\tann/1.jpg\n3\t20000001\tbob/1.jpg\n", "1;ann/0.jpg;0;\r\n1;a;0;\r\n1;b;20000001;"],
)
def test_a_list_of_a_pack(tmp_path: Path, text: str) -> None:
    (tmp_path / "train.LST").write_text(text)
    found = inspect(tmp_path / "train.LST")
    assert found.kind == "list of a pack" and found.images_per_identity.tolist() == [2, 1]
    assert str(found.facts["labels"]).startswith("from 0 to 20000001, more than a pack's own fields can hold")
    write_pack(tmp_path, {0.0: 2, 20000001.0: 1})
    found = inspect(tmp_path / "train.LST")
    assert found.kind == "list of an InsightFace pack (train)" and found.facts["broken"] == 0
    assert found.images_per_identity.tolist() == [2, 1] and found.images is not None


def test_tfrecords(tmp_path: Path) -> None:
    people: list[Features] = [{"label": [label], "image_raw": [jpeg(label)]} for label in (3, 3, 8)]
    write_examples(tmp_path / "faces.tfrecord-00000-of-00001", people)
    found = inspect(tmp_path)
    assert found.kind == "TFRecord" and found.images_per_identity.tolist() == [2, 1] and not found.problems
    assert inspect(tmp_path / "faces.tfrecord-00000-of-00001").facts == found.facts


def test_tar_shards(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tar", [*face("0", 3), *face("1", 3), ("2.jpg", b"none"), ("2.cls", b"8")])
    write_tar(tmp_path / "b.tar", [("3.jpg", jpeg(0))])
    found = inspect(tmp_path)
    assert found.kind == "tar shards (WebDataset)" and found.images_per_identity.tolist() == [2, 1]
    assert str(found.facts["shards"]).startswith("2, ") and found.facts["broken"] == 1
    assert any("images without a label: 1: b.tar: 3" in problem for problem in found.problems)
    assert inspect(tmp_path / "a.tar").facts["images"] == 3


def test_an_lmdb_pack(tmp_path: Path) -> None:
    pytest.importorskip("lmdb", reason="LMDB files are written by py-lmdb")
    pytest.importorskip("msgpack", reason="LMDB values are written by msgpack")
    from tests.packs.lmdb.databases import write_faces

    (tmp_path / "sub").mkdir()
    place = write_faces(tmp_path / "odd name", [(jpeg(label), label) for label in (3, 3, 8)] + [(b"", 8)])
    for path in (place, write_faces(tmp_path / "sub" / "b.lmdb", [(jpeg(n), n) for n in (3, 3, 8)]).parent):
        found = inspect(path)
        assert found.kind == "LMDB pack" and found.images_per_identity.tolist()[0] == 2
        assert found.facts["identities"] == 2 and found.facts["broken"] == (1 if path == place else 0)


def test_a_verification_pack(tmp_path: Path) -> None:
    images = [jpeg(0), jpeg(1), jpeg(0), jpeg(2), jpeg(3), jpeg(3)] * 10
    write_bin(tmp_path / "set.bin", images, [True, False, True] * 10)
    found = inspect(tmp_path / "set.bin")
    assert (found.facts["pairs"], found.facts["genuine"], found.facts["different images"]) == (30, 20, 4)
    assert found.problems == [
        "10 pairs are of an image with itself",
        "18 pairs are made before of the same images",
    ]


def test_only_a_sample_is_looked_at_unless_asked(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mfn.inspection.inspect.SAMPLE", 2)
    assert inspect(folders).facts["looked at"] == "2 of 4 images"
    assert inspect(folders, look_at_all=True).facts["looked at"] == "4 of 4 images"


def test_the_contact_sheet_shows_broken_images_too(folders: Path, tmp_path: Path) -> None:
    (folders / "bob" / "1.jpg").write_bytes(b"no image")
    show(inspect(folders), tmp_path / "sheet.png", most=3)
    sheet = decode_rgb((tmp_path / "sheet.png").read_bytes())
    assert sheet.shape[1] == 3 * 118 + 6 and sheet[62, 118 * 2 + 62].tolist() == [250, 250, 250]


def test_what_is_unknown_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is nothing at"):
        inspect(tmp_path / "missing")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match="of no kind that is known"):
        inspect(tmp_path / "notes.txt")


def test_real_faces(shared: Path) -> None:
    pack = inspect(shared / "data" / "celeb")
    assert (pack.facts["images"], pack.facts["identities"], pack.facts["broken"]) == (12046, 1458, 0)
    assert not pack.problems and np.isclose(pack.images_per_identity.mean(), 12046 / 1458)
