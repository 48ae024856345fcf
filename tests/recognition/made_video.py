"""Videos of faces that move, made of photos or of the squares of `made_people`."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Walker:
    """Somebody who moves through the picture: faces shown in turn, and where the middle is at a second."""

    faces: Sequence[Pixels]
    path: Callable[[float], tuple[float, float] | None]
    each: float = 2.0


def frames(
    walkers: Sequence[Walker], count: int, rate: float = 25.0, size: tuple[int, int] = (640, 480), noise: float = 4.0
) -> Iterator[Pixels]:
    """RGB frames over a background that moves; those who come later in the list walk in front."""
    width, height = size
    rng = np.random.default_rng(0)
    wide = cv2.resize(rng.integers(60, 180, (12, 32, 3), np.uint8), (2 * width, height), interpolation=cv2.INTER_CUBIC)
    for number in range(count):
        second = number / rate
        picture = np.roll(wide, -3 * number, axis=1)[:, :width].astype(np.float32)
        for walker in walkers:
            if (middle := walker.path(second)) is not None:
                _paste(picture, walker.faces[int(second / walker.each) % len(walker.faces)], middle)
        picture += rng.normal(0, noise, picture.shape) if noise else 0
        yield picture.clip(0, 255).astype(np.uint8)


def plain_frames(
    walkers: Sequence[Walker], count: int, rate: float = 25.0, size: tuple[int, int] = (320, 240)
) -> Iterator[Pixels]:
    """RGB frames in which `SquareDetector` finds faces of whole pixels on paper."""
    for number in range(count):
        second = number / rate
        picture = np.full((size[1], size[0], 3), 40, np.uint8)
        for walker in walkers:
            if (middle := walker.path(second)) is not None:
                face = walker.faces[int(second / walker.each) % len(walker.faces)]
                x, y = round(middle[0]) - face.shape[1] // 2, round(middle[1]) - face.shape[0] // 2
                picture[y : y + face.shape[0], x : x + face.shape[1]] = face
        yield picture


def write_video(path: Path, pictures: Iterable[Pixels], rate: float = 25.0) -> Path:
    """Writes RGB frames as MP4 (mp4v) or AVI (MJPG)."""
    writer: cv2.VideoWriter | None = None
    for picture in pictures:
        if writer is None:
            code = cv2.VideoWriter.fourcc(*("mp4v" if path.suffix == ".mp4" else "MJPG"))
            writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, rate, picture.shape[1::-1])
            assert writer.isOpened()
        writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert writer is not None
    writer.release()
    return path


def cut_faces(wild: Path, person: str, side: int = 200, least: float = 0.9) -> list[tuple[Path, Pixels]]:
    """The photos of a person of ``shared/data/wild`` whose face is clear, with head and hair at one size."""
    found = []
    with (wild / "landmarks.tsv").open() as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if row["path"].split("/")[0] != person or float(row["score"]) < least:
                continue
            x, y, w, h = (float(row[key]) for key in "xywh")
            photo = cv2.imread(str(wild / "photos" / row["path"]))
            reach = 0.85 * max(w, h)
            matrix = np.array([[1, 0, reach - x - w / 2], [0, 1, reach - y - h / 2]]) * (side / (2 * reach))
            crop = cv2.warpAffine(photo, matrix, (side, side), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
            found.append((wild / "photos" / row["path"], np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2RGB), np.uint8)))
    return found


def line(
    start: tuple[float, float], end: tuple[float, float], seconds: tuple[float, float]
) -> Callable[[float], tuple[float, float] | None]:
    """A walk from one point to another between two seconds; nobody before and after."""

    def path(second: float) -> tuple[float, float] | None:
        if not seconds[0] <= second < seconds[1]:
            return None
        share = (second - seconds[0]) / (seconds[1] - seconds[0])
        return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])

    return path


def _paste(picture: NDArray[np.float32], face: Pixels, middle: tuple[float, float]) -> None:
    """Puts a photo onto a picture as a soft oval."""
    side = face.shape[0]
    matrix = np.array([[1, 0, middle[0] - side / 2], [0, 1, middle[1] - side / 2]])
    size = picture.shape[1], picture.shape[0]
    alpha = np.zeros((side, side), np.float32)
    cv2.ellipse(alpha, (side // 2, side // 2), (round(0.42 * side), round(0.47 * side)), 0, 0, 360, 1.0, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), side / 40)
    over = cv2.warpAffine(face.astype(np.float32), matrix, size, flags=cv2.INTER_LINEAR)
    shown = cv2.warpAffine(np.asarray(alpha, np.float32), matrix, size, flags=cv2.INTER_LINEAR)[..., None]
    picture *= 1 - shown
    picture += shown * over
