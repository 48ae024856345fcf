"""evaluate.py's way: from a configuration to the report and the stored threshold."""

import csv
from pathlib import Path

import pytest
from hydra.utils import instantiate

from mfn.benchmarks.lfw import read_lfw
from mfn.benchmarks.lfw_writer import write_lfw
from mfn.benchmarks.made_pairs import pairs_from_source
from mfn.errors import CheckpointError, ConfigError, DataError
from mfn.inference.embedder import FaceEmbedder
from mfn.synthetic.dataset import SyntheticFaces
from tests.benchmarks.ijb_files import write_ijb
from tests.commands.evaluating import command, judge_with, write_files
from tests.composing import CONF, composed
from tests.inference.onnx_files import CONTRACT, write_onnx
from tests.small_run import SIZE, save_small_checkpoint


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(tmp_path_factory.mktemp("judging"))


@pytest.mark.slow
def test_a_folder_and_its_pack_are_judged_alike(files: Path, tmp_path: Path) -> None:
    roots = (files / "lfw", files / "packs")
    first, second = (
        judge_with(files, tmp_path / root.name, "benchmark=lfw", f"benchmark.root={root}") for root in roots
    )
    assert first["sets"]["lfw"] == second["sets"]["lfw"]


@pytest.mark.slow
def test_several_sets_leave_every_kind_of_report(files: Path, tmp_path: Path) -> None:
    report = judge_with(files, tmp_path, "benchmark=[lfw,agedb_30]", f"benchmark.root={files / 'packs'}")
    assert set(report["sets"]) == {"lfw", "agedb_30"}
    for name in ("report.csv", "report.html", "roc.png", "det.png", "scores.png"):
        assert (tmp_path / name).stat().st_size > 0, name
    assert list(tmp_path.rglob("events.out.tfevents*"))
    rows = list(csv.DictReader((tmp_path / "report.csv").open()))
    assert float(rows[0]["accuracy"]) == pytest.approx(report["sets"]["lfw"]["accuracy"])


@pytest.mark.slow
def test_people_are_identified(files: Path, tmp_path: Path) -> None:
    overrides = ["benchmark=[identification,pairs]", f"benchmark.root={files / 'lfw' / 'images'}"]
    sizes = [
        "benchmark.identification.gallery_images=2",
        "benchmark.pairs.folds=2",
        "benchmark.pairs.pairs_per_fold=10",
    ]
    report = judge_with(files, tmp_path, *overrides, *sizes)
    assert set(report["sets"]) == {"pairs"}
    assert set(report["identification"]) == {"identification nearest", "identification centroid"}
    assert 0 < report["identification"]["identification nearest"]["rank_1"] <= 1


def test_the_threshold_is_stored_where_the_network_came_from(files: Path, tmp_path: Path) -> None:
    network = save_small_checkpoint(tmp_path)
    overrides = ["benchmark=lfw", f"benchmark.root={files / 'packs'}", "store_threshold=0.1"]
    report = judge_with(tmp_path, tmp_path / "run", *overrides)
    contract = FaceEmbedder.load(network).contract
    assert contract.threshold_far == 0.1
    assert contract.threshold == pytest.approx(report["sets"]["lfw"]["threshold_at_far_1e-01"])


