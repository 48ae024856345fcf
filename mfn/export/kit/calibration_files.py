"""Faces to calibrate on, in the forms that NPU tools want."""

import io
from collections.abc import Iterator

import numpy as np

from mfn.contract import InputContract
from mfn.export.network import INPUT, Deployable
from mfn.sources.encode import png
from mfn.synthetic.dataset import SyntheticFaces


def drawn_faces(contract: InputContract, count: int) -> np.ndarray:
    """Drawn faces of `count` people, uint8 RGB (count, H, W, 3); others than the golden ones."""
    drawn = SyntheticFaces(count, 1, (contract.height, contract.width), seed=2)
    return np.stack([drawn.image(index) for index in range(count)])


def calibration_files(deployable: Deployable, faces: np.ndarray) -> Iterator[tuple[str, bytes]]:
    """Every file, by its path in the kit.

    Args:
        deployable: What the exported file holds.
        faces: uint8 RGB (N, H, W, 3).

    Returns:
        Pictures with a list of them (RKNN), pixels and network inputs as arrays (Hailo, Coral), and raw numbers with a
        list (Qualcomm). Paths in lists are from the kit's folder.
    """
    pixels = faces[..., ::-1] if deployable.contract.color == "BGR" else faces
    rows = deployable.inputs(faces).permute(0, 2, 3, 1).float().numpy()
    for index, face in enumerate(faces):
        yield f"calibration/images/{index:04}.png", png(face)
        yield f"calibration/raw/{index:04}.raw", rows[index].astype("<f4").tobytes()
    yield "dataset.txt", _lines(f"calibration/images/{index:04}.png" for index in range(len(faces)))
    yield "raw_list.txt", _lines(f"{INPUT}:=calibration/raw/{index:04}.raw" for index in range(len(faces)))
    yield "calibration/pixels.npy", npy(pixels)
    yield "calibration/rows.npy", npy(rows)


def npy(values: np.ndarray) -> bytes:
    """What a ``.npy`` file of an array holds."""
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(values), allow_pickle=False)
    return file.getvalue()


def _lines(lines: Iterator[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
