"""Damaged files end in one sentence: mutations of every form, seeded, so that a failure comes again."""

import lzma
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mfn.benchmarks.chosen import chosen_benchmarks, read_file
from mfn.benchmarks.megaface import read_megaface
from mfn.benchmarks.tinyface import read_tinyface
from mfn.errors import MfnError
from mfn.inspection.inspect import inspect
from tests.benchmarks.benchmark_files import write_images
from tests.benchmarks.one_to_many_files import write_megaface, write_tinyface
from tests.fuzz.mutation import mutated

NAMES = [f"{person}/{person}_{number:04d}.jpg" for person in ("Ada", "Bob") for number in (1, 2)]
A, B, C, D = NAMES
IMAGES = [np.random.default_rng(seed).bytes(100) for seed in range(8)]
FORMS: dict[str, bytes] = {
    "lfw.txt": b"2\t1\nAda\t1\t2\nAda\t1\tBob\t1\nBob\t1\t2\nAda\t2\tBob\t2\n",
    "lfw.csv": b"name,imagenum1,imagenum2,\nAda,1,2,\nBob,1,2,\nAda,1,Bob,1\nAda,2,Bob,2\n",
    "list.txt": f"{A} {B} 1\n{C} {D} 1\n{A} {C} 0\n{B} {D} -1\n".encode(),
    "pair_SLLFW.txt": f"{A}\n{B}\n{C}\n{D}\n{A}\n{C}\n{B}\n{D}\n".encode(),
    "two_lines.txt": f"{A}\t1\n{B}\t1\n{C}\t1\n{D}\t1\n{A}\t0\n{C}\t0\n{B}\t0\n{D}\t0\n".encode(),
    "named.csv": f'a,b,label,fold,group\n"{A}",{B},1,x,g\n{C},{D},1,y,h\n{A},{C},0,x,g\n{B},{D},0,y,h\n'.encode(),
    "list.bin": pickle.dumps((IMAGES, [1, 0, 1, 0], {"made": "by me"}), 2),
    "arrays.bin": pickle.dumps(([np.frombuffer(i, np.uint8) for i in IMAGES], np.array([1, 0, 0, 1])), 4),
}


def read_and_choose(path: Path) -> None:
    chosen_benchmarks(file=read_file(str(path), allow_missing=True))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("look", [read_and_choose, inspect])
def test_mutated_files_are_read_or_told(tmp_path: Path, form: str, look: Callable[[Path], object]) -> None:
    write_images(tmp_path, NAMES)
    rng = np.random.default_rng(sum(form.encode()))
    path = tmp_path / form
    told = 0
    for _ in range(150):
        path.write_bytes(mutated(FORMS[form], rng))
        try:
            look(path)
        except MfnError as error:
            told += 1
            assert str(error).strip() and "\n" not in str(error)
    assert 0 < told < 150  # some are still fine, others are not


def _arrays(root: Path) -> None:
    np.save(root / "mine.npy", np.random.default_rng(0).integers(0, 256, (8, 4, 4, 3), np.uint8))
    (root / "issame.txt").write_text("1\n0\n1\n0\n")


def _packed(root: Path) -> None:
    (root / "mine.xz").write_bytes(lzma.compress(FORMS["list.bin"]))


SETS: dict[str, tuple[Callable[[Path], object], Callable[[Path], object]]] = {
    "Testing_Set/probe_img_ID_pairs.mat": (write_tinyface, lambda root: read_tinyface(root, allow_missing=True)),
    "templatelists/facescrub_features_list.json": (write_megaface, lambda root: read_megaface(root, True)),
    "templatelists/megaface_features_list.json_10_1": (write_megaface, lambda root: read_megaface(root, True)),
    "megaface_noises.txt": (write_megaface, lambda root: read_megaface(root, True)),
    "mine.npy": (_arrays, lambda root: read_and_choose(root / "mine.npy")),
    "issame.txt": (_arrays, lambda root: read_and_choose(root / "mine.npy")),
    "mine.xz": (_packed, lambda root: read_and_choose(root / "mine.xz")),
}


@pytest.mark.parametrize("file", SETS)
def test_a_mutated_file_of_a_set_is_read_or_told(tmp_path: Path, file: str) -> None:
    write, look = SETS[file]
    write(tmp_path)
    whole, rng = (tmp_path / file).read_bytes(), np.random.default_rng(sum(file.encode()))
    look(tmp_path)
    for _ in range(80):
        (tmp_path / file).write_bytes(mutated(whole, rng))
        try:
            look(tmp_path)
        except MfnError as error:
            assert str(error).strip() and "\n" not in str(error)
