"""Networks of ours, written as others write theirs, come back as the same function."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from mfn.contract import InputContract
from mfn.errors import CheckpointError
from mfn.export.network import ExportOptions, deployable
from mfn.export.targets.onnx import OnnxTarget
from mfn.importing.comparison import compare
from mfn.importing.importer import import_file
from mfn.models.ghostfacenet import GhostFaceNet
from mfn.models.insightface import InsightFaceMBF
from mfn.models.iresnet import IResNet
from mfn.models.mixfacenet import MixFaceNet
from mfn.models.mobilefacenet import MobileFaceNet
from mfn.models.sface import SFaceNet

Made = tuple[type[nn.Module], dict[str, Any]]

VARIANTS: dict[str, Made] = {
    "paper": (MobileFaceNet, {}),
    "112x96": (MobileFaceNet, {"input_size": (112, 96)}),
    "192-d": (MobileFaceNet, {"embedding_dim": 192}),
    "half as wide": (MobileFaceNet, {"width": 0.5, "embedding_dim": 512}),
    "relu": (MobileFaceNet, {"activation": "relu"}),
    "relu6": (MobileFaceNet, {"activation": "relu6"}),
    "linear stem": (MobileFaceNet, {"stem_pointwise": "linear"}),
    "active stem": (MobileFaceNet, {"stem_pointwise": "active"}),
    "relu in the stem": (
        MobileFaceNet,
        {"activation": "relu6", "stem_activation": "relu", "stem_pointwise": "active"},
    ),
    "sirius": (
        MobileFaceNet,
        {"embedding_dim": 192, "stem_pointwise": "linear", "between": 512, "padding": "tensorflow"},
    ),
    "mbf": (InsightFaceMBF, {}),
}
LARGE: dict[str, Made] = {
    "iresnet18": (IResNet, {"depth": 18}),
    "sface": (SFaceNet, {}),
}
NAMED: dict[str, Made] = {  # whose branches only their names tell
    "ghostfacenet": (GhostFaceNet, {"embedding_dim": 256}),
    "mixfacenet": (MixFaceNet, {"width": 0.5, "last_channels": 512}),
}


def trained(made: Made) -> nn.Module:
    """A network whose every number is its own, statistics too."""
    torch.manual_seed(0)
    network = made[0](**made[1])
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
                assert module.running_mean is not None and module.running_var is not None
                module.running_mean.copy_(0.2 * torch.randn(module.num_features, generator=generator))
                module.running_var.copy_(0.5 + torch.rand(module.num_features, generator=generator))
                module.weight.copy_(0.5 + torch.rand(module.num_features, generator=generator))
                module.bias.copy_(0.2 * torch.randn(module.num_features, generator=generator))
            elif isinstance(module, nn.PReLU):
                module.weight.copy_(torch.rand(module.num_parameters, generator=generator))
    return network.eval()


def same(one: nn.Module, other: nn.Module, size: tuple[int, int]) -> bool:
    images = torch.rand(3, 3, *size, generator=torch.Generator().manual_seed(2)) * 2 - 1
    with torch.no_grad():
        a, b = one(images).numpy(), other(images).numpy()
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    return a.shape == b.shape and bool(cosine.min() > 0.99999) and abs(a - b).max() < 1e-3 * abs(a).max()


def size_of(made: Made) -> tuple[int, int]:
    return made[1].get("input_size", (112, 112))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*VARIANTS, *LARGE])
def test_onnx(name: str, tmp_path: Path) -> None:
    made = {**VARIANTS, **LARGE}[name]
    network = trained(made)
    contract = InputContract.for_size(*size_of(made), embedding_dim=network.embedding_dim)
    file = tmp_path / "net.onnx"
    OnnxTarget().export(deployable(network, contract, ExportOptions()), file, None)
    found = import_file(file)
    assert type(found.network) is made[0]
    assert same(found.network, network, size_of(made))
    assert {key: found.arguments.get(key) for key in made[1]} == made[1]
    agreement = compare(file, found)
    assert agreement is not None and agreement.cosine > 0.9999
    if name == "paper":
        found.network.get_parameter("output.embed.conv.weight").data += 0.3
        with pytest.raises(CheckpointError, match="gives other embeddings than onnxruntime does"):
            compare(file, found)


@pytest.mark.slow
def test_onnx_that_normalises_pixels_inside(tmp_path: Path) -> None:
    network = trained(VARIANTS["paper"])
    contract = InputContract.for_size(112, 112, embedding_dim=128, mean=(120.0, 110.0, 100.0), std=(60.0, 61.0, 62.0))
    file = tmp_path / "net.onnx"
    OnnxTarget().export(deployable(network, contract, ExportOptions(input="uint8")), file, None)
    found = import_file(file)
    assert found.mean == pytest.approx((120, 110, 100), abs=0.01) and found.std == pytest.approx((60, 61, 62), abs=0.01)
    assert same(found.network, network, (112, 112))


def with_prefix(prefix: str) -> Callable[[dict[str, Tensor]], Any]:
    return lambda state: {prefix + name: value for name, value in state.items()}


WRAPPED: dict[str, Callable[[dict[str, Tensor]], Any]] = {
    "as it is": lambda state: state,
    "module.": with_prefix("module."),
    "model.": with_prefix("model."),
    "backbone.": with_prefix("backbone."),
    "_orig_mod.": with_prefix("_orig_mod."),
    "module._orig_mod.backbone.": with_prefix("module._orig_mod.backbone."),
    "state_dict": lambda state: {"epoch": 3, "state_dict": state},
    "a Lightning checkpoint with a head": lambda state: {
        "state_dict": {**with_prefix("model.backbone.")(state), "head.weight": torch.zeros(90, 128)},
        "hyper_parameters": {"lr": 0.1},
    },
}


@pytest.mark.parametrize("form", WRAPPED)
def test_pytorch_files_of_any_form(form: str, tmp_path: Path) -> None:
    network = trained(VARIANTS["paper"])
    torch.save(WRAPPED[form](network.state_dict()), tmp_path / "net.pth")
    found = import_file(tmp_path / "net.pth")
    assert same(found.network, network, (112, 112)) and not found.guessed


def foreign_names(network: nn.Module) -> dict[str, Tensor]:
    """The same tensors in the same order under names that mfn has never seen."""
    modules: dict[str, int] = {}
    state = {}
    for name, value in network.state_dict().items():
        module, _, part = name.rpartition(".")
        state[f"layers.{modules.setdefault(module, len(modules))}.{part}"] = value
    return state


UNTOLD = ("sirius", "relu in the stem")
"""How TensorFlow pads, and which ReLU is which, only a graph tells."""


@pytest.mark.parametrize("name", [name for name in VARIANTS if name not in UNTOLD])
def test_names_do_not_matter(name: str, tmp_path: Path) -> None:
    network = trained(VARIANTS[name])
    torch.save(foreign_names(network), tmp_path / "net.pt")
    activation = VARIANTS[name][1].get("activation")
    found = import_file(tmp_path / "net.pt", activation if activation != "prelu" else None)
    assert same(found.network, network, size_of(VARIANTS[name]))


def test_safetensors_and_a_row_for_each_class(tmp_path: Path) -> None:
    network = trained(VARIANTS["paper"])
    state = {f"net.{name}": value.contiguous() for name, value in network.state_dict().items()}
    save_file(state, tmp_path / "net.safetensors")
    assert same(import_file(tmp_path / "net.safetensors").network, network, (112, 112))
    torch.save({**foreign_names(network), "margin.weight": torch.randn(85, 128)}, tmp_path / "net.pt")
    assert same(import_file(tmp_path / "net.pt").network, network, (112, 112))


@pytest.mark.parametrize("name", [*LARGE, *NAMED])
def test_networks_of_many_branches_by_their_names(name: str, tmp_path: Path) -> None:
    made = {**LARGE, **NAMED}[name]
    network = trained(made)
    torch.save(with_prefix("module.")(network.state_dict()), tmp_path / "net.pth")
    found = import_file(tmp_path / "net.pth")
    assert type(found.network) is made[0] and same(found.network, network, (112, 112))


def test_blocks_may_be_stored_in_another_order(tmp_path: Path) -> None:
    network = trained(VARIANTS["paper"])
    parts = {"stem": "features.conv1.", "dw": "features.dw1.", "last": "features.conv2.", "body": "features.stage"}
    state: dict[str, Tensor] = {}
    for name in ("stem", "dw", "last", "body"):  # foamliu's order: the last convolution before the body
        for key, value in network.state_dict().items():
            if key.startswith(parts[name]):
                state[f"{name}.{key.removeprefix('features.')}"] = value
    state |= {re.sub(r"^output\.", "", key): value for key, value in network.state_dict().items() if "output" in key}
    torch.save(state, tmp_path / "net.pt")
    assert same(import_file(tmp_path / "net.pt").network, network, (112, 112))


def test_a_bias_goes_into_the_normalisation_behind_it(tmp_path: Path) -> None:
    network = trained(VARIANTS["paper"])
    state = foreign_names(network)
    last = [name for name, value in state.items() if value.ndim == 4][-1]
    bias = torch.randn(128)
    with_bias: dict[str, Tensor] = {}
    for name, value in state.items():
        with_bias[name] = value
        if name == last:
            with_bias[name.replace("weight", "bias")] = bias
    torch.save(with_bias, tmp_path / "net.pt")
    network.get_buffer("output.embed.bn.running_mean").sub_(bias)
    assert same(import_file(tmp_path / "net.pt").network, network, (112, 112))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"x.weight": torch.zeros(3, 3)}, "too few for a network known here"),
        ({"x": 3}, "holds no weights of a network"),
        ({f"a.{i}.weight": torch.zeros(8, 8, 3, 3) for i in range(9)}, "those of no network known here"),
        ([1, 2], "holds a list"),
    ],
)
def test_files_that_hold_no_network_known_here(content: object, says: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "net.pt")
    with pytest.raises(CheckpointError, match=says):
        import_file(tmp_path / "net.pt")


def test_a_layer_of_another_shape_is_told(tmp_path: Path) -> None:
    state = foreign_names(trained(VARIANTS["paper"]))
    wrong = next(name for name, value in state.items() if value.shape == (128, 1, 3, 3))
    state[wrong] = torch.zeros(128, 1, 5, 5)
    torch.save(state, tmp_path / "net.pt")
    with pytest.raises(CheckpointError, match=r"net\.pt: its 50 convolutions .* no network known here"):
        import_file(tmp_path / "net.pt")


@pytest.mark.parametrize("suffix", [".onnx", ".tflite", ".params", ".pt", ".safetensors", ".param", ".xyz", ".bin"])
@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 40, b"TFL3" * 50, b"\x12\x01" + bytes(6) + b"\xff" * 60, b"7767517\n1 1\n"]
)
def test_damaged_files_are_named_and_nothing_else_happens(suffix: str, content: bytes, tmp_path: Path) -> None:
    file = tmp_path / f"net{suffix}"
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"net\."):
        import_file(file)
    with pytest.raises(CheckpointError, match="there is no file"):
        import_file(tmp_path / f"other{suffix}")


def test_a_pickle_that_names_code_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "touched",))

    torch.save({"state_dict": Evil()}, tmp_path / "net.pt")
    with pytest.raises(CheckpointError, match=r"net\.pt cannot be read"):
        import_file(tmp_path / "net.pt")
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("lines", ["Convolution conv 0 1 out 0=4 1=1 6=12", "Noop same 0 1 out"])
def test_layers_that_do_not_fit_together_are_told(lines: str, tmp_path: Path) -> None:
    (tmp_path / "net.param").write_text(f"7767517\n2 2\nInput image 0 1 image 0=16 1=16 2=3\n{lines}\n")
    (tmp_path / "net.bin").write_bytes(bytes(4 + 48) if "conv" in lines else b"")
    with pytest.raises(CheckpointError, match=r"net\.param: its layers do not fit together"):
        import_file(tmp_path / "net.param")