@pytest.mark.slow
def test_conventions_are_probed(files: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        judge_with(
            files,
            tmp_path,
            "benchmark=lfw",
            f"benchmark.root={files / 'packs'}",
            "check_contract=true",
            "check_contract_pairs=20",
        )
    assert "contract check: the declared input contract" in caplog.text


@pytest.mark.slow
def test_networks_of_others_are_judged(files: Path, tmp_path: Path) -> None:
    network = write_onnx(tmp_path / "net.onnx", contract=None)
    overrides = ["benchmark=lfw", f"benchmark.root={files / 'packs'}", f"model_path={network}"]
    with pytest.raises(CheckpointError, match=r"contract\.color, contract\.mean, contract\.std"):
        judge_with(files, tmp_path, *overrides)
    stated = ["contract.color=RGB", "contract.mean=[0,0,0]", "contract.std=[255,255,255]"]
    report = judge_with(files, tmp_path, *overrides, *stated, "fit=resize")
    assert report["contract"]["embedding_dim"] == CONTRACT.embedding_dim


@pytest.mark.slow
def test_missing_images_stop_the_run_unless_allowed(files: Path, tmp_path: Path) -> None:
    faces = SyntheticFaces(4, 4, image_size=SIZE)
    write_lfw(pairs_from_source(faces, folds=2, pairs_per_fold=10, name="lfw"), tmp_path / "lfw")
    read = read_lfw(tmp_path / "lfw")
    Path(read.source.describe(0)).unlink()
    overrides = ["benchmark=lfw", f"benchmark.root={tmp_path / 'lfw'}"]
    with pytest.raises(DataError, match=r"lacks 1 of the .*allow_missing=true"):
        judge_with(files, tmp_path / "run", *overrides)
    report = judge_with(files, tmp_path / "run", *overrides, "benchmark.allow_missing=true")
    left_out = int((read.pairs == 0).any(axis=1).sum())
    assert report["sets"]["lfw"]["left_out"] == left_out
    assert report["sets"]["lfw"]["pairs"] == 20 - left_out


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["flip=twice"], "flip=twice does not fit: give none, sum or concat"),
        (["score=metres"], "score=metres does not fit"),
        (["benchmark=[]"], "no benchmark is chosen"),
        (["benchmark.root=null"], r"benchmark\.root"),
        (["store_threshold=1e-6"], "support"),
        (["device=cuda:7"], "device=cuda:7 is not available"),
    ],
)
def test_values_that_make_no_sense_are_told(files: Path, tmp_path: Path, overrides: list[str], words: str) -> None:
    base = [] if overrides == ["benchmark.root=null"] else [f"benchmark.root={files / 'packs'}"]
    with pytest.raises((ConfigError, DataError), match=words):
        judge_with(files, tmp_path, *base, *overrides)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["benchmark=lfw", "store_threshold=1e-6"], "20 impostor pairs support"),
        (["benchmark=lfw", "pca=33"], "pca=33 must be at most 32, the length of the embeddings"),
        (["benchmark=lfw", "pca=65", "flip=concat"], "pca=65 must be at most 64"),
        (["benchmark=lfw", "bootstrap=-1"], "bootstrap=-1 does not fit"),
        (["benchmark=lfw", "benchmark.lfw.folds=1"], r"benchmark\.lfw\.folds=1 must be null"),
        (["benchmark=[]"], "no benchmark is chosen"),
        (["benchmark=identification", "check_contract=true"], "need a set of pairs"),
    ],
)
def test_what_cannot_be_done_is_told_before_images_are_embedded(
    files: Path, tmp_path: Path, overrides: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mfn.commands.evaluate.results_on", lambda *_: pytest.fail("images were embedded"))
    root = files / "packs" if "benchmark=lfw" in overrides else files / "lfw" / "images"
    with pytest.raises(ConfigError, match=words):
        judge_with(files, tmp_path, f"benchmark.root={root}", *overrides)


@pytest.mark.parametrize("key", ["cache", "ijb.cache"])
def test_a_folder_that_cannot_be_written_is_told_before_images_are_embedded(
    files: Path, tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mfn.commands.evaluate.results_on", lambda *_: pytest.fail("images were embedded"))
    (tmp_path / "file").touch()
    write_ijb(tmp_path / "ijb")
    benchmark = {"cache": ["benchmark=lfw", f"benchmark.root={files / 'packs'}"]}
    words = benchmark.get(key, ["benchmark=ijbc", f"benchmark.root={tmp_path / 'ijb'}"])
    with pytest.raises(ConfigError, match=rf"{key}: nothing can be written to the folder .*file"):
        judge_with(files, tmp_path / "run", *words, f"{key}={tmp_path / 'file'}")


@pytest.mark.parametrize("choice", sorted(file.stem for file in (CONF / "benchmark").glob("*.yaml")))
def test_every_benchmark_says_what_it_does_not_find(choice: str, tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    config = composed(f"benchmark={choice}", f"benchmark.root={tmp_path}", "model_path=x", config="evaluate")
    with pytest.raises(Exception, match=str(tmp_path)):
        instantiate(config.benchmark, _convert_="all")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["model_path=nowhere.ckpt", "benchmark.root=x"], "there is no network file at nowhere.ckpt"),
        (["model_path=x.ckpt", "benchmark=nothing"], "Could not find 'benchmark/nothing'"),
    ],
)
def test_the_command_ends_with_one_sentence(tmp_path: Path, words: list[str], said: str) -> None:
    done = command(tmp_path / "run", *words)
    assert done.returncode == 1
    assert said in (done.stdout + done.stderr).decode() and b"Traceback" not in done.stdout + done.stderr


@pytest.mark.slow
def test_sizes_are_fitted_as_the_key_says(files: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    faces = SyntheticFaces(8, 6, image_size=(48, 40))
    write_lfw(pairs_from_source(faces, folds=2, pairs_per_fold=20, name="lfw"), tmp_path / "lfw")
    chosen = ["benchmark=lfw", f"benchmark.root={tmp_path / 'lfw'}"]
    with pytest.raises(DataError, match=r"is 48x40, but 32x32 is made exactly of .* or add fit=resize"):
        judge_with(files, tmp_path / "refused", *chosen)
    with caplog.at_level("INFO"):
        report = judge_with(files, tmp_path / "resized", *chosen, "fit=resize")
    assert report["sets"]["lfw"]["pairs"] == 40 and "48x40, scaled and cut to 32x32" in caplog.text
