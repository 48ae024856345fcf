"""``mfn watch``: who of a gallery is in a video, before a camera or on a stream; each is followed and named once."""

import argparse
import dataclasses
import logging
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from mfn.commands.recognising import (
    add_detector,
    add_json,
    add_model,
    add_threshold,
    detector_of,
    embedder_of,
    gallery_threshold,
    in_words,
)
from mfn.commands.screen import plain_program
from mfn.commands.watch_outputs import FRAME_COLUMNS, begins_with, clock, outputs_of, progress_of, rounded, writing_csv
from mfn.errors import ConfigError
from mfn.files.ownership import is_json, refuse_to_replace, write_json
from mfn.inference.embedder import FaceEmbedder
from mfn.recognition.finder import FaceFinder
from mfn.recognition.gallery import Gallery
from mfn.recognition.pipeline import FacePipeline
from mfn.recognition.thresholds import Threshold, threshold_of_pair
from mfn.recognition.video import READERS, Frame, Video, open_video
from mfn.recognition.video_writer import check_video_name, is_video_of_ours
from mfn.recognition.watching import TrackRow, Watcher
from mfn.report.tables import table
from mfn.text import printable

log = logging.getLogger(__name__)

TRACK_COLUMNS = ("track", "name", "similarity", "first_second", "last_second", "frames", "best_quality")
_SHOWN = 30


def main(arguments: Sequence[str], verb: str = "watch") -> None:
    """Runs the command."""
    with plain_program():
        options = parser(verb).parse_args(arguments)
        with in_words(options):
            run(options)


def parser(verb: str = "watch") -> argparse.ArgumentParser:
    """What there is to type."""
    words = argparse.ArgumentParser(f"mfn {verb}", description=__doc__)
    words.add_argument(
        "source", metavar="FILE|CAMERA|URL", help="a video, a camera's number, or rtsp://... or http://..."
    )
    words.add_argument("--gallery", type=Path, required=True, metavar="FILE", help="of mfn enroll")
    add_json(words)
    words.add_argument("--csv", type=Path, help="write one line a track")
    words.add_argument("--frames-csv", type=Path, metavar="CSV", help="write one line for each box of each frame")
    words.add_argument("--output", type=Path, metavar="FILE.mp4", help="write the video with boxes and names")
    video = words.add_argument_group("video")
    video.add_argument("--every", type=int, default=1, metavar="N", help="look for faces in every Nth frame only")
    video.add_argument("--seconds", type=float, help="end after so many seconds of the video")
    video.add_argument("--max-side", type=int, metavar="PIXELS", help="shrink larger frames to this longer side")
    video.add_argument(
        "--live",
        action=argparse.BooleanOptionalAction,
        help="drop frames that are late; cameras and streams are live, and a file plays at its own speed with it",
    )
    video.add_argument("--reader", choices=READERS, default="opencv", help="what decodes: OpenCV, or PyAV")
    video.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS", help="to wait for an address")
    video.add_argument("--faces", type=int, default=5, metavar="N", help="best faces of a track that are embedded")
    video.add_argument("--forget", type=float, default=1.0, metavar="SECONDS", help="unseen after which a track ends")
    add_model(words)
    add_detector(words)
    add_threshold(words, of_gallery=True)
    return words


def run(options: argparse.Namespace) -> None:
    """Watches.

    Raises:
        MfnError: There is no such video or gallery, or an option makes no sense.
        KeyboardInterrupt: Somebody stopped a file before its end; all is written.
    """
    _check(options)
    stop = threading.Event()
    embedder = embedder_of(options)
    with Gallery.open(options.gallery, embedder, flip=options.flip, create=False) as gallery:
        threshold = _threshold(options, embedder, gallery)
        watcher = _watcher(options, embedder, gallery, threshold)
        with _video(options, stop) as video, _stopping(stop):
            told = _watched(options, video, watcher)
    _tell(options, told, watcher, threshold, video, was_stopped=stop.is_set())
    if stop.is_set() and not video.is_live:
        raise KeyboardInterrupt


def _check(options: argparse.Namespace) -> None:
    if options.aligned:
        raise ConfigError("--aligned is for crops: in the frames of a video faces must be found")
    if options.seconds is not None and not options.seconds > 0:
        raise ConfigError(f"--seconds must be above 0, got {options.seconds:g}")
    if options.output is not None:
        check_video_name(options.output)
        refuse_to_replace(options.output, is_video_of_ours)
    for path, columns in ((options.csv, TRACK_COLUMNS), (options.frames_csv, FRAME_COLUMNS)):
        if path is not None:
            refuse_to_replace(path, begins_with(columns))
    if options.json is not None:
        refuse_to_replace(options.json, is_json)


def _threshold(options: argparse.Namespace, embedder: FaceEmbedder, gallery: Gallery) -> Threshold:
    contract = embedder.contract
    if not len(gallery):
        log.warning("nobody is enrolled in %s: everybody will be unknown", printable(str(gallery.path)))
        said = (options.threshold, options.fmr, options.fpir)
        if contract.measured is None and contract.threshold is None and said == (None, None, None):
            return Threshold(1.0, None, "nobody is enrolled")
    return gallery_threshold(options, contract, gallery, options.by)


