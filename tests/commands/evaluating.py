"""Evaluations small enough for tests: a checkpoint, packs of synthetic faces, and evaluate.py's way to judge them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from mfn.benchmarks.bin_writer import prepare_bin, write_bin
from mfn.benchmarks.lfw_writer import write_lfw
from mfn.benchmarks.made_pairs import pairs_from_source
from mfn.commands.evaluate import evaluate
from mfn.sources.encode import png
from mfn.synthetic.dataset import SyntheticFaces
from tests.composing import CONF, composed
from tests.small_run import SIZE, save_small_checkpoint

FIVE = ("lfw", "agedb_30", "cfp_fp", "calfw", "cplfw")


def write_files(folder: Path) -> Path:
    """A checkpoint, and 40 pairs of synthetic faces as LFW, as a .bin pack and as folders of people."""
    save_small_checkpoint(folder)
    faces = SyntheticFaces(8, 6, image_size=SIZE)
    pairs = write_lfw(pairs_from_source(faces, folds=2, pairs_per_fold=20, name="lfw"), folder / "lfw")
    prepare_bin(pairs, folder / "packs" / "lfw.bin")
    prepare_bin(pairs, folder / "packs" / "agedb_30.bin")
    return folder


def write_five(folder: Path) -> Path:
    """Five packs, in the third of which an image is broken."""
    for seed, name in enumerate(FIVE):
        pairs = pairs_from_source(SyntheticFaces(8, 6, image_size=SIZE), folds=2, pairs_per_fold=10, seed=seed)
        images = [png(pairs.source.image(int(index))) for index in pairs.pairs.ravel()]
        if name == FIVE[2]:
            images[7] = b"junk"
        write_bin(folder / f"{name}.bin", images, pairs.is_same.tolist())
    return folder


def judge_with(files: Path, run: Path, *overrides: str) -> dict[str, Any]:
    """The report of an evaluation of the checkpoint in `files`."""
    config = composed(f"model_path={files / 'net.ckpt'}", "bootstrap=20", *overrides, config="evaluate")
    config.paths.output = str(run)
    run.mkdir(parents=True, exist_ok=True)
    evaluate(config)
    return json.loads((run / "report.json").read_text())


def command(run: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    """evaluate.py as people start it."""
    line = [sys.executable, "evaluate.py", *words, f"hydra.run.dir={run}"]
    return subprocess.run(line, cwd=CONF.parent, capture_output=True)
