"""Videos are read upright and with their times, late frames are dropped, and what is written is whole or not there."""

import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from mfn.errors import ConfigError, DataError
from mfn.recognition.video import Frame, Video, kind_of, open_video, shown
from mfn.recognition.video_writer import is_video_of_ours, writing_video
from tests.recognition.made_video import write_video


@pytest.fixture(params=["opencv", "av"])
def reader(request: pytest.FixtureRequest) -> str:
    if request.param == "av":
        pytest.importorskip("av")
    return request.param


def pictures(count: int, size: tuple[int, int] = (96, 64)) -> Iterator[np.ndarray]:
    """Each brighter than the one before; the upper left corner is white."""
    for number in range(count):
        picture = np.full((size[1], size[0], 3), 4 * (number % 50), np.uint8)
        picture[: size[1] // 4, : size[0] // 4] = 255
        yield picture


def read(source: Path | str, **options) -> tuple[list[Frame], Video]:
    with open_video(str(source), **options) as video:
        return list(video), video


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
@pytest.mark.parametrize("count", [1, 2, 40])
def test_frames_come_with_their_number_and_second(tmp_path: Path, reader: str, suffix: str, count: int) -> None:
    frames, video = read(write_video(tmp_path / f"v{suffix}", pictures(count), 20.0), reader=reader)
    assert [frame.index for frame in frames] == list(range(count))
    assert [frame.seconds for frame in frames] == pytest.approx([number / 20 for number in range(count)])
    assert all(frame.pixels.shape == (64, 96, 3) and frame.pixels.dtype == np.uint8 for frame in frames)
    assert (video.count, video.is_live, video.dropped, video.problem) == (count, False, 0, "")
    assert video.rate == pytest.approx(20)
    levels = [float(frame.pixels[40:].mean()) for frame in frames]
    assert levels == pytest.approx([4 * number for number in range(count)], abs=4)


def test_pixels_are_rgb(tmp_path: Path, reader: str) -> None:
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 200
    (frame,), _ = read(write_video(tmp_path / "v.avi", [red]), reader=reader)
    assert frame.pixels[20, 20] == pytest.approx([200, 0, 0], abs=12)


@pytest.mark.parametrize(
    ("matrix", "corner"),
    [
        ((1, 0, 0, 1), (8, 8)),
        ((0, 1, -1, 0), (8, -8)),  # to be turned by 90 degrees clockwise, as a phone held upright writes it
        ((-1, 0, 0, -1), (-8, -8)),
        ((0, -1, 1, 0), (-8, 8)),
    ],
)
def test_videos_are_turned_as_the_camera_says(tmp_path: Path, reader: str, matrix, corner: tuple[int, int]) -> None:
    path = write_video(tmp_path / "v.mp4", pictures(5))
    content = path.read_bytes()
    rows = [value * 0x10000 for value in matrix]
    upright = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    turned = struct.pack(">9i", rows[0], rows[1], 0, rows[2], rows[3], 0, 0, 0, 0x40000000)
    place = content.index(upright, content.index(b"tkhd"))
    path.write_bytes(content[:place] + turned + content[place + len(turned) :])
    frames, _ = read(path, reader=reader)
    assert frames[4].pixels.shape == ((64, 96, 3) if matrix[0] else (96, 64, 3))
    assert frames[4].pixels[corner].mean() > 200
    assert frames[4].pixels[-corner[0], -corner[1]].mean() < 50


def test_uneven_rates_keep_their_seconds(tmp_path: Path, reader: str) -> None:
    av = pytest.importorskip("av")
    places = [0, 1, 2, 10, 11, 37]
    with av.open(str(tmp_path / "v.mp4"), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for picture, place in zip(pictures(len(places)), places, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = place, Fraction(1, 25)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    frames, video = read(tmp_path / "v.mp4", reader=reader)
    assert [frame.seconds for frame in frames] == pytest.approx([place / 25 for place in places], abs=0.002)
    assert not video.problem


class Made:
    """Frames with stamps, as a reader gives them."""

    def __init__(self, stamps: list[float | None], *, rate: float = 25.0, each: float = 0.0, count: int = 0) -> None:
        self.rate, self.count, self.each, self.is_closed = rate, count, each, False
        self._stamps = iter(stamps)

    def read(self) -> tuple[np.ndarray, float | None] | None:
        time.sleep(self.each)
        stamp = next(self._stamps, "end")
        return None if stamp == "end" else (np.zeros((32, 32, 3), np.uint8), stamp)  # type: ignore[return-value]

    def close(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize(
    ("stamps", "seconds"),
    [
        ([0.0, 0.1, 0.3], [0, 0.1, 0.3]),
        ([7.0, 7.1, 7.3], [0, 0.1, 0.3]),  # a part of a longer one
        ([None, None, None], [0, 0.04, 0.08]),
        ([0.0, 0.0, 0.0], [0, 0.04, 0.08]),
        ([5.0, 5.1, 0.0, 0.1], [0, 0.1, 0.14, 0.24]),  # it began anew
        ([0.0, 0.1, 90000.0, 90000.1], [0, 0.1, 0.14, 0.24]),
        ([0.0, float("nan"), 0.2], [0, 0.04, 0.08]),
    ],
)
def test_seconds_rise_whatever_the_stamps_say(stamps: list[float | None], seconds: list[float]) -> None:
    assert [frame.seconds for frame in Video(Made(stamps), "v")] == pytest.approx(seconds)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), 90000.0, 1e-9])
def test_a_rate_that_is_none_becomes_the_usual_one(rate: float) -> None:
    assert Video(Made([], rate=rate), "v").rate == 25


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"some words\n" * 200, "cannot be opened as a video"),
        (None, "cannot be opened as a video"),  # an MP4 whose end is missing, where its table is
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".txt"])
def test_what_is_no_video_is_told(tmp_path: Path, reader: str, content: bytes | None, told: str, suffix: str) -> None:
    if content is None:
        content = write_video(tmp_path / "whole.mp4", pictures(40)).read_bytes()[:-1500]
    path = tmp_path / f"v{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataError, match=told):
        read(path, reader=reader)


