"""Boxes (x1, y1, x2, y2) around faces: x1 and y1 are the first pixel's, x2 and y2 one after the last."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import nms

Floats = NDArray[np.float32]


def square(boxes: Floats) -> Floats:
    """The squares of whole pixels about boxes, float32 (N, 4), with the longer side of each and its centre."""
    side = np.rint((boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True, initial=1))
    corner = np.rint((boxes[:, :2] + boxes[:, 2:] - side) / 2)
    return np.concatenate([corner, corner + side], axis=1).astype(np.float32)


def moved(boxes: Floats, offsets: Floats) -> Floats:
    """Boxes with each of their four edges moved by a share (N, 4) of their width or height."""
    sides = boxes[:, 2:] - boxes[:, :2]
    return np.asarray(boxes + offsets * np.hstack([sides, sides]), np.float32)


def suppress(boxes: Floats, scores: Floats, overlap: float) -> NDArray[np.int64]:
    """Non-maximum suppression: which boxes remain, the surest first.

    A box goes where a surer one remains with which it shares more than `overlap` of their union.
    """
    return nms(torch.from_numpy(boxes), torch.from_numpy(scores), overlap).numpy()


def suppress_contained(boxes: Floats, scores: Floats, overlap: float) -> NDArray[np.int64]:
    """As `suppress`, for more than `overlap` of the smaller of two boxes: a face within a face goes too."""
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    low, high = np.maximum(boxes[:, None, :2], boxes[:, :2]), np.minimum(boxes[:, None, 2:], boxes[:, 2:])
    shared = (high - low).clip(min=0).prod(axis=2) > overlap * np.minimum(area[:, None], area)
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        if not shared[index, kept].any():
            kept.append(int(index))
    return np.array(kept, np.int64)


def cut(image: NDArray[np.uint8], box: Floats, size: int) -> NDArray[np.uint8]:
    """What a box of whole pixels shows, uint8 (size, size, 3), averaged where it shrinks; black outside the photo."""
    left, top, right, low = box.astype(int)
    x1, y1, x2, y2 = max(left, 0), max(top, 0), min(right, image.shape[1]), min(low, image.shape[0])
    seen = image[y1 : max(y1, y2), x1 : max(x1, x2)]
    if seen.shape[:2] != (low - top, right - left):
        whole = np.zeros((low - top, right - left, 3), np.uint8)
        whole[y1 - top : y1 - top + seen.shape[0], x1 - left : x1 - left + seen.shape[1]] = seen
        seen = whole
    return np.asarray(cv2.resize(seen, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
