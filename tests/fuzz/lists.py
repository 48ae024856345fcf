"""Lists and packs of the sets that are searched: TinyFace's, MegaFace's, SLLFW's, Notre Dame's."""

import json
import lzma
from pathlib import Path

import numpy as np
from scipy.io import savemat

from mfn.benchmarks.array_pack import FLAGS, read_arrays
from mfn.benchmarks.face_lists import read_face_list, read_noises
from mfn.benchmarks.mat_lists import read_mat_list
from tests.benchmarks.one_to_many_files import cells

FACES = json.dumps({"path": ["a/a_1.png", "a/a_2.png", "b c/b_1.jpg"], "id": ["a", "a", 7]})
LINES = "# noise\na/a_1.png\n3\tb c/b_1.jpg\n\nC/ü_2.JPG\n"


def mat_list(folder: Path, compressed: bool) -> Path:
    """A list of TinyFace, plain or as MATLAB's version 7 writes it."""
    content = {"probe_set": cells(["7_0.jpg", "é 1.png", "x.jpg"]), "probe_ids": np.array([[7], [300], [70_000]])}
    savemat(folder / "list.mat", content, do_compression=compressed)
    return folder / "list.mat"


def read_mat(path: Path) -> None:
    """As TinyFace's lists are read."""
    read_mat_list(path, "probe_set", "probe_ids")


def face_list(folder: Path, text: str) -> Path:
    """A list of MegaFace."""
    (folder / "list.txt").write_text(text, encoding="utf-8")
    return folder / "list.txt"


def read_faces(path: Path) -> None:
    """As probes and distractors are read."""
    read_face_list(path, [], people=True)


def read_noise(path: Path) -> None:
    """As the lists of images that are no faces are read."""
    read_noises(path, 3)


def array_pack(folder: Path, file: str) -> Path:
    """Eight images and the flags of their four pairs."""
    pixels = np.random.default_rng(0).integers(0, 256, (8, 3, 4, 4), np.uint8)
    np.save(folder / "twins.npy", pixels)
    (folder / FLAGS).write_text("1\n0\nTrue\n0.0\n")
    return folder / file


def read_pack(path: Path) -> None:
    """Every image of it."""
    found = read_arrays(path.with_name("twins.npy"))
    for index in range(len(found.source)):
        found.source.image(index)


def xz(folder: Path, content: bytes) -> Path:
    """A compressed pack."""
    (folder / "pack.xz").write_bytes(lzma.compress(content))
    return folder / "pack.xz"
