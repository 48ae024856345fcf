"""What a training set is, in a few plain values, so that a run does not go on with another one."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from mfn.data.splits import Splits
from mfn.errors import BrokenImageError, CheckpointError
from mfn.sources.encode import encoded
from mfn.sources.source import FaceSource

_PEOPLE = 64


def fingerprint(source: FaceSource, splits: Splits) -> dict[str, Any]:
    """Plain values that change with the training data.

    Who is in it and in which order is told exactly. Pixels are told by a sample, the first picture of up to 64 people,
    since reading millions of images takes hours; the place of the files does not matter.

    Returns:
        `images` and `identities` (counts), `layout` (16 hexadecimal digits of which image is of which class) and
        `pictures` (a list of 16 digits each, "" for an image that cannot be read).
    """
    layout = hashlib.sha256(splits.train.astype("<i8").tobytes() + splits.train_classes.astype("<i8").tobytes())
    classes, first = np.unique(splits.train_classes, return_index=True)
    sample = np.linspace(0, classes.size - 1, min(_PEOPLE, classes.size)).round().astype(np.int64)
    return {
        "images": splits.train.size,
        "identities": splits.label_map.size,
        "layout": layout.hexdigest()[:16],
        "pictures": [_picture(source, position) for position in splits.train[first[sample]].tolist()],
    }


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """A phrase for each way in which two fingerprints differ."""
    counts = [
        f"{before.get(key)} {key} then, {now[key]} now"
        for key in ("images", "identities")
        if before.get(key) != now[key]
    ]
    if counts or before == now:
        return counts
    if before.get("layout") != now["layout"]:
        return ["as many images and identities, in another order or under other labels"]
    return ["as many images and identities, but other pictures"]


def refuse_other_data(state: Mapping[str, Any], data: dict[str, Any], seed: int, fit: str, order: str = "") -> None:
    """Lets a run go on only with the data it was stopped on, in the same order.

    Args:
        state: Of the stopped run: ``data``, ``seed`` and ``fit``.
        data: The fingerprint now.
        seed: Of the order now.
        fit: How images come to their size now.
        order: What the order depends on beside the seed, see `mfn.data.part_order.order_mark` and `Mixture.mark`.

    Raises:
        CheckpointError: They differ.
    """
    changed = differences(state.get("data", {}), data)
    if state.get("seed") != seed:
        changed.append(f"seed {state.get('seed')} then, {seed} now")
    if state.get("fit", fit) != fit:
        changed.append(f"fit={state['fit']} then, {fit} now")
    if state.get("order", "") != order:
        changed.append("images came in another order, by data.weights, data.open_shards or how shards are cut")
    if changed:
        raise CheckpointError(
            f"the stopped run trained on other data: {'; '.join(changed)}; give it the same data and settings, or "
            "start from its weights with model_path="
        )


def _picture(source: FaceSource, position: int) -> str:
    try:
        return hashlib.sha256(encoded(source, position)).hexdigest()[:16]
    except BrokenImageError:
        return ""
