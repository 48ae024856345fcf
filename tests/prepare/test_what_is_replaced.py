"""overwrite=true as typed: nothing is lost but what mfn made, whatever stands at the output."""

import hashlib
import logging
import pickle
from pathlib import Path

import pytest

from mfn.commands.main import main
from mfn.sources.folder_dataset import FolderDataset
from mfn.sources.record_dataset import RecordDataset
from tests.prepare.fakes import write_photos

OVERWRITE = ("workers=0", "overwrite=true")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """data/photos, links to both, a folder of somebody else, and an output of ours."""
    write_photos(tmp_path / "data/photos", {"ann": [1, 1], "bob": [1, 1]})
    (tmp_path / "to_photos").symlink_to("data/photos")
    (tmp_path / "to_data").symlink_to("data")
    (tmp_path / "foreign/letters").mkdir(parents=True)
    (tmp_path / "foreign/letters/mine.txt").write_text("mine")
    (tmp_path / "to_foreign").symlink_to("foreign")
    monkeypatch.chdir(tmp_path)
    main(["prepare", "split", "source.root=data/photos", "output=ours", "workers=0"])
    return tmp_path


def everything(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def refused(caplog: pytest.LogCaptureFixture, *words: str) -> str:
    caplog.clear()
    with pytest.raises(SystemExit) as ended:
        main(["prepare", *words])
    assert ended.value.code == 1
    (sentence,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert "\n" not in sentence and "overwrite=true" not in sentence
    return sentence


@pytest.mark.slow
@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("foreign", "foreign holds no list of what mfn wrote into it"),
        ("to_foreign", "foreign holds no list of what mfn wrote into it"),
        ("foreign/letters", "holds no list"),
        ("data/photos", "is or holds source.root=data/photos"),
        ("to_photos", "is or holds source.root"),
        ("data", "is or holds source.root"),
        ("to_data", "is or holds source.root"),
        ("data/photos/out", "lies in source.root"),
        ("data/photos/ann", "lies in source.root"),
        ("to_photos/out/deep", "lies in source.root"),
        (".", "is the current folder"),
        ("..", "is or holds source.root"),
        ("foreign/letters/mine.txt", "mine.txt is a file"),
    ],
)
@pytest.mark.parametrize("source", ["data/photos", "to_photos"])
def test_what_is_refused(tree: Path, caplog: pytest.LogCaptureFixture, output: str, sentence: str, source: str) -> None:
    before = everything(tree)
    told = refused(caplog, "split", f"source.root={source}", f"output={output}", *OVERWRITE)
    assert sentence.replace("=data/photos", f"={source}") in told
    assert everything(tree) == before


def test_an_earlier_output_is_replaced(tree: Path) -> None:
    before = everything(tree / "ours")
    main(["prepare", "split", "source.root=data/photos", "output=ours", "seed=3", "format=folder", *OVERWRITE])
    assert len(FolderDataset(tree / "ours/train")) == 4 and not (tree / "ours/train.rec").exists()
    main(["prepare", "split", "source.root=data/photos", "output=ours", *OVERWRITE])
    assert {name: before[name] for name in ("train.rec", "train.idx", "index.csv")}.items() <= everything(
        tree / "ours"
    ).items()


def test_an_earlier_output_with_a_file_of_somebody_stays_until_that_is_moved(
    tree: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tree / "ours/mine.txt").write_text("mine")
    before = everything(tree)
    words = ("split", "source.root=data/photos", "output=ours", "seed=3", *OVERWRITE)
    assert "ours holds mine.txt, which mfn did not write" in refused(caplog, *words)
    assert everything(tree) == before
    (tree / "ours/mine.txt").rename(tree / "mine.txt")
    main(["prepare", *words])
    assert len(RecordDataset(tree / "ours")) == 4


def test_an_output_of_ours_that_is_the_source_stays(tree: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = everything(tree)
    for output in ("ours", "ours/inside"):
        assert "source.root=ours" in refused(caplog, "source=pack", "source.root=ours", f"output={output}", *OVERWRITE)
    assert everything(tree) == before


def test_a_bin_replaces_only_a_bin_of_ours(tree: Path, caplog: pytest.LogCaptureFixture) -> None:
    main(["prepare", "pairs", "root=data/photos", "output=lfw", "folds=2", "pairs_per_fold=2"])
    words = ("bin", "benchmark=lfw", "benchmark.root=lfw", "overwrite=true")
    main(["prepare", *words, "output=ours.bin"])
    main(["prepare", *words, "output=ours.bin"])
    (tree / "theirs.bin").write_bytes(pickle.dumps(([b"", b""], [True])))
    before = everything(tree)
    assert "theirs.bin is there already, and mfn did not write it" in refused(caplog, *words, "output=theirs.bin")
    assert "is a folder" in refused(caplog, *words, "output=foreign")
    image = next((tree / "lfw/images").rglob("*_0001.*"))
    assert "lies in benchmark.root" in refused(caplog, *words, f"output={image}")
    for output, sentence in {"lfw": "holds pairs.txt already", "data/photos": "is or holds root"}.items():
        assert sentence in refused(caplog, "pairs", "root=data/photos", f"output={output}")
    assert everything(tree) == before
