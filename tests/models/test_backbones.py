from pathlib import Path

import numpy as np
import pytest
import torch

from mfn.errors import ConfigError
from mfn.inference.embedder import FaceEmbedder
from mfn.models.blocks import InvertedResidual
from mfn.models.count import network_size
from mfn.models.insightface import InsightFaceMBF
from mfn.models.layer_order import import_layer_order
from mfn.models.mobilefacenet import MobileFaceNet


def test_paper_network_has_the_papers_size() -> None:
    size = network_size(MobileFaceNet(), (112, 112))
    assert size.parameters == 1_003_136
    assert size.multiply_adds == 220_965_376
    assert size.megabytes == pytest.approx(4.09, abs=0.01)


def test_insightface_networks_have_their_size() -> None:
    size = network_size(InsightFaceMBF(), (112, 112))
    assert (size.parameters, size.multiply_adds) == (2_059_520, 437_520_896)
    large = InsightFaceMBF(blocks=(2, 8, 12, 4), scale=4)
    assert sum(isinstance(m, InvertedResidual) for m in large.modules()) == 2 + 1 + 8 + 1 + 12 + 1 + 4


def test_multiply_adds_follow_from_the_layers() -> None:
    # by hand: a 3x3 convolution 3 -> 8 at stride 2 on 16x16, then a linear layer on its mean
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, 2, 1),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(8, 5),
    )
    assert network_size(network, (16, 16)).multiply_adds == 8 * 8 * 8 * 27 + 40


@pytest.mark.parametrize(("size", "kernel"), [((112, 112), (7, 7)), ((112, 96), (7, 6)), ((96, 96), (6, 6))])
def test_global_kernel_follows_the_input_size(size: tuple[int, int], kernel: tuple[int, int]) -> None:
    network = MobileFaceNet(embedding_dim=64, input_size=size).eval()
    assert network.output.gdc.conv.kernel_size == kernel
    assert network(torch.zeros(2, 3, *size)).shape == (2, 64)


def parameters_by_hand(width: float = 1, expansion: float = 1, embedding: int = 128, slopes: bool = True) -> int:
    """Table 1 of the paper, summed with pencil and paper: weights, two numbers per BN, slopes per PReLU."""
    bn, act = 2, 2 + slopes
    stem = int(64 * width)
    total = 27 * stem + act * stem + 9 * stem + act * stem
    inputs = stem
    for t, c, n, _ in ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1)):
        outputs = int(c * width)
        for _ in range(n):
            hidden = int(inputs * t * expansion)
            total += inputs * hidden + act * hidden + 9 * hidden + act * hidden + hidden * outputs + bn * outputs
            inputs = outputs
    wide = int(512 * width)
    return total + inputs * wide + act * wide + 49 * wide + bn * wide + wide * embedding + bn * embedding


@pytest.mark.parametrize(
    ("option", "by_hand"),
    [
        ({}, {}),
        ({"width": 0.5}, {"width": 0.5}),
        ({"expansion": 2.0}, {"expansion": 2}),
        ({"activation": "relu"}, {"slopes": False}),
        ({"embedding_dim": 512}, {"embedding": 512}),
    ],
)
def test_options_change_the_network(option: dict, by_hand: dict) -> None:
    assert network_size(MobileFaceNet(**option), (112, 112)).parameters == parameters_by_hand(**by_hand)


def test_dropout_and_zero_init_do_what_they_say() -> None:
    network = MobileFaceNet(dropout=0.5, zero_init_residual=True)
    x = torch.randn(4, 3, 112, 112)
    assert not torch.equal(network(x), network(x))
    block = next(m for m in network.modules() if isinstance(m, InvertedResidual) and m.residual)
    feature = torch.randn(1, block.project.conv.out_channels, 7, 7)
    assert torch.equal(block.eval()(feature), feature)


@pytest.mark.parametrize(
    "wrong",
    [{"dropout": 1.0}, {"activation": "gelu"}, {"width": 0}, {"bn_momentum": 0}, {"input_size": (8, 8)}],
)
def test_nonsense_is_refused(wrong: dict) -> None:
    with pytest.raises(ConfigError, match="model"):
        MobileFaceNet(**wrong)


def test_weights_trained_by_others_give_their_embeddings(shared: Path) -> None:
    network, arguments, contract = import_layer_order(shared / "weights" / "y1.npz")
    golden = np.load(shared / "weights" / "y1_golden.npz")
    embeddings = FaceEmbedder(network, contract).raw(golden["x"]).numpy()
    np.testing.assert_allclose(embeddings, golden["y_mxnet"], atol=1e-4)
    assert contract.std == (128.0, 128.0, 128.0)
    assert arguments == {"embedding_dim": 128, "input_size": (112, 112)}
