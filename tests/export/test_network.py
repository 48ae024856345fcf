"""What goes into a file is the trained function, whatever is asked for."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from mfn.errors import ExportError
from mfn.export.network import ExportOptions, deployable
from mfn.export.prelu import with_prelu
from tests.export.networks import CONTRACT, faces, raw, small_deployable, small_network


@pytest.mark.parametrize("input", ["float32", "uint8"])
@pytest.mark.parametrize("color", [None, "RGB", "BGR"])
@pytest.mark.parametrize("unit", [False, True])
def test_the_function_stays(input: str, color: str | None, unit: bool) -> None:
    network, images = small_network(), faces()
    made = deployable(network, CONTRACT, ExportOptions(input=input, color=color, l2_normalize=unit))
    with torch.no_grad():
        given = made.network(made.inputs(images)).numpy()
    expected = raw(network, images)
    if unit:
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.abs(given - expected).max() < 1e-4 * np.abs(expected).max()
    assert made.contract.color == (color or "RGB")
    assert made.inputs(images).dtype == (torch.uint8 if input == "uint8" else torch.float32)


def test_nothing_of_training_is_left_and_the_backbone_is_not_touched() -> None:
    network = small_network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    made = deployable(network, CONTRACT, ExportOptions(color="BGR"))
    assert not [m for m in made.network.modules() if isinstance(m, nn.BatchNorm2d | nn.Dropout)]
    assert not any(p.requires_grad for p in made.network.parameters())
    assert all((before[name] == value).all() for name, value in network.state_dict().items())


@pytest.mark.parametrize("form", ["native", "relu", "maxmin"])
def test_every_form_of_prelu_is_the_same_function(form: str) -> None:
    made = small_deployable()
    x = made.inputs(faces())
    with torch.no_grad():
        given, expected = with_prelu(made.network, form)(x), made.network(x)
    assert torch.allclose(given, expected, atol=2e-4)
    assert (sum(isinstance(m, nn.PReLU) for m in with_prelu(made.network, form).modules()) > 0) == (form == "native")


def test_options_that_make_no_sense() -> None:
    with pytest.raises(ExportError, match="input=int16"):
        ExportOptions(input="int16")
    with pytest.raises(ExportError, match="color=GBR"):
        ExportOptions(color="GBR")
    grey = nn.Sequential(nn.Conv2d(1, 4, 1))
    with pytest.raises(ExportError, match="convolution of 3 channels"):
        deployable(grey, CONTRACT, ExportOptions(color="BGR"))


def test_turned_colours_turn_mean_and_std_too() -> None:
    made = small_deployable(color="BGR")
    assert made.contract == dataclasses.replace(CONTRACT, color="BGR", mean=CONTRACT.mean[::-1], std=CONTRACT.std[::-1])
