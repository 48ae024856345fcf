"""Whether a gallery's vectors and a network belong together.

The network's fingerprint tells one file from another; a checkpoint and its ONNX file have two. So a gallery also keeps
what its network makes of a fixed picture: whoever makes the same of it is the same network, in whatever file.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfn.contract import InputContract
from mfn.errors import DataError
from mfn.inference.embedder import FaceEmbedder
from mfn.metrics.scores import combine, cosine

_ALIKE = 0.999
"""Cosine to the kept vector: fp16 files of one network have more, int8 files and other networks less."""


def identity_of(embedder: FaceEmbedder, flip: str) -> dict[str, Any]:
    """What a gallery keeps of a network."""
    return {
        "fingerprint": embedder.network.fingerprint,
        "contract": embedder.contract.to_dict(),
        "flip": flip,
        "fixed": _made_of_fixed(embedder, flip).tolist(),
    }


def are_alike(one: Mapping[str, Any], two: Mapping[str, Any]) -> bool:
    """Whether two galleries keep the same of the fixed picture."""
    first, second = (np.array(kept["fixed"], np.float32)[None] for kept in (one, two))
    return first.shape == second.shape and float(cosine(first, second)[0]) >= _ALIKE


def check_model(path: object, kept: Mapping[str, Any], embedder: FaceEmbedder) -> None:
    """Makes sure that a network is the one that a gallery was made with.

    Raises:
        DataError: It is another one, or expects other crops.
    """
    contract = InputContract.from_dict(kept["contract"])
    remedy = "use the network it was made with, or `mfn gallery migrate` goes over to this one"
    crops = [
        difference for difference in contract.differences(embedder.contract) if difference.startswith(_OF_THE_CROP)
    ]
    if crops:
        raise DataError(f"{path} was made with another network ({'; '.join(crops)}): {remedy}")
    if kept["fingerprint"] == embedder.network.fingerprint and not contract.differences(embedder.contract):
        return
    made = _made_of_fixed(embedder, kept["flip"])
    alike = float(cosine(made[None], np.array(kept["fixed"], np.float32)[None])[0])
    if alike < _ALIKE:
        raise DataError(
            f"{path} was made with another network (of one picture the two make vectors with a cosine of "
            f"{alike:.3f}): {remedy}"
        )


_OF_THE_CROP = ("height", "width", "template", "embedding_dim")


def _made_of_fixed(embedder: FaceEmbedder, flip: str) -> NDArray[np.float32]:
    """The embedding of waves in three colours, float32 (D,)."""
    contract = embedder.contract
    rows, columns, channels = np.indices((contract.height, contract.width, 3))
    waves = (rows * 7 + columns * 3 * (channels + 1) + rows * columns // 9) % 256
    picture = waves.astype(np.uint8)[None]
    mirrored = None if flip == "none" else embedder.raw(picture[:, :, ::-1].copy()).cpu().numpy()
    return combine(embedder.raw(picture).cpu().numpy(), mirrored, flip)[0]
