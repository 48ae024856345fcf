"""PReLU as the larger of two numbers, which integer runtimes are fast at or can be made to be."""

import copy

import torch
from torch import Tensor, fx, nn

from mfn.export.equalize import UNTRACEABLE, by_input, traced
from mfn.export.prelu import ReluForm, SlopedForm


class LargerForm(SlopedForm):
    """``max(x, a * x)``, which is PReLU for slopes up to 1: two operators."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        return torch.maximum(x, self.slope * x)


@torch.no_grad()
def without_prelu(network: nn.Module) -> nn.Module:
    """A copy of the network that is the same function, with each PReLU as :class:`LargerForm` where that can be.

    Slopes above 1 ask for the smaller of the two, which is the larger one of negated numbers: such channels change
    their sign in the convolution before the PReLU and in those behind it. A PReLU between anything else than
    convolutions that has such slopes becomes a :class:`mfn.export.prelu.ReluForm`.

    Args:
        network: Folded, in evaluation mode, PReLU as ``nn.PReLU``; it is not changed.
    """
    network = copy.deepcopy(network)
    try:
        negatable = _between_convolutions(traced(network))
    except UNTRACEABLE:
        negatable = {}
    for name, prelu in [*network.named_modules()]:
        if not isinstance(prelu, nn.PReLU):
            continue
        above = prelu.weight > 1
        if above.any() and name in negatable:
            before, behind = negatable[name]
            sign = torch.where(above, -1.0, 1.0)
            before.weight.mul_(sign.view(-1, 1, 1, 1))
            if before.bias is not None:
                before.bias.mul_(sign)
            for conv in behind:
                by_input(conv).mul_(sign.view(conv.groups, 1, -1, 1, 1))
        fits = name in negatable or not above.any()
        parent, _, child = name.rpartition(".")
        setattr(network.get_submodule(parent), child, (LargerForm if fits else ReluForm)(prelu.weight))
    return network.eval()


def _between_convolutions(graph: fx.GraphModule) -> dict[str, tuple[nn.Conv2d, list[nn.Conv2d]]]:
    """The convolution before, and those behind, each PReLU that has nothing else there; by the PReLU's name."""
    modules = dict(graph.named_modules())
    targets = [str(node.target) for node in graph.graph.nodes if node.op == "call_module"]

    def convolution(node: fx.Node) -> nn.Conv2d | None:
        once = node.op == "call_module" and targets.count(str(node.target)) == 1
        module = modules[str(node.target)] if once else None
        return module if isinstance(module, nn.Conv2d) else None

    found = {}
    for node in graph.graph.nodes:
        if node.op != "call_module" or not isinstance(prelu := modules[str(node.target)], nn.PReLU):
            continue
        (source,) = node.all_input_nodes
        before, behind = convolution(source), [convolution(user) for user in node.users]
        whole = before is not None and prelu.num_parameters == before.out_channels and len(source.users) == 1
        if whole and targets.count(str(node.target)) == 1 and all(behind):
            found[str(node.target)] = before, behind
    return found
