"""Pixels prepared as a board might, rightly and wrongly, written without mfn's own functions."""

import numpy as np

from mfn.contract import InputContract


def planted(
    images: np.ndarray, contract: InputContract, what: str, rows_last: bool = False, pixels: bool = False
) -> np.ndarray:
    """What reaches the network, float32 (N, 3, H, W).

    Args:
        images: uint8 RGB (N, H, W, 3).
        contract: Of the network; takes RGB.
        what: Right, or the mistake.
        rows_last: The file takes (N, H, W, 3).
        pixels: The file normalises inside.
    """
    mean, std = np.float32(contract.mean), np.float32(contract.std)
    rows = images.astype(np.float32)
    if what == "swapped_channels":
        rows = rows[..., [2, 1, 0]]
    if what == "transposed":
        rows = rows.swapaxes(1, 2)
    if what == "wrong_scale":
        rows = rows / 255
    elif what == "wrong_scale_signed":
        rows = rows / 127.5 - 1
    elif what == "signed_pixels":
        rows = rows - 128
    elif what == "wrong_sign":
        rows = (rows + 128) % 256
    else:
        once = 0 if pixels or what == "not_normalised" else 1
        for _ in range(once + (what == "double_normalisation")):
            rows = (rows - mean) / std
    planes = np.ascontiguousarray(rows.transpose(0, 3, 1, 2))
    if what != "wrong_layout":
        return planes
    if rows_last:  # planes lie where rows are read
        return planes.reshape(rows.shape).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(rows).reshape(planes.shape)
