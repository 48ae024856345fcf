"""Every network of conf/model: its published size, two steps of training, and the same embeddings from ONNX."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from mfn.checkpoint.backbone import stored_backbone
from mfn.config.build import build
from mfn.contract import InputContract
from mfn.errors import ConfigError
from mfn.export.network import ExportOptions, deployable
from mfn.export.targets.onnx import OnnxTarget
from mfn.heads.arcface import ArcFaceHead
from mfn.inference.onnx_network import OnnxNetwork
from mfn.models.count import network_size
from mfn.models.timm_backbone import TimmBackbone
from mfn.training.assembly import model_alone
from mfn.training.checking import check
from mfn.training.parameter_groups import parameter_groups
from tests.composing import choices, composed

PUBLISHED = {  # parameters in millions, as their authors count them, and multiply-adds in millions where they give them
    "mobilefacenet": (1.003, 221),
    "mbf": (2.06, 437),
    "iresnet18": (24.03, 2610),
    "iresnet34": (34.14, 4460),
    "iresnet50": (43.59, 6310),
    "iresnet100": (65.15, 12100),
    "mixfacenet_s": (3.07, 218),  # 451.7 MFLOPs, counted as two for each
    "mixfacenet_xs": (1.04, 77),  # 161.9 MFLOPs likewise
    "edgeface_xxs": (1.24, 47),  # 94.7 MFLOPs likewise
    "edgeface_xs": (1.77, 76),  # 154.0 MFLOPs likewise
    "ghostfacenet": (4.04, 59),  # 60.3 M with batch normalisation
    "sface": (9.64, 574),
}
SMALL = [
    *("mobilefacenet", "mbf", "mixfacenet_xs", "mixfacenet_s", "ghostfacenet", "edgeface_xxs", "edgeface_xs"),
    *("mobilenetv1_100", "mobilenetv2_100", "mobilenetv3_small_100", "mobilenetv3_large_100", "efficientnet_lite0"),
    *("mnasnet_small", "mnasnet_100", "semnasnet_100", "ghostnet_100", "mobilenetv4_conv_small", "fastvit_t8"),
    *("edgenext_xx_small", "repvit_m0_9", "starnet_s1", "mobileone_s0"),
]
SOME = ["iresnet18", "sface", "inception_v3"]
"""Of the large families; ``--all-networks`` takes all."""
ALL = [name for name in choices("model") if name != "timm"]


def config_of(name: str, *more: str, size: int = 112) -> DictConfig:
    return composed(f"model={name}", f"image_size=[{size},{size}]", *more)


def network_of(name: str, *more: str, size: int = 112) -> nn.Module:
    torch.manual_seed(0)
    return build(model_alone(config_of(name, *more, size=size)))


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_network_has_its_published_size(name: str) -> None:
    parameters, multiply_adds = PUBLISHED[name]
    size = network_size(network_of(name), (112, 112))
    assert size.parameters / 1e6 == pytest.approx(parameters, rel=0.002, abs=0.005)
    assert size.multiply_adds / 1e6 == pytest.approx(multiply_adds, rel=0.01)


def trained_and_exported(name: str, folder: Path, size: int) -> None:
    """Two steps, then the stored description, then ONNX: all three are one function."""
    config = config_of(name, size=size)
    network = network_of(name, size=size)
    head = ArcFaceHead(network.embedding_dim, 4, scale=16)
    groups = parameter_groups(network, head, 0.01, 0.02, 0.01)
    assert sum(len(group["params"]) for group in groups) == sum(
        p.requires_grad for p in [*network.parameters(), *head.parameters()]
    )
    optimizer = torch.optim.SGD(groups)
    images = torch.from_numpy(np.random.default_rng(0).normal(size=(4, 3, size, size)).astype(np.float32))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            module.momentum = 1.0  # statistics that fit after a step; a deep network overflows with others
    before = {key: value.clone() for key, value in network.state_dict().items()}
    for _ in range(2):
        optimizer.zero_grad()
        head(network(images), torch.arange(4)).loss.backward()
        optimizer.step()
    assert all(value.isfinite().all() for value in network.state_dict().values())
    moved = [not torch.equal(before[key], value) for key, value in network.state_dict().items() if value.ndim > 1]
    assert np.mean(moved) > 0.9

    network.eval()
    again = stored_backbone(OmegaConf.to_container(model_alone(config), resolve=True), network.state_dict())
    with torch.no_grad():
        expected = network(images).numpy()
        np.testing.assert_array_equal(again(images).numpy(), expected)
    contract = InputContract.for_size(size, size, embedding_dim=network.embedding_dim)
    file = folder / "net.onnx"
    OnnxTarget().export(deployable(network, contract, ExportOptions()), file, None)
    ours = OnnxNetwork(file)(images).numpy()
    cosine = (ours * expected).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosine.min() > 0.9999
    np.testing.assert_allclose(ours, expected, atol=2e-3 * np.abs(expected).max())


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_small_network_trains_and_comes_back_equal(name: str, tmp_path: Path) -> None:
    trained_and_exported(name, tmp_path, 112)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in ALL if name not in SMALL])
def test_a_large_network_trains_and_comes_back_equal(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if name not in SOME and not request.config.getoption("--all-networks"):
        pytest.skip("takes long: add --all-networks")
    trained_and_exported(name, tmp_path, 112)


@pytest.mark.parametrize("neck", ["pooled", "gdc", "fc"])
@pytest.mark.parametrize("stem", ["null", "1"])
def test_necks_and_stems_of_a_network_of_timm(neck: str, stem: str) -> None:
    network = network_of("mnasnet_small", f"model.neck={neck}", f"model.stem_stride={stem}", size=64)
    with torch.no_grad():
        assert network.eval()(torch.zeros(2, 3, 64, 64)).shape == (2, 512)
        maps = network.network(torch.zeros(1, 3, 64, 64))
    assert maps.shape[2:] == {"null": (2, 2), "1": (4, 4)}[stem] if neck != "pooled" else maps.ndim == 2
    last = [name for name, _ in network.named_parameters() if name.startswith(network.last_layers)]
    assert last and all(name.startswith("output") for name in last)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["model=timm"], "model.name"),
        (["model=timm", "model.name=mobilenet_9"], r"model\.name=mobilenet_9 is no network of timm"),
        (["model=timm", "model.name=hf-hub:timm/resnet18"], "is no network of timm"),
        (["model=timm", "model.name=mnasnet_smal"], r"is no network of timm .*there are .*mnasnet_small"),
        (["model=mnasnet_small", "model.neck=flat"], r"model\.neck"),
        (["model=mnasnet_small", "model.stem_stride=3"], r"model\.stem_stride"),
        (["model=mnasnet_small", "model.dropout=1"], r"model\.dropout"),
        (["model=mnasnet_small", "model.low_rank=2"], r"model\.low_rank"),
        (["model=timm", "model.name=vit_tiny_patch16_224", "model.neck=gdc"], r"choose model\.neck=pooled"),
        (["model=inception_v3", "image_size=[32,32]"], r"model\.name=inception_v3 cannot take images of 32x32"),
        (["model=ghostfacenet", "model.stem_stride=4"], r"model\.stem_stride"),
        (["model=iresnet50", "model.depth=51"], r"model\.depth one of 18, 34, 50, 100"),
        (["model=mixfacenet_xs", "model.width=0"], r"model\.width"),
        (["model=mnasnet_small", "model.pretrained=perhaps"], r"model\.pretrained"),
        (
            ["model=mnasnet_small", "model.pretrained=true"],
            r"contract\.mean=\[123\.675,116\.28,103\.53\] contract\.std",
        ),
        (
            ["model=mnasnet_small", "model.pretrained_path=nothing.bin"],
            r"model\.pretrained_path=nothing.bin does not exist",
        ),
        (["model=efficientnet_lite4", "model.pretrained=true"], "timm has no weights|contract.mean"),
        (["model=mobilefacenet", "+model.pretrained=true"], "pretrained"),
    ],
)
def test_nonsense_is_told_before_data_is_read(words: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        check(composed(*words))


PIXELS = ["contract.mean=[123.675,116.28,103.53]", "contract.std=[58.395,57.12,57.375]"]


def test_first_weights_come_from_a_file_and_are_not_stored(tmp_path: Path) -> None:
    from mfn.data.datamodule import FaceDataModule
    from mfn.training.assembly import build_recognizer
    from tests.small_run import small_data

    source = timm.create_model("mnasnet_small")
    file = tmp_path / "weights.bin"
    torch.save(source.state_dict(), file)
    config = check(config_of("mnasnet_small", f"model.pretrained_path={file}", *PIXELS, size=64))
    data: FaceDataModule = small_data()
    torch.manual_seed(5)
    recognizer = build_recognizer(config, data)
    for key, value in recognizer.backbone.network.state_dict().items():
        assert torch.equal(source.state_dict()[key], value)
    assert not {"pretrained", "pretrained_path"} & recognizer.metadata.model.keys()
    assert recognizer.metadata.model["name"] == "mnasnet_small"


def test_a_file_that_holds_no_such_weights_is_named(tmp_path: Path) -> None:
    file = tmp_path / "weights.bin"
    torch.save({"something": torch.zeros(3)}, file)
    network = network_of("mnasnet_small", size=64)
    assert isinstance(network, TimmBackbone)
    with pytest.raises(ConfigError, match=r"weights\.bin holds no weights of mnasnet_small"):
        network.load_pretrained(file)


def test_branches_of_training_are_gone_from_what_is_used() -> None:
    network = network_of("mobileone_s0", size=64).eval()
    network.requires_grad_(False)
    used = deployable(network, InputContract.for_size(64, 64, embedding_dim=512), ExportOptions()).network
    images = torch.randn(2, 3, 64, 64)
    expected = network(images)
    torch.testing.assert_close(used(images), expected, rtol=0, atol=1e-3 * expected.abs().max().item())
    count = lambda net: sum(isinstance(m, nn.BatchNorm2d) for m in net.modules())  # noqa: E731
    assert count(used) < count(network) / 5
    assert count(network) > 20  # it is not changed
