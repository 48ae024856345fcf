"""Limits, parity and what is left out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mfn.contract import InputContract
from mfn.errors import ConfigError, ExportError
from mfn.export.faces import first_folds, parity_faces
from mfn.export.jobs import jobs
from mfn.export.latency import latencies
from mfn.export.limits import Limits
from mfn.export.network import ExportOptions, deployable
from mfn.export.parity import Parity, batches, parity
from mfn.export.target import Description, counted
from mfn.export.targets.onnx import OnnxTarget
from mfn.export.targets.torchscript import TorchScriptTarget
from mfn.export.validation import FileValidation, Reference, size_of
from mfn.inference.embedder import FaceEmbedder
from mfn.models.mobilefacenet import MobileFaceNet
from tests.export.networks import CONTRACT, SIZE, faces, raw, small_network
from tests.export.shallow import shallow_network
from tests.small_run import small_data


def proof(precision: str = "fp32", size: int = 1000, cosine: float = 1.0, accuracy: float = 0.9) -> FileValidation:
    close = Parity(0.0, cosine, cosine, {1: cosine})
    return FileValidation(
        "onnx", precision, "f.onnx", {"f.onnx": size}, Description("1"), close, {"lfw": {"accuracy": accuracy}}
    )


@pytest.fixture(scope="module")
def reference() -> Reference:
    made = Reference(small_network(), CONTRACT, faces(), {})
    made.judged = {"lfw": {"accuracy": 0.9}}
    return made


def test_a_file_within_its_limits(reference: Reference) -> None:
    assert Limits().broken(proof(), reference) == ()
    assert Limits().broken(proof("int8", cosine=0.95), reference) == ()


def test_a_file_of_integers_may_lose_less(reference: Reference) -> None:
    made = proof("int8", cosine=0.95, accuracy=0.897)
    assert not Limits().broken(made, reference)
    of_integers = replace(made, made_of=replace(made.made_of, integers={"image": {}, "embedding": {}}))
    assert "limits.max_accuracy_drop=0.002" in Limits().broken(of_integers, reference)[0]
    assert not Limits(max_accuracy_drop=0.005).broken(of_integers, reference)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (proof(size=10_000_000), "limits.max_bytes"),
        (proof(cosine=0.9), "limits.min_cosine=0.9999"),
        (proof("int8", cosine=0.8), "limits.min_cosine=0.9"),
        (proof(cosine=float("nan")), "limits.min_cosine"),
        (proof(accuracy=0.89), "accuracy 89.00 % on lfw"),
        (proof(accuracy=float("nan")), "accuracy"),
    ],
)
def test_a_broken_limit_is_named(reference: Reference, made: FileValidation, words: str) -> None:
    (told,) = Limits().broken(made, reference)
    assert words in told


def test_limits_of_the_papers_network() -> None:
    paper = type("Paper", (), {"parameters": 1_003_136, "layers": 83, "judged": {"lfw": {"accuracy": 0.9}}})()
    for precision, size in (("fp32", 4.2e6), ("fp16", 2.2e6), ("int8", 1.45e6)):
        assert not Limits().broken(proof(precision, int(size) - 1500), paper)
        assert Limits().broken(proof(precision, int(size)), paper)
    assert Limits(max_bytes=10).broken(proof(size=11), paper)
    assert counted_layers(MobileFaceNet(128)) == (paper.parameters, paper.layers)


def counted_layers(network: torch.nn.Module) -> tuple[int, int]:
    reference = Reference(network.eval(), InputContract(), parity_faces([], None, InputContract())[:2], {})
    return reference.parameters, reference.layers


@pytest.mark.slow
@pytest.mark.parametrize("network", [MobileFaceNet(64, SIZE, width=2.0), shallow_network()], ids=["wide", "shallow"])
def test_limits_fit_other_networks(network: torch.nn.Module, tmp_path: Path) -> None:
    """Files of a larger network, or of one with few layers, pass; everything twice is too much."""
    reference, target = Reference(network.eval(), CONTRACT, faces(), {}), OnnxTarget()
    reference.judged = {"lfw": {"accuracy": 0.9}}
    for precision in ("fp32", "int8"):
        made = deployable(network, CONTRACT, ExportOptions(precision=precision))
        size = size_of(target.export(made, tmp_path / f"{precision}.onnx", faces()))
        assert not Limits().broken(proof(precision, size), reference)
        assert Limits().broken(proof(precision, 2 * size), reference)


def test_parity_finds_the_worst_face_and_what_is_not_finite() -> None:
    network, images = small_network(), faces()
    embedder, expected = FaceEmbedder(network, CONTRACT), raw(network, images)
    assert parity(embedder, images, expected).min_cosine > 0.99999
    turned = expected.copy()
    turned[3] *= -1
    assert parity(embedder, images, turned).min_cosine == pytest.approx(-1)
    broken = FaceEmbedder(torch.nn.Sequential(network, torch.nn.Threshold(1e9, float("nan"))), CONTRACT)
    assert parity(broken, images, expected).min_cosine == -1
    assert batches(8) == [1, 2, 7, 8] and batches(64) == [1, 2, 7, 64]


def test_what_cannot_be_written_is_refused_or_left_out() -> None:
    targets = {"onnx": OnnxTarget(), "torchscript": TorchScriptTarget()}
    only = {"torchscript": targets["torchscript"]}
    found, left_out = jobs(targets, ["fp32"], allow_missing=True, calibrated=False)
    assert {job.target.name for job in found} | {text.split()[0].removeprefix("target=") for text in left_out} == set(
        targets
    )
    with pytest.raises(ExportError, match="precision=fp16 is not to be had: target=torchscript has fp32"):
        jobs(only, ["fp16"], allow_missing=False, calibrated=False)
    missing = TorchScriptTarget()
    missing.requires = (("no_such_module.part", "litert"),)
    sentence = r"target=torchscript needs no_such_module\.part: pip install 'mobilefacenet\[litert\]'"
    with pytest.raises(ExportError, match=sentence):
        jobs({"torchscript": missing}, ["fp32"], allow_missing=False, calibrated=False)
    assert jobs({"torchscript": missing}, ["fp32"], allow_missing=True, calibrated=False)[0] == []
    missing.requires, missing.precisions, missing.calibrated = (), ("int8",), ("int8",)
    with pytest.raises(ExportError, match="needs faces to calibrate on: calibration=DIR"):
        jobs({"torchscript": missing}, ["int8"], allow_missing=True, calibrated=False)


def test_faces_for_parity() -> None:
    (pairs,) = small_data().verification_sets.values()
    of_benchmark = parity_faces([pairs], None, CONTRACT)
    assert of_benchmark.shape == (min(64, len(pairs.source)), 32, 32, 3) and of_benchmark.dtype == np.uint8
    assert parity_faces([], faces(3), CONTRACT).shape[0] == 3
    drawn = parity_faces([], None, InputContract.for_size(48, 40))
    assert drawn.shape == (64, 48, 40, 3) and len({image.tobytes() for image in drawn}) == 64


def test_the_first_folds() -> None:
    (pairs,) = small_data().verification_sets.values()
    part = first_folds(pairs, 2)
    assert set(part.fold_of) == {0, 1} and len(part.pairs) == len(part.is_same) < len(pairs.pairs)
    kept = np.flatnonzero(pairs.fold_of < 2)
    for ours, theirs in zip(part.pairs, pairs.pairs[kept], strict=True):
        assert (part.source.image(int(ours[0])) == pairs.source.image(int(theirs[0]))).all()
    assert first_folds(pairs, None) is pairs
    with pytest.raises(ConfigError, match="at least 2"):
        first_folds(pairs, 1)


def test_latencies_run_every_contender_as_often() -> None:
    runs = {"one": 0, "other": 0}

    def step(name: str) -> None:
        runs[name] += 1

    told = latencies({name: lambda name=name: step(name) for name in runs}, rounds=5, warm_up=2)
    assert runs == {"one": 14, "other": 14} and told["one"].ratio == 1.0


def test_sizes_and_operators(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "weights").write_bytes(b"12345")
    (tmp_path / "file").write_bytes(b"123")
    assert size_of([tmp_path / "file", tmp_path / "package"]) == 8
    assert counted(["aten::conv2d", "aten.conv2d.default", "prim::Constant"]) == {"conv2d": 2}
