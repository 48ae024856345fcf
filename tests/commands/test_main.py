"""The mfn command, as typed."""

import json
import logging
import pickle
from pathlib import Path

import pytest

from mfn.benchmarks.lfw import read_lfw
from mfn.benchmarks.lfw_writer import write_lfw
from mfn.benchmarks.made_pairs import pairs_from_source
from mfn.commands.main import main
from mfn.synthetic.dataset import SyntheticFaces


@pytest.fixture(scope="module")
def lfw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 pairs of synthetic faces in LFW's layout."""
    folder = tmp_path_factory.mktemp("cli") / "lfw"
    write_lfw(pairs_from_source(SyntheticFaces(8, 6, image_size=(32, 32)), folds=2, pairs_per_fold=20), folder)
    return folder


def said(caplog: pytest.LogCaptureFixture, *words: str) -> str:
    """What a command says; ends with exit status 1 where it fails."""
    with caplog.at_level(logging.INFO):
        main(words)
    return caplog.text


def failed(caplog: pytest.LogCaptureFixture, *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        said(caplog, *words)
    assert ended.value.code == 1
    return caplog.text


def test_prepare_bin_makes_what_insightface_reads(lfw: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    output = tmp_path / "mine.bin"
    words = ("prepare", "bin", "benchmark=lfw", f"benchmark.root={lfw}", f"output={output}")
    assert "40" in said(caplog, *words)
    with output.open("rb") as file:
        images, is_same = pickle.load(file, encoding="bytes")
    assert len(images) == 80 and sum(is_same) == 20
    assert "overwrite=true" in failed(caplog, *words)
    said(caplog, *words, "overwrite=true")
    assert "verification pack" in said(caplog, "inspect", str(output))


def test_prepare_pairs_makes_a_set_that_can_be_judged(
    lfw: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sizes = ("sampling=by_person", "num_person=3", "num_sample=3", "folds=2")
    said(caplog, "prepare", "pairs", f"root={lfw / 'images'}", f"output={tmp_path / 'pairs'}", *sizes)
    pairs = read_lfw(tmp_path / "pairs")
    assert len(pairs.pairs) == 36 and pairs.is_same.sum() == 9


def test_one_step_of_prepare_makes_a_pack(lfw: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    words = ("source=folder", f"source.root={lfw / 'images'}", f"output={tmp_path / 'pack'}", "workers=0")
    text = said(caplog, "prepare", "split", *words, "split.held_out_identities=0.25")
    assert "pack hash" in text and f"data.root={tmp_path / 'pack'}" in text
    assert {"train.rec", "held_out.rec", "held_out.bin", "report.json"} <= {
        p.name for p in (tmp_path / "pack").iterdir()
    }
    assert "nothing to do" in said(caplog, "prepare", "split", *words, "split.held_out_identities=0.25")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("prepare", "nonsense"), "nonsense is no step"),
        (
            ("prepare", "bin", "benchmrk=1"),
            "there is no key benchmrk: the configuration has benchmark, output, overwrite",
        ),
        (("prepare", "bin", "benchmark=[lfw,calfw]", "benchmark.root=DIR", "output=x.bin"), "DIR"),
        (("prepare", "pairs", "output=x"), "root"),
        (("inspect", "nowhere"), "nothing at nowhere"),
        (("import", "net.pt", "--output", "x.ckpt"), "net.pt"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    words: tuple[str, ...],
    sentence: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert sentence in failed(caplog, *words)


def test_inspect_writes_what_it_is_asked_for(lfw: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    show, histogram, found = (tmp_path / name for name in ("show.png", "histogram.png", "found.json"))
    said(
        caplog,
        "inspect",
        str(lfw / "images"),
        "--all",
        "--show",
        str(show),
        "--histogram",
        str(histogram),
        "--json",
        str(found),
    )
    assert show.stat().st_size > 0 and histogram.stat().st_size > 0
    assert "folder" in json.loads(found.read_text())["kind"]
