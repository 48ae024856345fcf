"""A small IJB set in InsightFace's file layout, of synthetic faces that are not aligned."""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from mfn.contract import InputContract
from mfn.synthetic.dataset import SyntheticFaces

SIZE = (48, 48)
PEOPLE = 6
MEDIA = ((10, 10, 11), (20, 20), (30,))
"""Media of the images of each person's templates: the gallery's (two frames of a video and a photo), two probes."""


class Face(NamedTuple):
    """One line of the meta files."""

    image: str
    person: int
    template: int
    medium: int
    points: np.ndarray
    score: float


def template_of(person: int, number: int) -> int:
    """Ids with gaps, not in the order of the images."""
    return 1000 - 10 * person + number


def write_ijb(root: Path, name: str = "ijbc") -> list[Face]:
    """Writes meta files and images under `root`, and gives the faces in the order of the files."""
    faces = _faces()
    (root / "meta").mkdir(parents=True)
    (root / "loose_crop").mkdir()
    drawn = SyntheticFaces(PEOPLE, 6, SIZE)
    for index, face in enumerate(faces):
        photo = _photo(drawn.image(index), face.points)
        cv2.imwrite(str(root / "loose_crop" / face.image), photo[..., ::-1])
    write_meta(root, name, faces)
    return faces


def write_meta(root: Path, name: str, faces: list[Face]) -> None:
    meta = root / "meta"
    lines = [f"{f.image} {f.template} {f.medium}" for f in faces]
    (meta / f"{name}_face_tid_mid.txt").write_text("\n".join(lines) + "\n")
    lines = [f"{f.image} {' '.join(f'{x:.3f}' for x in f.points.ravel())} {f.score:.3f}" for f in faces]
    (meta / f"{name}_name_5pts_score.txt").write_text("\n".join(lines) + "\n")
    people = range(PEOPLE)
    lines = [f"{template_of(a, 0)} {template_of(b, n)} {int(a == b)}" for a in people for b in people for n in (1, 2)]
    (meta / f"{name}_template_pair_label.txt").write_text("\n".join(lines) + "\n")
    first, second = ("G1", "G2") if name == "ijbc" else ("S1", "S2")
    for file, who, numbers in (
        (f"gallery_{first}", [p for p in people if p % 2 == 0], (0,)),
        (f"gallery_{second}", [p for p in people if p % 2], (0,)),
        ("probe_mixed", list(people), (1, 2)),
    ):
        # As the protocol has it: one line for each image of a template
        listed = [f for f in faces if f.person in who and f.template % 10 in numbers]
        rows = [f"{f.template},{f.person},img/{f.image}" for f in listed]
        (meta / f"{name}_1N_{file}.csv").write_text("\n".join(["TEMPLATE_ID,SUBJECT_ID,FILENAME", *rows]) + "\n")


def _faces() -> list[Face]:
    rng = np.random.default_rng(0)
    template = np.array(InputContract.for_size(*SIZE).template)
    faces = []
    for person in range(PEOPLE):
        for number, media in enumerate(MEDIA):
            for medium in media:
                angle, scale = rng.uniform(-0.5, 0.5), rng.uniform(1.5, 2.0)
                turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
                points = (template - 24) @ turn.T + rng.uniform(70, 90, 2)
                score = rng.uniform(0.5, 1.0)
                name = f"{len(faces) + 1}.png"
                faces.append(Face(name, person, template_of(person, number), 100 * person + medium, points, score))
    return faces


def _photo(crop: np.ndarray, points: np.ndarray) -> np.ndarray:
    """A larger picture in which the crop's landmarks lie at `points`."""
    template = np.array(InputContract.for_size(*SIZE).template, np.float32)
    matrix = cv2.getAffineTransform(template[[0, 1, 3]], points[[0, 1, 3]].astype(np.float32))
    return np.asarray(cv2.warpAffine(crop, matrix, (160, 160), borderMode=cv2.BORDER_REPLICATE), np.uint8)
