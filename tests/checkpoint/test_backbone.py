"""A file names a network of ours and no other code, and gets no more memory than its weights take."""

import resource
from typing import Any

import pytest
import torch
from torch import nn

from mfn.checkpoint.backbone import is_whole, stored_backbone
from mfn.errors import CheckpointError
from mfn.models.insightface import InsightFaceMBF
from mfn.models.mobilefacenet import MobileFaceNet

TARGET = "mfn.models.mobilefacenet.MobileFaceNet"
SMALL = {"_target_": TARGET, "embedding_dim": 16, "input_size": [32, 32], "width": 0.25}


@pytest.fixture(scope="module")
def state() -> dict[str, Any]:
    torch.manual_seed(0)
    return MobileFaceNet(16, (32, 32), width=0.25).state_dict()


def test_a_network_comes_back_with_its_weights(state: dict[str, Any]) -> None:
    network = stored_backbone(SMALL, state)
    assert type(network) is MobileFaceNet and not network.training
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert not any(value.is_meta for value in network.state_dict().values())


def test_the_other_backbones_come_back_too() -> None:
    arguments = {"embedding_dim": 8, "input_size": [32, 32], "blocks": [1, 1, 1, 1], "scale": 1}
    network = InsightFaceMBF(**arguments)
    again = stored_backbone({"_target_": "mfn.models.insightface.InsightFaceMBF", **arguments}, network.state_dict())
    assert type(again) is InsightFaceMBF


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "torch.nn.Sequential",
        "mfn.models_evil.Net",
        "mfn.models.mobilefacenet.nn",
        "mfn.models.mobilefacenet.OrderedDict",
        "mfn.models.mobilefacenet.ConvBlock",  # imported there, not its own
        "mfn.models.mobilefacenet.initialise",
        "mfn.models.layer_order.import_layer_order",
        "mfn.models.blocks.activation_layer",
        "mfn.models.blocks.nn.Sequential",
        "mfn.models.nothing.Net",
        "mfn.models.mobilefacenet.",
        "mfn.models.mobilefacenet",
        "",
        None,
        5,
        ["mfn.models.mobilefacenet.MobileFaceNet"],
    ],
)
def test_only_networks_that_a_module_of_ours_defines_are_built(target: object, state: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match=r"only classes of mfn\.models"):
        stored_backbone({**SMALL, "_target_": target}, state)


def test_a_block_is_no_backbone() -> None:
    block = {"_target_": "mfn.models.blocks.ConvBlock", "inputs": 3, "outputs": 4}
    state = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.BatchNorm2d(4), nn.PReLU(4)).state_dict()
    names = {"0": "conv", "1": "bn", "2": "act"}
    state = {f"{names[name[0]]}{name[1:]}": value for name, value in state.items()}
    with pytest.raises(CheckpointError, match="no backbone"):
        stored_backbone(block, state)


@pytest.mark.parametrize(
    "wrong",
    [
        {"embedding_dim": 10**9},
        {"embedding_dim": 10**6},
        {"input_size": [10**6, 10**6]},
        {"input_size": [60_000, 60_000]},
        {"width": 1e6},
        {"width": 5000.0},
        {"expansion": 1e5},
        {"_target_": "mfn.models.insightface.InsightFaceMBF", "blocks": [1, 10**6, 1, 1]},
        {"_target_": "mfn.models.insightface.InsightFaceMBF", "scale": 10**5},
    ],
)
def test_a_network_larger_than_the_files_weights_takes_no_memory(wrong: dict, state: dict[str, Any]) -> None:
    model = {**SMALL, **wrong}
    if "_target_" in wrong:
        model.pop("width")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError) as told:
        stored_backbone(model, state)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes
    assert "\n" not in str(told.value) and len(str(told.value)) < 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": float("nan")},
        {"width": float("inf")},
        {"width": 10**400},
        {"width": "0.25"},
        {"width": None},
        {"width": {"_target_": "os.system"}},
        {"input_size": [[32, 32], [32, 32]]},
        {"input_size": list(range(100))},
        {"input_size": 32},
        {"input_size": []},
        {"activation": "x" * 10**6},
        {"activation": "gelu"},
        {"dropout": 5},
        {"no_such_argument": 1},
        {5: 1},
    ],
)
def test_arguments_that_make_no_sense_are_told(wrong: dict, state: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError) as told:
        stored_backbone({**SMALL, **wrong}, state)
    assert "\n" not in str(told.value) and len(str(told.value)) < 400


def test_weights_of_another_shape_are_told_by_name(state: dict[str, Any]) -> None:
    name = "features.conv1.conv.weight"
    with pytest.raises(
        CheckpointError, match=rf"{name} is \(8, 3, 3, 3\) in the file and \(16, 3, 3, 3\) in the network"
    ):
        stored_backbone(SMALL, state | {name: torch.zeros(8, 3, 3, 3)})
    with pytest.raises(CheckpointError, match="is missing in the file"):
        stored_backbone(SMALL, {other: value for other, value in state.items() if other != name})
    with pytest.raises(CheckpointError, match=r"extra is \(1,\) in the file and missing in the network"):
        stored_backbone(SMALL, state | {"extra": torch.zeros(1)})


def test_tensors_that_claim_more_than_they_hold_are_refused(state: dict[str, Any]) -> None:
    name = "features.conv1.conv.weight"
    odd = [
        torch.zeros(1).expand(10**12),
        torch.zeros(16, 3, 3, 3, device="meta"),
        torch.zeros(16, 3, 3, 3).to_sparse(),
        torch.zeros(16, 3, 3, 3, dtype=torch.complex64),
        [1.0],
        "weights",
        None,
    ]
    for value in odd:
        with pytest.raises(CheckpointError, match=f"{name} in it is no plain tensor"):
            stored_backbone(SMALL, state | {name: value})
    assert is_whole(torch.zeros(4, 3).t()) and is_whole(torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last))