def test_a_truncated_video_is_read_as_far_as_it_goes(tmp_path: Path, reader: str) -> None:
    path = write_video(tmp_path / "v.avi", pictures(50))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames, video = read(path, reader=reader)
    assert 10 < len(frames) < 40
    assert f"after {len(frames)} of 50 frames" in video.problem


@pytest.mark.parametrize(
    "name", ["two words.avi", "100%d.avi", "concat:a|b.avi", "😀'\".avi", "two\nlines.avi", "-i.avi"]
)
def test_names_of_files_are_names(tmp_path: Path, reader: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "v.avi", pictures(3)).rename(tmp_path / name)
    assert len(read(name, reader=reader)[0]) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="file names there are Unicode")
def test_a_name_of_bytes_is_told_or_read(tmp_path: Path, reader: str) -> None:
    path = tmp_path / "\udcff.avi"
    write_video(tmp_path / "v.avi", pictures(3)).rename(path)
    if reader == "av":
        assert len(read(path, reader=reader)[0]) == 3
        return
    with pytest.raises(DataError, match=r"\\xff\.avi.*rename"):  # OpenCV would crash
        read(path)


@pytest.mark.parametrize(
    ("source", "told"), [("none.mp4", "no video at none.mp4"), (".", "is a folder"), ("93", "no camera 93")]
)
def test_what_is_not_there_is_told(source: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=told):
        open_video(source)


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
@pytest.mark.parametrize("listens", [True, False])
def test_an_address_that_does_not_answer_is_told_in_time(reader: str, scheme: str, listens: bool) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listens:
            server.listen()  # takes connections and says nothing
        began = time.monotonic()
        with pytest.raises(DataError, match=r"me:\*\*\*@127\.0\.0\.1:\d+/x gave no video within 0\.7 seconds"):
            open_video(f"{scheme}://me:secret@127.0.0.1:{server.getsockname()[1]}/x", reader=reader, timeout=0.7)
        assert time.monotonic() - began < 5


def test_kinds_of_sources() -> None:
    kinds = {"0": "camera", "12": "camera", "rtsp://h/1": "address", "HTTPS://h": "address", "./0": "file"}
    kinds |= {"a.mp4": "file", "C:\\a.mp4": "file", "²": "file", "-1": "file"}
    assert {source: kind_of(source) for source in kinds} == kinds
    assert [shown(source) for source in ("0", "rtsp://a:b@h/x", "rtsp://h/x@y:1", "two\nlines")] == [
        *("camera 0", "rtsp://a:***@h/x", "rtsp://h/x@y:1", "two\\nlines")
    ]


