"""The command from arguments to files: what passes is kept, what fails is not."""

import json
from pathlib import Path

import pytest
from hydra.utils import instantiate

from mfn.commands.export import export
from mfn.commands.launch import plain_arguments
from mfn.config.compose import composed as of_words
from mfn.config.quoting import quoted_override
from mfn.errors import ConfigError, DataError, ExportError, MfnError
from mfn.inference.embedder import FaceEmbedder
from mfn.sources.encode import png
from mfn.synthetic.dataset import SyntheticFaces
from tests.composing import choices, composed
from tests.export.networks import faces, raw, small_checkpoint, small_network
from tests.scripts import run_script

FOLDERS = ("safetensors", "web")
QUICK = ("latency.rounds=2", "latency.threads=[1]", "latency.plain=false")


def run(folder: Path, *overrides: str) -> list[Path]:
    checkpoint = folder / "small.ckpt"
    if not checkpoint.exists():
        small_checkpoint(folder)
    config = composed(f"model_path={checkpoint}", *QUICK, *overrides, config="export")
    config.paths.output = str(folder / "out")
    return export(config)


@pytest.mark.slow
def test_a_checkpoint_becomes_proven_files(tmp_path: Path) -> None:
    kept = run(tmp_path, "target=[torchscript,torch_export]", "name=face")
    assert [path.name for path in kept] == ["face_torchscript_fp32.pt", "face_torch_export_fp32.pt2"]
    told = json.loads((tmp_path / "out" / "proof.json").read_text())
    assert [file["file"] for file in told["files"]] == [path.name for path in kept] and not told["failed"]
    assert told["files"][0]["parity"]["min_cosine"] > 0.9999 and told["latency"]["1"]["PyTorch"]["ratio"] == 1
    assert told["machine"]["processor"] and len(told["latency"]["1"]["PyTorch"]["samples"]) == 2
    assert told["files"][0]["latency"]["1"]["runtime"].startswith("PyTorch ")
    beside = json.loads(kept[0].with_name(kept[0].name + ".json").read_text())
    assert beside["proof"]["bytes"] == kept[0].stat().st_size and beside["checkpoint"] == told["checkpoint"]
    embeddings = FaceEmbedder.load(kept[0], trust_torchscript=True).raw(faces()).numpy()
    assert abs(embeddings - raw(small_network(), faces())).max() < 1e-4
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]


def test_a_kit_lies_beside_a_file_that_is_kept(tmp_path: Path) -> None:
    words = ("target=torchscript", "kit=true", "kit_faces=2", "latency.rounds=0")
    for _ in range(2):
        run(tmp_path, *words)
    kit = tmp_path / "out" / "small_torchscript_fp32_kit"
    assert (kit / "check.py").is_file() and len(list((kit / "calibration" / "images").iterdir())) == 2
    (kit / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match=r"mine\.txt, which `mfn export` did not write"):
        run(tmp_path, *words)
    with pytest.raises(ExportError, match="not kept"):
        run(tmp_path, *words, "name=other", "limits.max_bytes=1000")
    assert not (tmp_path / "out" / "other_torchscript_fp32_kit").exists()


def test_a_file_that_fails_its_proof_is_not_left_behind(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"not kept: small_torchscript_fp32\.pt \(.* limits\.max_bytes=1,000"):
        run(tmp_path, "target=torchscript", "limits.max_bytes=1000")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["proof.json"]


def test_another_files_failure_does_not_cost_a_good_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the tool is out of order\nsecond line")

    monkeypatch.setattr("mfn.export.targets.torch_export.TorchExportTarget.export", fail)
    with pytest.raises(ExportError, match=r"target=torch_export .*RuntimeError: the tool is out of order\)\)"):
        run(tmp_path, "target=[torch_export,torchscript]")
    assert (tmp_path / "out" / "small_torchscript_fp32.pt").is_file()


