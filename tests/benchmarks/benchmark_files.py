"""Small benchmarks as files, in the layouts of the field."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mfn.benchmarks.verification import VerificationSet
from tests.sources.files import jpeg


def given(array: np.ndarray | None) -> np.ndarray:
    """What a set may lack and here must have."""
    assert array is not None
    return array


def write_images(root: Path, names: Iterable[str]) -> Path:
    """Writes a different image under each name."""
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(number))
    return root


def write_text(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def stems(benchmark: VerificationSet) -> list[list[str]]:
    """Names of both images of each pair, without folder and suffix."""
    return [[Path(benchmark.source.describe(int(i))).stem for i in pair] for pair in benchmark.pairs]


def write_cfp(root: Path, people: int = 4, folds: int = 2) -> Path:
    """Writes CFP's layout: two frontal and two profile images of each person, a genuine and an impostor pair a fold."""
    for letter, kind in (("F", "frontal"), ("P", "profile")):
        images = [f"Data/Images/{person:03d}/{kind}/{i:02d}.jpg" for person in range(1, people + 1) for i in (1, 2)]
        write_images(root, images)
        lines = [f"{number} ../{image}\n" for number, image in enumerate(images, start=1)]
        write_text(root / f"Protocol/Pair_list_{letter}.txt", "".join(lines))
    for fold in range(folds):
        first = 4 * fold + 1  # numbers of this fold's first person: first, first + 1; the second person's follow
        for kind, partner in (("FF", first + 1), ("FP", first)):
            folder = root / f"Protocol/Split/{kind}/{fold + 1:02d}"
            write_text(folder / "same.txt", f"{first},{partner}\n")
            write_text(folder / "diff.txt", f"{first},{first + 2}\n{first + 3},{first}\n")
    return root
