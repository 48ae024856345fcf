"""What `mfn watch` makes of each frame: rows, a video with names, news of who comes, and how far it is."""

import argparse
import csv
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from mfn.files.ownership import writing
from mfn.progress import counting
from mfn.recognition.drawing import KNOWN, UNKNOWN, draw_face
from mfn.recognition.naming import UNKNOWN as NOBODY
from mfn.recognition.video import Frame, Video
from mfn.recognition.video_writer import writing_video
from mfn.recognition.watching import Sighting
from mfn.text import printable

log = logging.getLogger(__name__)

FRAME_COLUMNS = ("frame", "second", "track", "name", "similarity", "x", "y", "width", "height")
_SAID_EVERY = 10.0
"""Seconds between two lines on what has no known end."""

Output = Callable[[Frame, Sequence[Sighting]], None]


def outputs_of(options: argparse.Namespace, video: Video, stack: ExitStack) -> list[Output]:
    """What is done with each frame."""
    outputs: list[Output] = []
    if options.frames_csv is not None:
        outputs.append(_frame_rows(stack.enter_context(writing_csv(options.frames_csv, FRAME_COLUMNS))))
    if options.output is not None:
        outputs.append(_drawing(stack.enter_context(writing_video(options.output, video.rate))))
    if video.is_live:
        outputs.append(_news())
    return outputs


def _frame_rows(write: Callable[[Sequence[object]], None]) -> Output:
    def output(frame: Frame, sightings: Sequence[Sighting]) -> None:
        for each in sightings:
            box = [round(float(value), 1) for value in each.box]
            write((frame.index, round(frame.seconds, 3), each.track, each.name or NOBODY, rounded(each.score), *box))

    return output


def _drawing(write: Callable[[Any, float], None]) -> Output:
    def output(frame: Frame, sightings: Sequence[Sighting]) -> None:
        for each in sightings:
            score = "" if each.name is None or each.score is None else f" {each.score:.2f}"
            draw_face(frame.pixels, each.box, f"{each.name or NOBODY}{score}", KNOWN if each.name else UNKNOWN)
        write(frame.pixels, frame.seconds)

    return output


def _news() -> Output:
    """Says of what is live who comes, once for each track and name."""
    said: dict[int, str] = {}

    def output(frame: Frame, sightings: Sequence[Sighting]) -> None:
        for each in sightings:
            if each.name is not None and said.get(each.track) != each.name:
                said[each.track] = each.name
                log.info("%s  %s (%.2f)", clock(frame.seconds), printable(each.name), each.score)

    return output


@contextmanager
def progress_of(options: argparse.Namespace, video: Video) -> Iterator[Callable[..., None]]:
    """Tells how far it is, or how fast where there is no end."""
    if video.count is not None:
        limit = video.count if options.seconds is None else min(video.count, round(options.seconds * video.rate) + 1)
        with counting(limit, "frames", printable(video.name)) as count:
            yield count
        return
    began = said_at = time.perf_counter()
    frames = 0

    def say(number: int) -> None:
        nonlocal frames, said_at
        frames += number
        now = time.perf_counter()
        if now - said_at >= _SAID_EVERY:
            late = f", {video.dropped} dropped" if video.is_live else ""
            log.info("%s: %d frames, %.1f frames/s%s", printable(video.name), frames, frames / (now - began), late)
            said_at = now

    yield say


@contextmanager
def writing_csv(path: Path, columns: Sequence[str]) -> Iterator[Callable[[Sequence[object]], None]]:
    """Writes rows as they come; the file is there once the block ends well."""
    with (
        writing(path, begins_with(columns)) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        yield writer.writerow


def begins_with(columns: Sequence[str]) -> Callable[[Path], bool]:
    """Whether a file is a table of these columns."""

    def is_ours(path: Path) -> bool:
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                return file.readline(10_000).rstrip("\n") == ",".join(columns)
        except OSError:
            return False

    return is_ours


def rounded(value: float | None) -> float | None:
    """A score as it is written."""
    return None if value is None else round(value, 4)


def clock(seconds: float) -> str:
    """Seconds as people read them."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"
