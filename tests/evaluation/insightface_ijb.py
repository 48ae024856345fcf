"""InsightFace's IJB scripts (``recognition/_evaluation_/ijb/ijb_11.py`` and ``ijb_1n.py``) restated with numpy alone.

Written after what they do, step by step and without any code of mfn, as the reference that mfn is checked against.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

Network = Callable[[np.ndarray], np.ndarray]
"""uint8 (H, W, 3) RGB to a raw embedding (D,)."""


def image_features(root: Path, name: str, network: Network, template: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Raw embeddings of each image and of its mirrored copy side by side, float32 (N, 2 D)."""
    features = []
    for line in (root / f"meta/{name}_name_5pts_score.txt").read_text().splitlines():
        image, *numbers = line.split()
        photo = cv2.imread(str(root / "loose_crop" / image))
        matrix = umeyama(np.array(numbers[:10], np.float32).reshape(5, 2), template)
        crop = cv2.warpAffine(photo, matrix, (size[1], size[0]), borderValue=(0.0, 0.0, 0.0))
        crop = cv2.cvtColor(crop, cv2.COLOR_BGR2RGB)
        features.append(np.concatenate([network(crop), network(np.ascontiguousarray(crop[:, ::-1]))]))
    return np.array(features, np.float32)


def umeyama(points: np.ndarray, template: np.ndarray) -> np.ndarray:
    """The similarity (2, 3) that moves points to the template with the least squared error (Umeyama, PAMI 1991)."""
    middle, goal = points.mean(axis=0), template.mean(axis=0)
    u, values, v = np.linalg.svd((template - goal).T @ (points - middle) / len(points))
    signs = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(v))])
    turn = u @ np.diag(signs) @ v
    scale = (values * signs).sum() / (points - middle).var(axis=0).sum()
    return np.column_stack([scale * turn, goal - scale * turn @ middle])


def weighted(features: np.ndarray, root: Path, name: str) -> np.ndarray:
    """Both views added (F2), lengths kept (N1), times the detector's score (D1): what the scripts are set to."""
    scores = [line.split()[-1] for line in (root / f"meta/{name}_name_5pts_score.txt").read_text().splitlines()]
    half = features.shape[1] // 2
    return (features[:, :half] + features[:, half:]) * np.array(scores, np.float32)[:, None]


def image2template(
    features: np.ndarray, templates: np.ndarray, media: np.ndarray, chosen: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The embedding of each template: media averaged, added, scaled to length 1; and the templates, rising."""
    ids = np.unique(templates if chosen is None else chosen)
    pooled = np.zeros((len(ids), features.shape[1]))
    for row, template in enumerate(ids):
        mine, of = features[templates == template], media[templates == template]
        pooled[row] = np.sum([mine[of == medium].mean(axis=0) for medium in np.unique(of)], axis=0)
    return pooled / np.linalg.norm(pooled, axis=1, keepdims=True), ids


def scores_of(pooled: np.ndarray, ids: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The cosine of each pair of templates."""
    place = np.zeros(ids.max() + 1, int)
    place[ids] = np.arange(len(ids))
    return np.sum(pooled[place[pairs[:, 0]]] * pooled[place[pairs[:, 1]]], axis=1)


def roc_curve(is_same: np.ndarray, scores: np.ndarray, thinned: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """FPR and TPR as scikit-learn's, which leaves points out that lie on a line with their neighbours."""
    order = np.argsort(scores, kind="mergesort")[::-1]
    ends = np.r_[np.flatnonzero(np.diff(scores[order])), len(scores) - 1]
    true = np.cumsum(is_same[order])[ends]
    false = 1 + ends - true
    if thinned and len(false) > 2:
        kept = np.r_[True, (np.diff(false, 2) != 0) | (np.diff(true, 2) != 0), True]
        false, true = false[kept], true[kept]
    false, true = np.r_[0, false], np.r_[0, true]
    return false / false[-1], true / true[-1]


def tar_at(is_same: np.ndarray, scores: np.ndarray, far: float, thinned: bool = True) -> tuple[float, float]:
    """TPR at the point whose FPR is nearest to `far`, on whichever side, and that FPR."""
    false, true = (side[::-1] for side in roc_curve(is_same, scores, thinned))
    _, place = min(zip(np.abs(false - far), range(len(false)), strict=True))
    return float(true[place]), float(false[place])


def one_to_n(
    probes: np.ndarray,
    people: np.ndarray,
    gallery: np.ndarray,
    enrolled: np.ndarray,
    fars: Sequence[float] = (0.01, 0.1),
) -> tuple[dict[int, float], dict[float, float]]:
    """Top 1, 5 and 10, and "pr" at each "far"; every probe's person is enrolled in one row.

    A threshold there lets so many of all wrong scores pass as `far` of the number of probes is.
    """
    mask = [int(np.flatnonzero(enrolled == person)[0]) for person in people]
    similarity = probes @ gallery.T
    order = np.argsort(-similarity)
    tops = {k: float(np.mean([mask[i] in order[i, :k] for i in range(len(probes))])) for k in (1, 5, 10)}
    right = similarity[np.arange(len(probes)), mask]
    wrong = similarity.copy()
    wrong[np.arange(len(probes)), mask] = -2
    ranked = np.sort(wrong[wrong > -2])[::-1]
    rates = {far: float(np.sum(right > ranked[math.ceil(len(probes) * far) - 1]) / len(probes)) for far in fars}
    return tops, rates
