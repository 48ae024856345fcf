"""Which layers lose most when they become integer, and which of those are worth keeping in float."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from mfn.metrics.scores import cosine


def layer_costs(
    layers: Sequence[str], embed_with: Callable[[str], np.ndarray], reference: np.ndarray
) -> dict[str, float]:
    """The mean cosine lost when one layer at a time is integer and all others are float.

    Args:
        layers: Names.
        embed_with: Embeddings (N, D) of the network in which the named layer alone is integer.
        reference: Embeddings of the float network.
    """
    return {layer: 1 - float(cosine(embed_with(layer), reference).mean()) for layer in layers}


def kept_float(costs: Mapping[str, float], extra_bytes: Mapping[str, int], budget: int) -> list[str]:
    """The costliest layers that fit a budget, of those that cost more than the average layer.

    Args:
        costs: Of each layer, from :func:`layer_costs`.
        extra_bytes: What the file grows by when the layer stays float.
        budget: Bytes for all of them.

    Returns:
        Names, costliest first.
    """
    average = sum(costs.values()) / max(len(costs), 1)
    kept = []
    for layer in sorted(costs, key=lambda name: -costs[name]):
        if costs[layer] > average and extra_bytes[layer] <= budget:
            budget -= extra_bytes[layer]
            kept.append(layer)
    return kept
