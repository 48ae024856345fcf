import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfn.errors import BrokenImageError, ConfigError, DataError
from mfn.images.decode import decode_rgb
from mfn.sources.image_folder import ImageFolder
from mfn.sources.open_faces import open_faces
from mfn.sources.shard_dataset import ShardDataset
from mfn.sources.source import copies_of, passed_over_of, stream_of
from tests.packs.tarshards.tars import face, write_tar
from tests.sources.files import jpeg
from tests.sources.sharded import shards_of, small_pack

pytest.importorskip("webdataset", reason="the WebDataset library is not installed")
INDEX = ("index.json", "samples.npz")


@pytest.fixture
def pack(tmp_path: Path) -> Any:
    return small_pack(tmp_path / "pack")


@pytest.fixture
def shards(pack: Any, tmp_path: Path) -> Path:
    return shards_of(pack, tmp_path / "shards")


def bare(shards: Path) -> Path:
    """The shards without their index."""
    for name in INDEX:
        (shards / name).unlink()
    return shards


def same(faces: ShardDataset, others: Any) -> bool:
    assert len(faces) == len(others) and faces.labels.tolist() == others.labels.tolist()
    return all(faces.encoded(index) == others.encoded(index) for index in range(len(others)))


@pytest.mark.parametrize("indexed", [True, False])
@pytest.mark.parametrize("samples", [1, 7, 1000])
@pytest.mark.parametrize("rules", [{}, {"shuffle": False}, {"label": "json"}, {"seed": 5}])
def test_shards_have_the_images_of_the_pack_in_its_order(
    pack: Any, tmp_path: Path, indexed: bool, samples: int, rules: dict[str, Any]
) -> None:
    folder = shards_of(pack, tmp_path / "shards", samples, **rules)
    faces = ShardDataset(folder if indexed else bare(folder))
    assert same(faces, pack) and faces.name == "shards" and not faces.passed_over.counts and stream_of(faces) is None
    assert np.array_equal(faces.image(3), decode_rgb(pack.encoded(3)))
    assert faces.describe(5).endswith(".tar 000000005") and faces.names[5] == faces.describe(5)


def test_shards_are_read_in_other_processes_too(shards: Path, pack: Any) -> None:
    faces = ShardDataset(shards)
    assert same(faces, pack) and same(pickle.loads(pickle.dumps(faces)), pack)


@pytest.mark.parametrize("what", ["folder", "index", "shard", "pattern", "with an index of part of them"])
def test_a_root_may_be_a_folder_or_name_shards(shards: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shards.parent)
    roots = {
        "folder": "shards",
        "index": "shards/index.json",
        "shard": "shards/shard-000002.tar",
        "pattern": "shards/shard-{000001..000003}.tar",
        "with an index of part of them": "shards/shard-{000001,copy}.tar",
    }
    shutil.copy(shards / "shard-000002.tar", shards / "shard-copy.tar")
    faces = ShardDataset(roots[what])
    assert len(faces) == {"folder": 48, "index": 48, "shard": 7, "pattern": 21}.get(what, 14)
    assert faces.name == "shards" and faces.image(0).shape == (16, 16, 3)
    not_listed = {"shards that index.json does not list": 1}
    assert faces.passed_over.counts == (not_listed if what in ("folder", "index") else {})


def test_a_pattern_needs_its_braces_and_no_shard_twice(shards: Path) -> None:
    for pattern, words in (("{1,1}", "twice"), ("{1..9999999}", "more than 1,000,000"), ("{1..", "is no pattern")):
        with pytest.raises(ConfigError, match=words):
            ShardDataset(f"{shards}/shard-00000{pattern}.tar")


def test_commands_are_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for root in ("pipe:touch run.tar", "pipe:curl http://h/x.tar; touch run.tar", "simplecache::http://h/x.tar",
                 "file:///etc/x.tar", "ssh://h/x.tar", "pipe:touch {run,ran}.tar"):  # fmt: skip
        with pytest.raises(ConfigError, match="commands are never run: give a folder, or a URL of http://"):
            ShardDataset(root)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("named", [True, False])
