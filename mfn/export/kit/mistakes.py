"""What is done wrong with pixels on boards, as what the network then sees."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from mfn.contract import InputContract

RIGHT = "right"
MISTAKES = {
    "double_normalisation": "the pixels are normalised twice: by the app, and by the file or the NPU's own settings",
    "not_normalised": "the pixels go in as 0..255, and nothing normalises them",
    "swapped_channels": "red and blue are exchanged: RGB for BGR, or the other way round",
    "wrong_layout": "rows of pixels are handed over where planes of channels are expected, or the other way round",
    "transposed": "rows and columns are exchanged",
    "wrong_scale": "the pixels are divided by 255, to 0..1, in place of what the contract says",
    "wrong_scale_signed": "the pixels are brought to -1..1, (x - 127.5) / 127.5, in place of what the contract says",
    "signed_pixels": "128 is taken off the pixels, as NPUs do whose integers have a sign",
    "wrong_sign": "bytes of 0..255 are handed over where -128..127 is expected, or the other way round",
}
"""What can be told from the output, by name, and in words."""
_ALIKE = 0.02


def wrong_inputs(
    pixels: Tensor, contract: InputContract, *, takes_pixels: bool, rows_last: bool, bytes_in: bool = False
) -> dict[str, Tensor]:
    """What a network sees when one thing is done wrong.

    A mistake that comes to nearly the right input (as a division by 127.5 in place of 128) is left out: it does no
    harm, and nothing could tell it.

    Args:
        pixels: uint8 (N, 3, H, W), in the file's own channel order.
        contract: Of the file.
        takes_pixels: Whether the file normalises inside; its mistakes are then what reaches that normalisation.
        rows_last: Whether the file takes (N, H, W, 3).
        bytes_in: Whether it takes integers of 8 bits and no other numbers.

    Returns:
        float32 (N, 3, H, W) by name, in the units of the file's input.
    """
    shape = (1, 3, 1, 1)
    mean, std = (torch.tensor(values, dtype=torch.float32).view(shape) for values in (contract.mean, contract.std))
    values = pixels.float()

    def normalised(raw: Tensor) -> Tensor:
        return (raw - mean) / std

    prepare: Callable[[Tensor], Tensor] = torch.Tensor.float if takes_pixels else normalised
    right = prepare(values)
    found: dict[str, Tensor] = {
        "double_normalisation": normalised(right),
        "swapped_channels": prepare(values.flip(1)),
        "wrong_layout": _misread(right, rows_last),
        "wrong_scale": values / 255,
    }
    if values.shape[2] == values.shape[3]:
        found["transposed"] = right.mT
    if takes_pixels:
        found["signed_pixels"] = values - 128
        if bytes_in:
            found = {name: wrong.round().clamp(0, 255) for name, wrong in found.items()}  # all that it can be given
            found["wrong_sign"] = (values + 128) % 256
    else:
        found |= {"not_normalised": values, "wrong_scale_signed": values / 127.5 - 1}
    return _distinct(found, right)


def _misread(values: Tensor, rows_last: bool) -> Tensor:
    """The numbers of (N, 3, H, W) in the other layout's order, read as if they were in the file's own."""
    count, channels, height, width = values.shape
    if rows_last:
        return values.reshape(count, height, width, channels).permute(0, 3, 1, 2)
    return values.permute(0, 2, 3, 1).reshape(count, channels, height, width)


def _distinct(found: Mapping[str, Tensor], right: Tensor) -> dict[str, Tensor]:
    """Those that differ from the right input and from one another, in the order of `MISTAKES`."""
    kept: dict[str, Tensor] = {}
    for name in (name for name in MISTAKES if name in found):
        if all((found[name] - other).norm() > _ALIKE * other.norm() for other in (right, *kept.values())):
            kept[name] = found[name].contiguous()
    return kept