@pytest.mark.parametrize("options", [{"reader": "vlc"}, {"timeout": 0}, {"max_side": 0}])
def test_options_that_make_no_sense_are_told(options: dict, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        open_video(str(write_video(tmp_path / "v.avi", pictures(1))), **options)


@pytest.mark.parametrize(("max_side", "shape"), [(None, (64, 96)), (48, (32, 48)), (96, (64, 96)), (4000, (64, 96))])
def test_large_frames_are_shrunk(tmp_path: Path, max_side: int | None, shape: tuple[int, int]) -> None:
    frames, _ = read(write_video(tmp_path / "v.avi", pictures(2)), max_side=max_side)
    assert frames[1].pixels.shape[:2] == shape


def test_late_frames_of_a_live_video_are_dropped_and_counted() -> None:
    made = Made([None] * 60, each=0.01)
    with Video(made, "camera 0", live=True) as video:
        seen = []
        for frame in video:
            seen.append(frame)
            time.sleep(0.05)
    numbers = [frame.index for frame in seen]
    assert numbers == sorted(set(numbers)) and numbers[-1] == 59
    assert len(seen) + video.dropped == 60 and video.dropped > 20
    assert made.is_closed


def test_nothing_is_dropped_for_who_is_in_time() -> None:
    with Video(Made([None] * 20, each=0.02), "camera 0", live=True) as video:
        assert len(list(video)) == 20 and not video.dropped


def test_a_file_plays_at_its_own_speed_when_it_is_live(tmp_path: Path, reader: str) -> None:
    path = write_video(tmp_path / "v.avi", pictures(20), 40.0)
    began = time.monotonic()
    frames, video = read(path, reader=reader, live=True)
    assert time.monotonic() - began > 19 / 40 - 0.05
    assert frames[-1].seconds == pytest.approx(19 / 40)
    assert len(frames) + video.dropped == 20


@pytest.mark.parametrize("before", [0, 3])
def test_a_stream_that_falls_silent_ends_with_a_sentence(before: int) -> None:
    class Silent(Made):
        def read(self):
            if (got := super().read()) is None:
                time.sleep(1.5)
            return got

    video = Video(Silent([None] * before, each=0.02), "rtsp://h/x", live=True, patience=0.3)
    frames = iter(video)
    for _ in range(before):
        assert next(frames, None) is not None
    if before:
        assert next(frames, None) is None
    else:
        with pytest.raises(DataError, match=r"no frame for 0\.3 seconds"):
            next(frames)
    assert "rtsp://h/x sent no frame" in video.problem
    video.close()


@pytest.mark.parametrize("live", [True, False])
def test_frames_end_once_stopped(live: bool) -> None:
    stop = threading.Event()
    with Video(Made([None] * 1000, each=0.005), "v", live=live, stop=stop) as video:
        for frame in video:
            if frame.index > 5:
                stop.set()
    assert not video.problem


def test_no_frame_at_all_is_told() -> None:
    with pytest.raises(DataError, match="no frame that can be decoded"):
        list(Video(Made([]), "v.mp4"))


@pytest.mark.parametrize("size", [(96, 64), (97, 65), (640, 480)])
def test_what_is_written_plays_and_keeps_its_times(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "out" / "v.mp4"
    times = [0.0, 0.04, 0.08, 0.4, 0.41, 0.8]  # uneven, and two fall together
    with writing_video(path, 25.0) as write:
        for picture, at in zip(pictures(6, size), times, strict=True):
            write(picture, at)
        assert not path.exists()
    frames, video = read(path)
    assert len(frames) == 21 and video.rate == 25
    assert frames[9].pixels[size[1] // 2 :].mean() == pytest.approx(8, abs=5)  # the third one stays until the fourth
    assert is_video_of_ours(path)
    assert [file.name for file in path.parent.iterdir()] == ["v.mp4"]


def test_a_gap_of_hours_is_not_filled(tmp_path: Path) -> None:
    with writing_video(tmp_path / "v.mp4", 25.0) as write:
        for picture, at in zip(pictures(3), [0.0, 7200.0, 7200.04], strict=True):
            write(picture, at)
    assert len(read(tmp_path / "v.mp4")[0]) == 3


def test_sizes_that_change_become_the_first_one(tmp_path: Path) -> None:
    with writing_video(tmp_path / "v.mp4", 25.0) as write:
        for number, size in enumerate([(96, 64), (320, 240), (32, 32)]):
            write(next(pictures(1, size)), number / 25)
    assert {frame.pixels.shape for frame in read(tmp_path / "v.mp4")[0]} == {(64, 96, 3)}


@pytest.mark.parametrize("frames", [0, 3])
def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path, frames: int) -> None:
    path = tmp_path / "v.mp4"
    with writing_video(path, 25.0) as write:
        write(next(pictures(1)), 0.0)
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError), writing_video(path, 25.0) as write:
        for picture in pictures(frames):
            write(picture, 0.0)
        raise ZeroDivisionError
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_only_our_own_videos_are_replaced(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", pictures(3))
    before = path.read_bytes()
    with pytest.raises(DataError, match="mfn did not write it"), writing_video(path, 25.0):
        raise AssertionError("it began")
    assert path.read_bytes() == before
    path.unlink()
    for count in (2, 5):
        with writing_video(path, 25.0) as write:
            for number, picture in enumerate(pictures(count)):
                write(picture, number / 25)
        assert len(read(path)[0]) == count


@pytest.mark.parametrize("name", ["v.avi", "v", "v.mp4.txt"])
def test_other_names_than_mp4_are_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"\.mp4"), writing_video(tmp_path / name, 25.0):
        raise AssertionError("it began")


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Unix")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys, numpy as np\n"
        "from pathlib import Path\n"
        "from mfn.recognition.video_writer import writing_video\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "with writing_video(Path(sys.argv[1]), 25.0) as write:\n"
        "    for n in range(50): write(np.random.default_rng(n).integers(0, 255, (240, 320, 3), np.uint8), n / 25)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(tmp_path / "v.mp4")], capture_output=True, text=True)
    assert ran.returncode and "free some space" in ran.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_a_photo_is_a_video_of_one_frame(tmp_path: Path, reader: str) -> None:
    cv2.imwrite(str(tmp_path / "p.png"), next(pictures(1)))
    assert len(read(tmp_path / "p.png", reader=reader)[0]) == 1