def _watcher(options: argparse.Namespace, embedder: FaceEmbedder, gallery: Gallery, threshold: Threshold) -> Watcher:
    detector = detector_of(options)
    assert detector is not None
    try:
        same = min(threshold.cosine, threshold_of_pair(embedder.contract, flip=gallery.flip).cosine)
    except ConfigError:  # a network that nobody measured
        same = threshold.cosine
    return Watcher(
        FaceFinder(detector, embedder.contract),
        FacePipeline(None, embedder, flip=gallery.flip),
        gallery,
        threshold=threshold.cosine,
        same=same,
        every=options.every,
        most=options.faces,
        forget=options.forget,
        by=options.by,
        band=options.band,
    )


def _video(options: argparse.Namespace, stop: threading.Event) -> Video:
    return open_video(
        options.source,
        reader=options.reader,
        live=options.live,
        max_side=options.max_side,
        timeout=options.timeout,
        stop=stop,
    )


@contextmanager
def _stopping(stop: threading.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the watching, and all files are finished; a second one ends the program at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = [(number, signal.signal(number, handle)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _watched(options: argparse.Namespace, video: Video, watcher: Watcher) -> dict[str, Any]:
    """Watches to the end, writes what was asked for, and gives the numbers of the run."""
    spent = {"decode": 0.0, "write": 0.0}
    frames, seconds, began = 0, 0.0, time.perf_counter()
    with ExitStack() as stack:
        outputs = outputs_of(options, video, stack)
        count = stack.enter_context(progress_of(options, video))
        for frame in _timed(video, spent, options.seconds):
            sightings = watcher.look(frame)
            started = time.perf_counter()
            for output in outputs:
                output(frame, sightings)
            spent["write"] += time.perf_counter() - started
            count(1)
            frames, seconds = frames + 1, frame.seconds
        started = time.perf_counter()
    spent["write"] += time.perf_counter() - started
    rows = watcher.finish()
    if options.csv is not None:
        with writing_csv(options.csv, TRACK_COLUMNS) as write:
            for row in rows:
                scores = rounded(row.similarity), row.first, row.last, row.frames, rounded(row.quality)
                write((row.track, row.name, *scores))
    wall = time.perf_counter() - began
    parts = {"decode": spent["decode"], **watcher.spent, "write": spent["write"]}
    return {
        "frames": frames,
        "seconds": round(seconds, 3),
        "looked_at": watcher.looked,
        "dropped": video.dropped,
        "embedded": watcher.embedded,
        "frames_per_second": round(frames / max(wall, 1e-9), 2),
        "shares": {part: round(each / max(wall, 1e-9), 4) for part, each in parts.items()},
        "tracks": rows,
    }


def _timed(video: Video, spent: dict[str, float], most: float | None) -> Iterator[Frame]:
    frames = iter(video)
    while True:
        began = time.perf_counter()
        frame = next(frames, None)
        spent["decode"] += time.perf_counter() - began
        if frame is None or (most is not None and frame.seconds >= most):
            return
        yield frame


def _tell(
    options: argparse.Namespace,
    told: dict[str, Any],
    watcher: Watcher,
    threshold: Threshold,
    video: Video,
    was_stopped: bool,
) -> None:
    rows: list[TrackRow] = told.pop("tracks")
    people = _people(rows)
    if video.problem:
        log.warning("%s", video.problem)
    if options.json is not None:
        tracks = [dataclasses.asdict(row) for row in rows]
        about = {"threshold": threshold.cosine, "fmr": threshold.fmr, "stopped": was_stopped, "problem": video.problem}
        write_json(options.json, {"source": video.name, **told, **about, "people": people, "tracks": tracks})
    more = f" (the first {_SHOWN} of {len(rows)}; --csv writes all)" if len(rows) > _SHOWN else ""
    log.info(table(f"Tracks{more}", [_track_row(row) for row in rows[:_SHOWN]] or [{"track": "no face was found"}]))
    if people:
        log.info(table(threshold.sentence(), [{**each, "person": printable(each["person"])} for each in people]))
    shares = {f"{part} %": f"{100 * share:.0f}" for part, share in told["shares"].items()}
    speed = {
        "frames": told["frames"],
        **({"dropped": video.dropped} if video.is_live else {}),
        "frames/s": f"{told['frames_per_second']:.1f}",
        "faces embedded": watcher.embedded,
        **shares,
    }
    log.info(table(f"{printable(video.name)}, {clock(told['seconds'])}", [speed]))
    if was_stopped:
        log.info("stopped by hand at %s; what was seen until then is written", clock(told["seconds"]))


def _people(rows: Sequence[TrackRow]) -> list[dict[str, Any]]:
    """Everybody who was named, in the order of appearance."""
    found: dict[str, list[TrackRow]] = {}
    for row in rows:
        if row.is_known:
            found.setdefault(row.name, []).append(row)
    return [
        {
            "person": name,
            "tracks": len(tracks),
            "first": min(row.first for row in tracks),
            "last": max(row.last for row in tracks),
            "seconds": round(sum(row.last - row.first for row in tracks), 3),
            "similarity": max(row.similarity for row in tracks if row.similarity is not None),
        }
        for name, tracks in found.items()
    ]


def _track_row(row: TrackRow) -> dict[str, object]:
    return {
        "track": str(row.track),
        "name": printable(row.name),
        "similarity": "" if row.similarity is None else f"{row.similarity:.3f}",
        "first": clock(row.first),
        "last": clock(row.last),
        "frames": row.frames,
        "best quality": "" if row.quality is None else f"{row.quality:.2f}",
    }
