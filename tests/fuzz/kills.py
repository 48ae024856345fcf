"""SIGKILL at random moments: ``python -m tests.fuzz.kills --minutes 10``. Going on comes to what would have been.

Each job is run once undisturbed. Then, again and again in a fresh folder, it is killed at a random moment, what lies
there is looked at, and the same command (or the one that goes on) is typed until it ends.
"""

import argparse
import hashlib
import json
import logging
import os
import random
import runpy
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from mfn.checkpoint.format import read_checkpoint
from mfn.inference.embedder import FaceEmbedder
from mfn.packs.record import Record
from mfn.packs.recordio import RecordWriter
from mfn.recognition.gallery import Gallery
from mfn.report.tables import table
from mfn.sources.record_dataset import RecordDataset
from tests.export.networks import small_checkpoint
from tests.recognition.made_people import crop_of, network_file
from tests.scripts import FORK, TINY
from tests.sources.files import jpeg

log = logging.getLogger("kills")


class Job(NamedTuple):
    """Something that may be killed.

    Attributes:
        begin: Writes into a fresh folder what the command needs.
        words: The command as it is typed, given the folder: another one where there is something to go on from.
        whole: Raises where something half-written lies in the folder.
        result: What the folder holds in the end, as one text.
    """

    begin: Callable[[Path], object]
    words: Callable[[Path], list[str]]
    whole: Callable[[Path], object]
    result: Callable[[Path], str]


def _train(folder: Path) -> list[str]:
    last = Path("run/checkpoints/last.ckpt")
    return ["train", f"ckpt_path={last}"] if (folder / last).exists() else ["train", *TINY, "hydra.run.dir=run"]


def _checkpoints(folder: Path) -> None:
    for path in folder.glob("run/checkpoints/[!.]*.ckpt"):
        read_checkpoint(path)


def _exported(folder: Path) -> None:
    for path in folder.glob("out/[!.]*.onnx"):
        FaceEmbedder.load(path)


def _people(folder: Path) -> None:
    for person in range(12):
        (folder / "people" / f"p{person}").mkdir(parents=True)
        for shot in range(6):
            (folder / "people" / f"p{person}" / f"{shot}.jpg").write_bytes(jpeg(10 * person + shot))


def _pack(folder: Path) -> None:
    if (folder / "pack").exists():
        source = RecordDataset(folder / "pack")
        for index in range(len(source)):
            source.image(index)


def _faces(folder: Path) -> None:
    """A network and an aligned pack of 120 people, which is enrolled in parts."""
    network_file(folder)
    (folder / "faces").mkdir()
    with RecordWriter(folder / "faces/train.rec", folder / "faces/train.idx") as writer:
        for key in range(1, 361):
            png = cv2.imencode(".png", crop_of(key // 3, key)[:, :, ::-1])[1].tobytes()
            writer.write(key, Record(0, np.array([key // 3], np.float32), key, 0, png))


def _enrolled(folder: Path) -> str:
    """Names and embeddings, in an order of their own: what lies where in the file is nobody's concern."""
    if not (folder / "people.mfng").exists():
        return ""
    with Gallery.open(folder / "people.mfng") as gallery:
        rows = sorted((face.name, face.vector.tobytes()) for face in gallery.faces())
    return f"{len(rows)} faces, {hashlib.sha256(repr(rows).encode()).hexdigest()[:12]}"


def _hashes(pattern: str) -> Callable[[Path], str]:
    def of(folder: Path) -> str:
        files = sorted(path for path in folder.glob(pattern) if path.is_file())
        return " ".join(f"{path.name}:{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}" for path in files)

    return of


QUICK = ("latency.rounds=0", "hydra.run.dir=log", "paths.output=out")
JOBS = {
    "train": Job(
        lambda folder: None, _train, _checkpoints, lambda f: json.loads((f / "run/summary.json").read_text())["weights"]
    ),
    "export": Job(
        small_checkpoint,
        lambda folder: ["export", "model_path=small.ckpt", "target=[onnx,safetensors]", *QUICK],
        _exported,
        _hashes("out/**/*.[os][na][nf]*"),
    ),
    "prepare": Job(
        _people,
        lambda folder: ["prepare", "source.root=people", "output=pack", "steps=[clean,split]", "image_size=[32,32]"],
        _pack,
        _hashes("pack/train.*"),
    ),
    "enroll": Job(
        _faces,
        lambda folder: ["enroll", "faces", "--gallery", "people.mfng", "--model", "squares.onnx"],
        _enrolled,
        _enrolled,
    ),
}
"""By name."""


def main() -> int:
    """Returns 1 where something was half-written, or came out otherwise."""
    words = argparse.ArgumentParser("python -m tests.fuzz.kills", description=__doc__)
    words.add_argument("--jobs", default=",".join(JOBS))
    words.add_argument("--minutes", type=float, default=10.0)
    words.add_argument("--kills", type=int, default=200, help="of each job, at most")
    words.add_argument("--seed", type=int, default=0)
    options = words.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    rows, names = [], options.jobs.split(",")
    for name in names:
        rows.append(kill(name, options.kills, 60 * options.minutes / len(names), options.seed))
        log.info("%s", rows[-1])
    log.info(table("Killed at random moments", rows))
    return int(any(row["other_result"] or row["half_written"] for row in rows))


def kill(name: str, kills: int, seconds: float, seed: int) -> dict[str, object]:
    """Kills one job again and again, and counts what came of it."""
    job, chance, start = JOBS[name], random.Random(seed), time.monotonic()
    row = {"job": name, "kills": 0, "while_running": 0, "half_written": 0, "other_result": 0}
    results, took = [], 0.0
    for _ in range(2):  # the first one has to start what all are forked from
        with tempfile.TemporaryDirectory() as there:
            job.begin(Path(there))
            took = _run(job.words(Path(there)), Path(there), None)
            results.append(job.result(Path(there)))
    assert results[0] == results[1] != ""
    wanted = results[1]
    while row["kills"] < kills and time.monotonic() - start < seconds:
        with tempfile.TemporaryDirectory() as there:
            folder = Path(there)
            job.begin(folder)
            for _ in range(chance.randint(1, 2)):
                row["kills"] += 1
                row["while_running"] += _run(job.words(folder), folder, chance.uniform(0, took)) is None
                try:
                    job.whole(folder)
                except Exception as error:
                    row["half_written"] += 1
                    log.info("%s: %s", name, error)
            _run(job.words(folder), folder, None)
            if (found := job.result(folder)) != wanted:
                row["other_result"] += 1
                log.info("%s: %s in place of %s", name, found, wanted)
    return row


def _run(words: list[str], folder: Path, until: float | None) -> float:
    """Runs a command and returns the seconds that it took; None where it was killed in the middle."""
    process = FORK.Process(target=_command, args=(words, str(folder)))
    start = time.monotonic()
    process.start()
    process.join(until if until is not None else 300)
    alive = process.is_alive()
    process.kill()
    process.join()
    if until is None:
        assert process.exitcode == 0, f"{' '.join(words)} ended with {process.exitcode}; see {folder}"
    return None if alive else time.monotonic() - start  # type: ignore[return-value]


def _command(words: list[str], folder: str) -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    os.chdir(folder)
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.argv = ["mfn", *words]
    runpy.run_module("mfn", run_name="__main__")


if __name__ == "__main__":
    sys.exit(main())
