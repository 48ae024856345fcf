"""TinyFace and MegaFace in their own layouts, small and of synthetic faces."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

from mfn.sources.encode import png
from mfn.synthetic.dataset import SyntheticFaces
from tests.benchmarks.benchmark_files import write_text

PEOPLE, EACH, STRANGERS = 4, 4, 12
SIZE = (32, 32)


def cells(names: Sequence[str]) -> np.ndarray:
    """A cell array of texts, (N, 1), as MATLAB writes it."""
    column = np.empty((len(names), 1), object)
    column[:, 0] = names
    return column


def write_mat(path: Path, kind: str, shown: Sequence[tuple[str, int]], **changed: Any) -> Path:
    """A list of TinyFace."""
    content = {
        f"{kind}_set": cells([name for name, _ in shown]),
        f"{kind}_ids": np.array([[p] for _, p in shown], float),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {**content, **changed})
    return path


def write_tinyface(root: Path, lists: bool = True) -> Path:
    """Writes `Testing_Set`: of each person two probes and two matches, and strangers; persons are called 7, 8, ..."""
    faces = SyntheticFaces(PEOPLE + STRANGERS, EACH, image_size=SIZE)
    test = root / "Testing_Set"
    shown: dict[str, list[tuple[str, int]]] = {"Probe": [], "Gallery_Match": []}
    for index, label in enumerate(faces.labels.tolist()):
        number = index % EACH
        part = ("Probe" if number < 2 else "Gallery_Match") if label < PEOPLE else "Gallery_Distractor"
        if label >= PEOPLE and number:
            continue
        name = f"{label + 7}_{number}.png" if label < PEOPLE else f"{label}.png"
        (test / part).mkdir(parents=True, exist_ok=True)
        (test / part / name).write_bytes(png(faces.image(index)))
        if label < PEOPLE:
            shown[part].append((name.replace(".png", ".jpg"), label + 7))
    if lists:
        write_mat(test / "probe_img_ID_pairs.mat", "probe", shown["Probe"])
        write_mat(test / "gallery_match_img_ID_pairs.mat", "gallery", shown["Gallery_Match"])
    return root


def write_megaface(root: Path, sizes: Sequence[int] = (10, STRANGERS), ids: bool = True) -> Path:
    """Writes the lists of MegaFace's devkit and both folders of images; person `a b` has a blank in the name."""
    faces = SyntheticFaces(PEOPLE + STRANGERS, EACH, image_size=SIZE)
    probes, strangers = [], []
    for index, label in enumerate(faces.labels.tolist()):
        number = index % EACH
        if label >= PEOPLE and number:
            continue
        name = f"a b{label}/a b{label}_{number}.png" if label < PEOPLE else f"1/{label}@N/{label}_0.jpg"
        file = root / ("facescrub_images" if label < PEOPLE else "megaface_images") / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(faces.image(index)))
        (probes if label < PEOPLE else strangers).append(name)
    people = {"id": [name.partition("/")[0] for name in probes]} if ids else {}
    write_json(root / "templatelists/facescrub_features_list.json", {"path": probes, **people})
    for size in sizes:
        write_json(root / f"templatelists/megaface_features_list.json_{size}_1", {"path": strangers[:size]})
    write_text(root / "facescrub_noises.txt", "# noise\na_b0_3.png\n")
    write_text(root / "megaface_noises.txt", f"# noise\n3\t{strangers[2]}\n{strangers[-1]}\n")
    return root


def write_json(path: Path, content: Mapping[str, Any]) -> Path:
    return write_text(path, json.dumps(content))