def test_a_missing_shard_is_named(shards: Path, named: bool) -> None:
    (shards / "shard-000003.tar").unlink()
    with pytest.raises(DataError, match=r"shard-000003\.tar is missing: fetch what is missing, or name those"):
        ShardDataset(f"{shards}/shard-{{000000..000006}}.tar" if named else shards)
    assert len(ShardDataset(f"{shards}/shard-{{000000..000002}}.tar")) == 21


def test_a_shard_cut_short_gives_what_it_still_holds(shards: Path, pack: Any) -> None:
    whole = ShardDataset(shards)
    path = shards / "shard-000001.tar"
    os.truncate(path, path.stat().st_size // 2)
    for _ in range(2):  # with its index and without it
        faces = ShardDataset(shards)
        assert 41 <= len(faces) < 47
        assert faces.passed_over.counts.keys() <= {
            "images that a shard's end cuts off",
            "shards that are damaged or cut short",
        }
        assert faces.passed_over.counts
        kept = [whole.describe(index) for index in range(48)]
        assert all(faces.encoded(row) == pack.encoded(kept.index(faces.describe(row))) for row in range(len(faces)))
        if (shards / "index.json").exists():
            assert len(faces) + faces.passed_over.counts["images that a shard's end cuts off"] == 48
            bare(shards)


def test_shards_that_shrink_while_they_are_read_give_broken_images(shards: Path) -> None:
    faces = ShardDataset(shards)
    for path in shards.glob("*.tar"):
        data = path.read_bytes()[:600]
        path.unlink()
        path.write_bytes(data)
    with pytest.raises(BrokenImageError, match=r"shard-\d+\.tar 000000000: its shard ends before it"):
        faces.image(0)


@pytest.mark.parametrize("how", ["another seed", "grown"])
def test_another_shard_than_the_index_describes_is_refused_with_what_helps(
    pack: Any, shards: Path, tmp_path: Path, how: str
) -> None:
    other = shards_of(pack, tmp_path / "other", seed=1) / "shard-000002.tar"
    path = shards / "shard-000002.tar"
    path.write_bytes(other.read_bytes()[: path.stat().st_size] if how != "grown" else path.read_bytes() + bytes(512))
    with pytest.raises(DataError, match=r"another file than index\.json describes: .* remove index\.json and samples"):
        ShardDataset(shards)
    assert len(ShardDataset(bare(shards))) >= 41


@pytest.mark.parametrize("name", INDEX)
def test_a_damaged_index_says_what_helps(shards: Path, name: str) -> None:
    data = (shards / name).read_bytes()
    (shards / name).write_bytes(data.replace(b'"nsamples": 7', b'"nsamples": 8', 1) if "json" in name else data[:-40])
    with pytest.raises(DataError, match="remove both to have the shards read as they are"):
        ShardDataset(shards)
    assert len(ShardDataset(bare(shards))) == 48


def test_labels_may_be_words_and_names_come_from_json(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tar", [*face("1", "zoe", 1), *face("0", 7, 2)])
    words = ShardDataset(tmp_path)
    assert words.labels.tolist() == [0, 1] and words.label_names == {0: "7", 1: "zoe"}
    named = [
        *face("1", '{"label": 9, "name": "Zoe"}', 1, field="json"),
        *face("0", '{"label": 4, "name": "Ann"}', 2, field="json"),
    ]
    faces = ShardDataset(write_tar(tmp_path / "b.tar", named))
    assert faces.labels.tolist() == [4, 9] and faces.label_names == {4: "Ann", 9: "Zoe"}
    some = ShardDataset(write_tar(tmp_path / "c.tar", [*named, *face("2", 5, 3)]))
    assert some.labels.tolist() == [4, 9, 5] and some.label_names is None


def test_a_key_may_come_in_several_shards(tmp_path: Path) -> None:
    for number in range(3):
        write_tar(tmp_path / f"{number}.tar", [*face("0000", number, number), *face("0001", number, 9)])
    faces = ShardDataset(tmp_path)
    assert faces.labels.tolist() == [0, 1, 2, 0, 1, 2] and faces.encoded(1) == jpeg(1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: None, "is empty"),
        (lambda root: (root / "notes.txt").touch(), r"holds no \*\.tar file: give a folder of"),
        (lambda root: (root / "a.tar.gz").touch(), r"compressed shards \(a\.tar\.gz\), .*: unpack them"),
        (lambda root: (root / "a.tgz").touch(), "compressed shards"),
        (lambda root: (root / "a.tar").write_bytes(b"\x1f\x8b123"), "is compressed, .* unpack it"),
        (lambda root: (root / "a.tar").write_bytes(b"nothing"), "it is no tar file"),
        (lambda root: (root / "a.tar").touch(), "it is empty"),
        (lambda root: write_tar(root / "a.tar", [("a.jpg", b"x")]), "holds 0 images .* images without a label: 1"),
        (lambda root: write_tar(root / "a.tar", [("a/b.left.png", b"x")]), "look at a shard with tar -tf"),
    ],
)
def test_what_cannot_be_read_at_all_is_told_in_one_sentence(make: Any, words: str, tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(DataError, match=words):
        ShardDataset(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        ShardDataset(tmp_path / "nowhere")


def test_an_image_that_is_none_is_told_by_shard_and_key(tmp_path: Path) -> None:
    faces = ShardDataset(write_tar(tmp_path / "a.tar", [*face("0", 1), ("1.jpg", b"no image"), ("1.cls", b"1")]))
    with pytest.raises(BrokenImageError, match=r"^a\.tar 1: these 8 bytes are no whole JPEG"):
        faces.image(1)


def test_virtual_copies_come_from_the_pack(tmp_path: Path) -> None:
    pack = small_pack(tmp_path / "pack")
    (tmp_path / "pack/variants.tsv").write_text("# mfn variants 1\n7\thsv\n2\thsv\n7\tnoise\n".replace("noise", "hsv"))
    copied = small_pack(tmp_path / "pack")
    assert len(copied) == len(pack) + 3
    shards = shards_of(copied, tmp_path / "shards")
    faces = ShardDataset(shards, virtual_copies=True)
    ours, theirs = copies_of(faces), copies_of(copied)
    assert same(faces, copied) and ours is not None and theirs is not None
    assert ours.origins.tolist() == theirs.origins.tolist() and ours.codes.tolist() == theirs.codes.tolist()
    assert len(ShardDataset(shards)) == len(pack) and copies_of(ShardDataset(shards)) is None


def test_a_stream_takes_images_from_a_few_shards(shards: Path, pack: Any) -> None:
    stream = stream_of(ShardDataset(shards, open_shards=3))
    assert stream is not None and stream.open_parts == 3 and stream.ahead == 0
    assert sorted(np.bincount(stream.parts).tolist()) == [6, 7, 7, 7, 7, 7, 7]
    assert same(stream.images, pack)  # type: ignore[arg-type]
    alone = stream_of(ShardDataset(shards, open_shards=300))
    assert alone is not None and alone.open_parts == 7


def test_whoever_opens_faces_finds_shards(shards: Path, tmp_path: Path) -> None:
    assert isinstance(open_faces(shards), ShardDataset)
    assert isinstance(open_faces(shards / "shard-000000.tar"), ShardDataset)
    people = tmp_path / "people"
    (people / "ann").mkdir(parents=True)
    (people / "ann/1.jpg").write_bytes(jpeg(1))
    shutil.copy(shards / "shard-000000.tar", people / "backup.tar")
    assert len(open_faces(people)) == 1  # a folder of people with a tar file in it
    assert len(ImageFolder(people)) == 1


def test_people_keep_their_names(tmp_path: Path) -> None:
    pack = small_pack(tmp_path / "pack")
    (tmp_path / "pack/names.txt").write_text("".join(f"Person {label}\n" for label in range(12)))
    pack = small_pack(tmp_path / "pack")
    faces = ShardDataset(shards_of(pack, tmp_path / "a"))
    assert faces.label_names == pack.label_names and faces.label_names
    assert ShardDataset(bare(shards_of(pack, tmp_path / "b", label="json"))).label_names == pack.label_names
    assert json.loads((tmp_path / "a/index.json").read_text())["people"]["3"] == "Person 3"
    assert not passed_over_of(faces).counts
