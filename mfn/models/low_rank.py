"""Linear layers of low rank (George et al. 2024, "EdgeFace", https://arxiv.org/abs/2307.01838)."""

from torch import nn

from mfn.errors import ConfigError


class LowRankLinear(nn.Sequential):
    """Two linear layers in place of one.

    Args:
        inputs: Length of a vector.
        outputs: Of the result.
        rank: Length in between.
        bias: Whether the second adds one.
    """

    def __init__(self, inputs: int, outputs: int, rank: int, bias: bool) -> None:
        super().__init__(nn.Linear(inputs, rank, bias=False), nn.Linear(rank, outputs, bias=bias))


def with_low_rank(network: nn.Module, share: float) -> None:
    """Replaces every linear layer in place.

    Args:
        network: Any.
        share: Rank as a share of the smaller side, at least 2.

    Raises:
        ConfigError: The share is not in (0, 1].
    """
    if not 0 < share <= 1:
        raise ConfigError(f"model.low_rank must be in (0, 1], got {share}")
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Linear) and not isinstance(module, LowRankLinear):
                rank = max(2, int(min(child.in_features, child.out_features) * share))
                setattr(
                    module, name, LowRankLinear(child.in_features, child.out_features, rank, child.bias is not None)
                )