def test_what_is_asked_for_must_be_possible(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="precision=fp17 is not to be had"):
        run(tmp_path, "target=torchscript", "precision=fp17")
    with pytest.raises(ExportError, match=r"net\.bin must be a checkpoint"):
        run(tmp_path, "target=torchscript", "model_path=net.bin")
    with pytest.raises(ConfigError, match="max_size"):
        run(tmp_path, "target=torchscript", "+limits.max_size=3")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["input=int8"], "input=int8 does not fit: give float32 or uint8"),
        (["color=GBR"], "color=GBR does not fit: give RGB, BGR, or null"),
        (["l2_normalize=maybe"], "l2_normalize=maybe does not fit: give true or false"),
        (["precision=[]"], r"precision=\[\] does not fit: give one or several"),
        (["target=[]"], "precision=fp32 is not to be had: no target is chosen"),
        (["target.allow_missing=2"], r"target\.allow_missing=2 does not fit"),
        (["calibration_count=0"], "calibration_count=0 does not fit: give a whole number of at least 1"),
        (["kit=maybe"], "kit=maybe does not fit: give true or false"),
        (["kit_faces=0"], "kit_faces=0 does not fit: give a whole number of at least 1"),
        (["calibration=''"], "calibration= does not fit"),
        (["seed=-1"], "seed=-1 does not fit: give a whole number from 0"),
        (["folds=1"], "folds=1 does not fit: give a whole number of at least 2, or null"),
        (["flip=twice"], "flip=twice does not fit: give none, sum or concat"),
        (["batch_size=0", "batch_size=-3"], "batch_size=-3 does not fit"),
        (["limits.min_cosine=2"], r"limits\.min_cosine=2 does not fit: give a cosine"),
        (["limits.max_accuracy_drop=nan"], r"limits\.max_accuracy_drop=nan does not fit"),
        (["limits.max_bytes=-1"], r"limits\.max_bytes=-1 does not fit"),
        (["latency.rounds=-1"], r"latency\.rounds=-1 does not fit"),
        (["latency.threads=0"], r"latency\.threads=0 does not fit: give one or several whole numbers"),
        (["latency.threads=[]"], r"latency\.threads=\[\] does not fit"),
        (["+latency.round=5"], r"nothing goes by latency\.round"),
        (["+flips=sum"], "nothing goes by flips"),
        (["+target.onnx.prelus=relu"], r"target\.onnx\.prelus does not exist: OnnxTarget takes fp16"),
        (["+target.onnx.int8.range=minmax"], r"target\.onnx\.int8\.range does not exist: Int8Options takes"),
        (["target.onnx.int8.float_bytes=many"], r"target\.onnx\.int8\.float_bytes=many does not fit"),
        (["target.onnx.int8.balance=3"], r"target\.onnx\.int8\.balance=3\.0 must be null or from 0 to 1"),
        (["target.onnx.prelu=leaky"], r"target\.onnx\.prelu=leaky does not fit"),
        (["target.onnx.opset=3"], r"target\.onnx\.opset=3 must be from 10 to 23"),
        (["target=litert", "target.litert.batch=0"], r"target\.litert\.batch=0 must be at least 1"),
        (["target=litert", "target.litert.integer_only=int4"], r"must be uint8, int8 or int16, or null"),
        (
            ["target=litert", "precision=w8a16", "calibration=x", "target.litert.integer_only=uint8", "input=uint8"],
            r"precision=w8a16 with target\.litert\.integer_only=uint8 must be int8, alone or beside floats",
        ),
        (
            ["target=litert", "precision=int8", "calibration=x", "target.litert.integer_only=int8"],
            r"input=float32 with target\.litert\.integer_only=int8 must be uint8",
        ),
        (
            [
                *("target=litert", "precision=int8", "calibration=x", "target.litert.integer_only=int8"),
                *("input=uint8", "l2_normalize=true"),
            ],
            r"l2_normalize=true with target\.litert\.integer_only=int8 must be false",
        ),
        (
            [
                *("target=litert", "precision=int8", "calibration=x", "target.litert.integer_only=int8"),
                *("input=uint8", "target.litert.int8.max_float_layers=0"),
            ],
            r"max_float_layers and probes with .*integer_only=int8 must be their defaults: no layer",
        ),
        (
            ["target=litert", "precision=w8a16", "calibration=x", "target.litert.int8.coverage=0.5"],
            r"target\.litert\.int8\.coverage=0\.5 with precision=w8a16 must be 0\.9, its default",
        ),
        (
            ["target=ncnn", "target.ncnn.depthwise=int8"],
            r"precision=fp32 with target\.ncnn\.depthwise=int8 must be int8",
        ),
        (["target=ncnn", "target.ncnn.depthwise=int4"], r"target\.ncnn\.depthwise=int4 does not fit"),
        (["target=litert", "target.litert.per_tensor=true"], r"precision=fp32 with .*per_tensor=true must be int8 or"),
        (["target=litert", "+target.litert.int8.probes=0"], r"target\.litert\.int8\.probes=0 must be at least 1"),
        (["benchmark=lfw", "+benchmark.lfw.fold=3"], r"benchmark\.lfw\.fold does not exist"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_told_before_anything_is_read(tmp_path: Path, words: list[str], said: str) -> None:
    config = composed("model_path=missing.ckpt", *words, config="export")
    config.paths.output = str(tmp_path / "out")
    with pytest.raises(MfnError, match=said) as caught:
        export(config)
    assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()


@pytest.mark.slow
def test_paths_may_begin_with_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    small_checkpoint(tmp_path)
    for index, face in enumerate(faces(16)):
        (tmp_path / "people" / f"{index // 2}").mkdir(parents=True, exist_ok=True)
        (tmp_path / "people" / f"{index // 2}" / f"{index}.png").write_bytes(png(face))
    paths = {"model_path": "~/small.ckpt", "paths.output": "~/out", "calibration": "~/people"}
    typed = [quoted_override(key, path) for key, path in paths.items()]
    typed += ["name=0123", "precision=int8", "target.onnx.int8.balance=null"]
    typed += ["limits.min_cosine=0.5", "latency.rounds=0"]
    words = plain_arguments(typed, "export")
    assert export(of_words("export", words)) == [tmp_path / "out" / "0123_onnx_int8.onnx"]
    assert FaceEmbedder.load("~/out/0123_onnx_int8.onnx").contract == FaceEmbedder.load("~/small.ckpt").contract


@pytest.mark.slow
def test_the_command_ends_in_a_sentence_or_in_files(tmp_path: Path) -> None:
    small_checkpoint(tmp_path)
    words = ("model_path=small.ckpt", "target=torchscript,torch_export", "latency.rounds=0", "paths.output=out")
    run_script("export", *words, cwd=tmp_path)
    assert {path.name for path in (tmp_path / "out").glob("*.pt*") if path.suffix != ".json"} == {
        "small_torchscript_fp32.pt",
        "small_torch_export_fp32.pt2",
    }
    done = run_script("export", "model_path=small.ckpt", "precision=fp17", cwd=tmp_path, status=1)
    assert done.last_line.endswith("precision=fp17 is not to be had: target=onnx has fp32, fp16 or int8")
    swept = run_script("export", "-m", *words, "name=a,b", cwd=tmp_path)
    assert (tmp_path / "out" / "b_torchscript_fp32.pt").is_file(), swept.output


@pytest.mark.parametrize("name", [name for name in choices("target") if name != "all"])
def test_every_target_is_there_without_its_packages(name: str) -> None:
    target = instantiate(composed(f"target={name}", "model_path=unused", config="export").target[name])
    assert target.name == name and target.suffix[:1] == ("" if name in FOLDERS else ".") and target.precisions
    assert set(target.calibrated) <= set(target.precisions)
    everything = composed("target=all", "model_path=unused", config="export").target
    assert (name in everything) == (name != "web"), "a page may have to fetch its parts"


@pytest.mark.slow
def test_faces_of_another_size_are_refused_or_resized(tmp_path: Path) -> None:
    folder = tmp_path / "people" / "someone"
    folder.mkdir(parents=True)
    for number in range(8):
        (folder / f"{number}.png").write_bytes(png(SyntheticFaces(8, 1, (48, 40)).image(number)))
    words = ("target=torchscript", f"calibration={folder.parent}")
    with pytest.raises(ExportError, match=r"is 48x40, but 32x32 is made exactly of .* or add fit=resize"):
        run(tmp_path, *words)
    with pytest.raises(ConfigError, match="fit=squash"):
        run(tmp_path, *words, "fit=squash")
    assert [path.name for path in run(tmp_path, *words, "fit=resize")] == ["small_torchscript_fp32.pt"]
