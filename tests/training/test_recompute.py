"""Blocks that are computed twice: the same network in less memory."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from mfn.errors import ConfigError
from mfn.models.ghostfacenet import GhostFaceNet
from mfn.models.insightface import InsightFaceMBF
from mfn.models.iresnet import IResNet
from mfn.models.mixfacenet import MixFaceNet
from mfn.models.mobilefacenet import MobileFaceNet
from mfn.models.timm_backbone import TimmBackbone
from mfn.training.recompute import recompute_blocks

NETWORKS = {
    "mobilefacenet": lambda: MobileFaceNet(16, width=0.25, input_size=(32, 32), dropout=0.3),
    "mbf": lambda: InsightFaceMBF(16, input_size=(32, 32)),
    "ghostfacenet": lambda: GhostFaceNet(16, input_size=(32, 32)),
    "mixfacenet": lambda: MixFaceNet(16, input_size=(32, 32)),
    "iresnet18": lambda: IResNet(embedding_dim=16, input_size=(32, 32)),
    "timm": lambda: TimmBackbone("mobilenetv3_small_050", 16, input_size=(32, 32)),
}


def kept(network: nn.Module, images: Tensor) -> int:
    """Bytes that a forward pass keeps for the way back, weights aside."""
    sizes: dict[int, int] = {}
    weights = {each.untyped_storage().data_ptr() for each in (*network.parameters(), *network.buffers())}

    def note(tensor: Tensor) -> Tensor:
        place = tensor.untyped_storage().data_ptr()
        if place not in weights:
            sizes[place] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        network(images).sum()
    return sum(sizes.values())


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_network_in_less_memory(name: str) -> None:
    torch.manual_seed(0)
    plain = NETWORKS[name]().train()
    again = deepcopy(plain)
    recompute_blocks(again)
    assert again.state_dict().keys() == plain.state_dict().keys()
    images = torch.randn(4, 3, 32, 32)
    assert kept(deepcopy(again), images) < 0.7 * kept(deepcopy(plain), images)
    for network in (plain, again):
        torch.manual_seed(1)
        for _ in range(2):
            network(images).square().sum().backward()
    for (key, one), other in zip(plain.named_parameters(), again.parameters(), strict=True):
        assert one.grad is other.grad is None or one.grad.equal(other.grad), key
    for (key, one), other in zip(plain.state_dict().items(), again.state_dict().values(), strict=True):
        assert one.equal(other), key  # running statistics have seen each batch once
    average = deepcopy(again)  # as averaged weights are made
    with torch.no_grad():
        next(average.parameters()).add_(1)
        assert not average.eval()(images).equal(again.eval()(images))


def test_a_network_without_blocks_is_refused() -> None:
    with pytest.raises(ConfigError, match="grad_checkpointing=true: Linear has no blocks"):
        recompute_blocks(nn.Linear(2, 2))
