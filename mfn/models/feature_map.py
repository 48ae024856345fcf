"""A feature map brought to the size that a layer with one weight for each of its cells was made for.

While a network learns it may see smaller images than later on (`data.size_schedule`). Its last feature map then has
fewer cells, which are larger. Each cell of the layer sees the mean of what it covers, by area, so that the sums, and
what the layer's weights mean at each place of the face, stay what they are at full size. For a global depthwise
convolution this is the same as a kernel whose weights are summed by area, and its own weights get the gradient.
"""

import torch
from torch import Tensor

Size = tuple[int, int]


def spread(x: Tensor, size: Size) -> Tensor:
    """A feature map at another size; itself where it has that size.

    Args:
        x: float (N, C, h, w).
        size: Height and width to give.

    Returns:
        float (N, C, height, width), of the type of `x`.
    """
    height, width = x.shape[2], x.shape[3]
    if (height, width) == size:
        return x
    rows, columns = _cover(height, size[0], x), _cover(width, size[1], x)
    return torch.einsum("ih,nchw,jw->ncij", rows, x, columns)


def _cover(cells: int, wanted: int, like: Tensor) -> Tensor:
    """Share of each wanted cell that each cell covers along one side, (wanted, cells); rows sum to 1."""
    kind = {"device": like.device, "dtype": torch.float32}
    ends, edges = torch.arange(wanted + 1, **kind) / wanted, torch.arange(cells + 1, **kind) / cells
    last = torch.minimum(ends[1:, None], edges[None, 1:])
    first = torch.maximum(ends[:-1, None], edges[None, :-1])
    return ((last - first).clamp_min(0) * wanted).to(like.dtype)
