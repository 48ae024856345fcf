from collections.abc import Callable
from pathlib import Path

import pytest

from mfn.benchmarks.gallery import split_gallery
from mfn.benchmarks.made_pairs import make_pairs
from mfn.errors import ConfigError, DataError
from mfn.packs.pack_writer import PackWriter
from mfn.sources.open_faces import open_faces
from tests.packs.tfrecords.tfrecords import write_examples
from tests.sources.files import jpeg, write_pack

PEOPLE = 4
EACH = 3


def folders(root: Path) -> Path:
    for person in range(PEOPLE):
        (root / f"p{person}").mkdir()
        for number in range(EACH):
            (root / f"p{person}" / f"{number}.PNG").write_bytes(jpeg(EACH * person + number))
    return root


def pack(root: Path) -> Path:
    return write_pack(root, {float(person): EACH for person in range(PEOPLE)})


def renamed_pack(root: Path) -> Path:
    pack(root)
    (root / "train.idx").rename(root / "validation.idx")
    return (root / "train.rec").rename(root / "validation.rec").parent


def pack_file(root: Path) -> Path:
    return renamed_pack(root) / "validation.rec"


def own_pack(root: Path) -> Path:
    with PackWriter(root / "own", (16, 16), label_names=list("abcd")) as writer:
        for person in range(PEOPLE):
            for number in range(EACH):
                writer.add(person, jpeg(EACH * person + number))
    return root / "own"


def records(root: Path) -> Path:
    people = [{"label": [n // EACH], "image_raw": [jpeg(n)]} for n in range(PEOPLE * EACH)]
    return write_examples(root / "FACES.TFRECORD", people)  # type: ignore[arg-type]


def records_folder(root: Path) -> Path:
    return records(root).parent


def lmdb_file(root: Path) -> Path:
    pytest.importorskip("lmdb", reason="LMDB files are written by py-lmdb")
    pytest.importorskip("msgpack", reason="LMDB values are written by msgpack")
    from tests.packs.lmdb.databases import write_faces

    return write_faces(root / "faces.lmdb", [(jpeg(n), n // EACH) for n in range(PEOPLE * EACH)])


def lmdb_folder(root: Path) -> Path:
    return lmdb_file(root).parent


@pytest.mark.parametrize(
    "make",
    [folders, pack, renamed_pack, pack_file, own_pack, records, records_folder, lmdb_file, lmdb_folder],
    ids=lambda make: make.__name__,
)
def test_faces_are_judged_on_wherever_they_lie(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    root = make(tmp_path)
    faces = open_faces(root)
    assert faces.labels.tolist() == [person for person in range(PEOPLE) for _ in range(EACH)]
    assert all(faces.image(index).shape == (16, 16, 3) for index in range(len(faces)))
    assert len(make_pairs(root, folds=2, pairs_per_fold=6).pairs) == 12
    assert len(split_gallery(root, enrolled=1).source) == PEOPLE * EACH


def test_what_is_not_there_is_told_by_its_key(tmp_path: Path) -> None:
    for root in (None, "", True):
        with pytest.raises(ConfigError, match=r"benchmark\.root"):
            make_pairs(root)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="holds no image in any folder"):
        (tmp_path / "notes.txt").touch()
        open_faces(tmp_path)
    with pytest.raises(DataError, match="is a file, not a folder"):
        open_faces(tmp_path / "notes.txt")
