"""Galleries under several writers, and writers that are killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mfn.recognition.gallery import Gallery
from tests.recognition.made_people import squares

WRITER = """
import sys
from pathlib import Path
import numpy as np
from mfn.recognition.face_row import FaceRow
from mfn.recognition.gallery_file import GalleryFile
path, about, start, count, together = Path(sys.argv[1]), {about!r}, *map(int, sys.argv[2:])
file = GalleryFile(path, about)
for number in range(start, start + count, together):
    rows = [
        FaceRow(f"person {{n}}", np.full(48, n, np.float32), {{}}, f"{{n}}.png", n.to_bytes(16, "big"))
        for n in range(number, number + together)
    ]
    with file.writing():
        file.add(rows)
    print(number, flush=True)
"""


def start_writer(path: Path, folder: Path, *words: int) -> subprocess.Popen[str]:
    from mfn.recognition.model_check import identity_of

    code = WRITER.format(about=identity_of(squares(folder), "none"))
    return subprocess.Popen(
        [sys.executable, "-c", code, str(path), *map(str, words)], stdout=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    """Also the making of the file is a race that everybody wins."""
    writers = [start_writer(tmp_path / "g", tmp_path, 1000 * number, 60, 3) for number in range(4)]
    assert [writer.wait(120) for writer in writers] == [0] * 4
    with Gallery.open(tmp_path / "g", squares(tmp_path)) as gallery:
        assert {person.name for person in gallery.people()} == {
            f"person {1000 * number + n}" for number in range(4) for n in range(60)
        }
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.close()


@pytest.mark.slow
def test_a_killed_writer_leaves_a_whole_gallery(tmp_path: Path) -> None:
    """What was told to be written is there, and of each step all faces or none."""
    draws = np.random.default_rng(0)
    for attempt in range(8):
        path = tmp_path / f"g{attempt}"
        writer = start_writer(path, tmp_path, 0, 100_000, 7)
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(5)]
        time.sleep(float(draws.uniform(0, 0.05)))
        os.kill(writer.pid, signal.SIGKILL)
        told += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
        writer.wait()
        writer.stdout.close()
        with Gallery.open(path, squares(tmp_path)) as gallery:
            people = {int(person.name.split()[1]) for person in gallery.people()}
            vectors = gallery.faces()
        assert {n for number in told for n in range(number, number + 7)} <= people
        assert len(people) % 7 == 0 and len(vectors) == len(people)
        assert all((face.vector == int(face.name.split()[1])).all() for face in vectors)
