"""Batch normalisation and dropout out of a network, the function unchanged."""

import copy
from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def folded(network: nn.Module) -> nn.Module:
    """A float32 copy in evaluation mode whose batch normalisations are part of the convolutions before them.

    The arithmetic is float64, so that rounding happens once. Only a convolution and a normalisation that follow one
    another in an ``nn.Sequential`` are joined; a normalisation anywhere else stays what it is.

    Args:
        network: Any module; it is not changed.
    """
    network = copy.deepcopy(network).cpu().double().eval().requires_grad_(False)
    for module in network.modules():
        if isinstance(module, nn.Sequential):
            _fold_children(module)
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Dropout):
                setattr(module, name, nn.Identity())
    # Training keeps channels-last weights; exporters and the folded hash want plain ones
    return network.to(torch.float32, memory_format=torch.contiguous_format)  # type: ignore[call-overload]


def _fold_children(block: nn.Sequential) -> None:
    children = list(block.named_children())
    for (name, conv), (bn_name, bn) in pairwise(children):
        if isinstance(conv, nn.Conv2d) and isinstance(bn, nn.BatchNorm2d):
            setattr(block, name, fuse_conv_bn_eval(conv, bn))
            delattr(block, bn_name)
