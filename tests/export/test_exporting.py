"""The command from arguments to files: what passes is kept, what fails is not."""

import json
from pathlib import Path

import pytest
from hydra.utils import instantiate

from mfn.data.encode import png
from mfn.data.synthetic import SyntheticFaces
from mfn.errors import ConfigError, ExportError
from mfn.exporting import export, list_arguments
from mfn.inference.embedder import FaceEmbedder
from tests.composing import choices, composed
from tests.export.networks import faces, raw, small_checkpoint, small_network

QUICK = ("latency.rounds=2", "latency.threads=[1]", "latency.plain=false")


def run(folder: Path, *overrides: str) -> list[Path]:
    checkpoint = folder / "small.ckpt"
    if not checkpoint.exists():
        small_checkpoint(folder)
    config = composed(f"ckpt_path={checkpoint}", *QUICK, *overrides, config="export")
    config.paths.output = str(folder / "out")
    return export(config)


def test_a_checkpoint_becomes_proven_files(tmp_path: Path) -> None:
    kept = run(tmp_path, "target=[torchscript,torch_export]", "name=face")
    assert [path.name for path in kept] == ["face_torchscript_fp32.pt", "face_torch_export_fp32.pt2"]
    told = json.loads((tmp_path / "out" / "proof.json").read_text())
    assert [file["file"] for file in told["files"]] == [path.name for path in kept] and not told["failed"]
    assert told["files"][0]["parity"]["min_cosine"] > 0.9999 and told["latency"]["1"]["PyTorch"]["ratio"] == 1
    beside = json.loads(kept[0].with_name(kept[0].name + ".json").read_text())
    assert beside["proof"]["bytes"] == kept[0].stat().st_size and beside["checkpoint"] == told["checkpoint"]
    embeddings = FaceEmbedder.load(kept[0]).raw(faces()).numpy()
    assert abs(embeddings - raw(small_network(), faces())).max() < 1e-4
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]


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
        run(tmp_path, "target=torchscript", "ckpt_path=net.bin")
    with pytest.raises(ConfigError, match="max_size"):
        run(tmp_path, "target=torchscript", "+limits.max_size=3")


@pytest.mark.parametrize("name", [name for name in choices("target") if name != "all"])
def test_every_target_is_there_without_its_packages(name: str) -> None:
    target = instantiate(composed(f"target={name}", "ckpt_path=unused", config="export").target[name])
    assert target.name == name and target.suffix.startswith(".") and target.precisions
    assert set(target.calibrated) <= set(target.precisions)
    assert name in composed("target=all", "ckpt_path=unused", config="export").target


def test_lists_need_no_brackets() -> None:
    typed = ["target=onnx,litert", "precision=[fp32,int8]", "name=a,b", "benchmark=lfw", "target.onnx.prelu=relu"]
    assert list_arguments(typed) == ["target=[onnx,litert]", *typed[1:]]


def test_faces_of_another_size_are_refused_or_resized(tmp_path: Path) -> None:
    folder = tmp_path / "people" / "someone"
    folder.mkdir(parents=True)
    for number in range(8):
        (folder / f"{number}.png").write_bytes(png(SyntheticFaces(8, 1, (48, 40)).image(number)))
    words = ("target=torchscript", f"calibration={folder.parent}")
    with pytest.raises(ExportError, match=r"is 48x40, but 32x32 is made exactly of .* or add fit=resize"):
        run(tmp_path, *words)
    with pytest.raises(ConfigError, match="fit=squash must be one of exact, resize"):
        run(tmp_path, *words, "fit=squash")
    assert [path.name for path in run(tmp_path, *words, "fit=resize")] == ["small_torchscript_fp32.pt"]
