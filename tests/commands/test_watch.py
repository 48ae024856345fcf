"""``mfn watch``: who was there from when to when, in tables, a CSV, JSON and a video, whatever the video is like."""

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from mfn.align.face import Face
from mfn.align.mtcnn import MtcnnDetector
from mfn.commands import import_weights, watch
from mfn.inference.embedder import FaceEmbedder
from mfn.recognition.gallery import Gallery
from mfn.recognition.picture import Aligned
from mfn.recognition.pipeline import FacePipeline
from mfn.recognition.video import open_video
from tests.commands.recognising import say
from tests.docs.pages import blocks
from tests.recognition.made_people import SquareDetector, crop_of, network_file, squares
from tests.recognition.made_video import Walker, cut_faces, frames, line, plain_frames, write_video

Watch = Callable[..., tuple[int, str, str]]
ODD = 'O\'Hara, "😀"\nZoë'
ANN, BOB, ODDLY, STRANGER = 0, 1, 2, 9
NAMES = {ANN: "ann", BOB: "bob", ODDLY: ODD}


def big(person: int, side: int = 64) -> np.ndarray:
    return cv2.resize(crop_of(person, 3), (side, side), interpolation=cv2.INTER_NEAREST)


def walker(person: int, *way: tuple[float, float], seconds: tuple[float, float] = (0, 4), side: int = 64) -> Walker:
    return Walker([big(person, side)], line(way[0], way[-1], seconds))


class Wavering(SquareDetector):
    """Finds faces not quite where they are, and now and then none; what compression does to the paper is paper."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)

    def __call__(self, images: Sequence[np.ndarray], names: Sequence[str]) -> list[list[Face]]:
        clean = [
            np.where(np.abs(image.astype(int) - 40).max(axis=2, keepdims=True) > 45, image, 40) for image in images
        ]
        found = super().__call__([image.astype(np.uint8) for image in clean], names)
        return [[self._moved(face) for face in faces if self.rng.random() > 0.1] for faces in found]

    def _moved(self, face: Face) -> Face:
        by = self.rng.normal(0, 2, 2)
        return Face.rounded([*(face.box[:2] + by), *face.box[2:]], face.points + by, face.score)


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    path = tmp_path / "g.mfng"
    with Gallery.open(path, squares(tmp_path)) as gallery:
        look = FacePipeline(None, squares(tmp_path))
        for person, name in NAMES.items():
            gallery.enroll(name, [look(Aligned(crop_of(person, shot)))[0] for shot in range(2)])
    return path


@pytest.fixture
def run(tmp_path: Path, gallery: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Watch:
    network = network_file(tmp_path)
    detector = Wavering()
    monkeypatch.setattr(watch, "detector_of", lambda options: detector)
    monkeypatch.chdir(tmp_path)

    def run(*words: object, gallery: Path = gallery) -> tuple[int, str, str]:
        chosen = ("--gallery", gallery, "--model", network)
        return say("watch", *words, *chosen, monkeypatch=monkeypatch, capsys=capsys)

    return run


def tracks_in(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def crossing(count: int = 100) -> Iterator[np.ndarray]:
    return plain_frames(
        [walker(ANN, (40, 60), (280, 60)), walker(STRANGER, (160, 190), (150, 190)), walker(BOB, (280, 60), (40, 60))],
        count,
    )


def test_two_who_cross_and_a_stranger_get_their_names(run: Watch, tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.avi", crossing())
    outputs = ("--csv", "t.csv", "--frames-csv", "f.csv", "--json", "j.json", "--output", "out.mp4")
    status, out, err = run(video, *outputs)
    assert (status, err) == (0, "")
    rows = tracks_in(tmp_path / "t.csv")
    assert {row["name"] for row in rows} == {"ann", "bob", "unknown"} and len(rows) <= 5
    assert all((float(row["similarity"]) > 0.6) == (row["name"] != "unknown") for row in rows)
    (stranger,) = [row for row in rows if row["name"] == "unknown"]
    assert float(stranger["first_second"]) < 0.2 and float(stranger["last_second"]) > 3.8
    boxes = tracks_in(tmp_path / "f.csv")
    for row in boxes:  # each name stays with its person, before and after
        seconds, middle = float(row["second"]), float(row["x"]) + float(row["width"]) / 2
        if row["name"] in ("ann", "bob") and not 1.2 < seconds < 2.8:
            expected = 40 + 60 * seconds if row["name"] == "ann" else 280 - 60 * seconds
            assert middle == pytest.approx(expected, abs=20), row
    told = json.loads((tmp_path / "j.json").read_text())
    assert [row["name"] for row in told["tracks"]] == [row["name"] for row in rows]
    assert (told["frames"], told["looked_at"], told["dropped"], told["stopped"]) == (100, 100, 0, False)
    assert {each["person"] for each in told["people"]} == {"ann", "bob"}
    assert told["embedded"] < 60 and sum(told["shares"].values()) == pytest.approx(1, abs=0.15)
    assert "frames/s" in out and "detect %" in out and "0.01 of strangers get a name" in out
    drawn = [frame.pixels for frame in open_video(str(tmp_path / "out.mp4"))]
    assert len(drawn) == 100 and drawn[50].shape == (240, 320, 3)
    plain = [frame.pixels for frame in open_video(str(video))]
    assert np.abs(drawn[10].astype(int) - plain[10]).max() > 60
    assert run(video, *outputs)[0] == 0  # its own files are replaced


def test_names_do_not_flicker_where_single_frames_do(run: Watch, tmp_path: Path) -> None:
    """The face is hidden under noise that moves its score about the threshold."""
    rng = np.random.default_rng(1)
    noisy = [
        np.clip(crop_of(ANN, 3) + rng.normal(0, 60, (4, 4, 3)).repeat(8, 0).repeat(8, 1), 0, 255).astype(np.uint8)
        for _ in range(100)
    ]
    faces = [cv2.resize(face, (64, 64), interpolation=cv2.INTER_NEAREST) for face in noisy]
    video = write_video(tmp_path / "v.avi", plain_frames([Walker(faces, line((60, 60), (200, 60), (0, 4)), 0.04)], 100))
    look = FacePipeline(SquareDetector(), squares(tmp_path))
    with Gallery.open(tmp_path / "g.mfng", squares(tmp_path)) as gallery:
        found = [face for frame in open_video(str(video)) for face in look(frame.pixels)]
        scores = [matches[0].score for matches in gallery.identify(found, k=1)]
    threshold = float(np.median(scores))
    alone = [score >= threshold for score in scores]
    assert sum(one != two for one, two in pairwise(alone)) > 20
    assert run(video, "--frames-csv", "f.csv", "--csv", "t.csv", "--threshold", threshold)[0] == 0
    shown = [row["name"] for row in tracks_in(tmp_path / "f.csv")]
    assert sum(one != two for one, two in pairwise(shown)) <= 1  # once named, it stays
    (row,) = tracks_in(tmp_path / "t.csv")
    assert (row["name"], shown[-1]) == ("ann", "ann")


def test_who_comes_back_is_a_new_track_of_the_same_name(run: Watch, tmp_path: Path) -> None:
    there = [walker(ODDLY, (60, 60), (200, 60), seconds=(0, 1)), walker(ODDLY, (200, 150), (60, 150), seconds=(3, 4))]
    video = write_video(tmp_path / "v.avi", plain_frames(there, 100))
    status, out, _ = run(video, "--csv", "t.csv", "--json", "j.json")
    rows = tracks_in(tmp_path / "t.csv")
    assert status == 0 and [row["name"] for row in rows] == [ODD, ODD]
    assert float(rows[0]["last_second"]) < 1.01 and float(rows[1]["first_second"]) >= 3
    (person,) = json.loads((tmp_path / "j.json").read_text())["people"]
    assert (person["person"], person["tracks"], person["seconds"]) == (ODD, 2, pytest.approx(1.9, abs=0.15))
    assert '😀"\\nZoë' in out and "Zoë\n" not in out


def test_somebody_else_in_the_same_place_is_not_taken_for_who_was_there(run: Watch, tmp_path: Path) -> None:
    there = [walker(ANN, (100, 100), seconds=(0, 1)), walker(BOB, (100, 100), seconds=(1.6, 3))]
    video = write_video(tmp_path / "v.avi", plain_frames(there, 75))
    assert run(video, "--csv", "t.csv")[0] == 0
    ann, bob = tracks_in(tmp_path / "t.csv")
    assert (ann["name"], bob["name"]) == ("ann", "bob")
    assert float(ann["last_second"]) < 1 and float(bob["first_second"]) >= 1.6


@pytest.mark.parametrize("every", [1, 3, 10, 1000])
def test_faces_are_looked_for_as_often_as_asked(
    run: Watch, tmp_path: Path, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "detector_of", lambda options: SquareDetector())
    video = write_video(tmp_path / "v.avi", plain_frames([walker(ANN, (60, 60), (200, 60))], 60))
    assert run(video, "--every", every, "--json", "j.json", "--frames-csv", "f.csv")[0] == 0
    told = json.loads((tmp_path / "j.json").read_text())
    assert (told["frames"], told["looked_at"]) == (60, -(-60 // every))
    if every < 1000:
        assert {row["name"] for row in told["tracks"]} == {"ann"}
        assert len(tracks_in(tmp_path / "f.csv")) > 45  # boxes go on between


@pytest.mark.parametrize("count", [1, 2])
def test_few_frames_are_a_video(run: Watch, tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "detector_of", lambda options: SquareDetector())
    video = write_video(tmp_path / "v.avi", crossing(count))
    assert run(video, "--csv", "t.csv", "--output", "o.mp4")[0] == 0
    assert Counter(row["name"] for row in tracks_in(tmp_path / "t.csv")) == {"ann": 1, "bob": 1, "unknown": 1}
    assert len(list(open_video(str(tmp_path / "o.mp4")))) == count


def test_with_nobody_enrolled_everybody_is_unknown(run: Watch, tmp_path: Path) -> None:
    with Gallery.open(tmp_path / "empty.mfng", squares(tmp_path)):
        pass
    video = write_video(tmp_path / "v.avi", crossing(30))
    status, _, err = run(video, "--csv", "t.csv", gallery=tmp_path / "empty.mfng")
    assert status == 0 and "nobody is enrolled" in err
    rows = tracks_in(tmp_path / "t.csv")
    assert len(rows) == 3 and {(row["name"], row["similarity"]) for row in rows} == {("unknown", "")}


def test_a_video_of_nobody_has_empty_tables(run: Watch, tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.avi", plain_frames([], 5))
    for _ in range(2):
        status, out, _ = run(video, "--csv", "t.csv", "--frames-csv", "f.csv")
        assert status == 0 and "no face was found" in out
        assert tracks_in(tmp_path / "t.csv") == tracks_in(tmp_path / "f.csv") == []
    assert run(write_video(tmp_path / "w.avi", crossing(5)), "--csv", "t.csv")[0] == 0
    assert len(tracks_in(tmp_path / "t.csv")) == 3


def test_seconds_and_sides_limit_the_work(run: Watch, tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.avi", crossing(60))
    assert run(video, "--seconds", 1, "--max-side", 160, "--output", "o.mp4", "--json", "j.json")[0] == 0
    assert json.loads((tmp_path / "j.json").read_text())["frames"] == 25
    assert next(iter(open_video(str(tmp_path / "o.mp4")))).pixels.shape == (120, 160, 3)


@pytest.mark.slow
def test_json_in_place_of_words(run: Watch, tmp_path: Path) -> None:
    file = tmp_path / "screen.json"
    script = "import sys; from mfn.commands import watch; from tests.recognition.made_people import SquareDetector\n"
    script += "watch.detector_of = lambda options: SquareDetector()\nwatch.main(sys.argv[1:])"
    video = write_video(tmp_path / "v.avi", crossing(5))
    words = [str(video), "--gallery", "g.mfng", "--model", "squares.onnx", "--json"]
    with file.open("w") as screen:
        subprocess.run([sys.executable, "-c", script, *words], stdout=screen, check=True, cwd=tmp_path, env=paths())
    assert len(json.loads(file.read_text())["tracks"]) == 3


def paths() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("gone.mp4",), "there is no video at gone.mp4"),
        (("93",), "there is no camera 93"),
        ((".",), "is a folder"),
        (("empty.mp4",), "empty.mp4 is empty"),
        (("text.mp4",), "text.mp4 cannot be opened as a video"),
        (("v.avi", "--output", "o.avi"), "ends in .mp4"),
        (("v.avi", "--output", "theirs.mp4"), "mfn did not write it"),
        (("v.avi", "--csv", "other.csv"), "mfn did not write it"),
        (("v.avi", "--frames-csv", "other.csv"), "mfn did not write it"),
        (("v.avi", "--json", "text.mp4"), "mfn did not write it"),
        (("v.avi", "--csv", "."), "is a folder"),
        (("v.avi", "--every", "0"), "at least 1"),
        (("v.avi", "--faces", "0"), "at least 1"),
        (("v.avi", "--forget", "0"), "above 0"),
        (("v.avi", "--seconds", "0"), "--seconds must be above 0"),
        (("v.avi", "--max-side", "3"), "at least 16"),
        (("v.avi", "--aligned"), "--aligned"),
        (("v.avi", "--fpir", "2"), "fpir"),
        (("v.avi", "--fpir", "0.1", "--threshold", "0.5"), "not two of them"),
        (("http://127.0.0.1:1/x", "--timeout", "0.5"), "gave no video within 0.5 seconds"),
    ],
)
def test_what_cannot_be_done_is_told_and_nothing_is_touched(
    run: Watch, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    write_video(tmp_path / "v.avi", crossing(2))
    write_video(tmp_path / "theirs.mp4", crossing(2))
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("no video\n" * 100)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    status, _, err = run(*words)
    assert status == 1 and told in err and len(err.strip().splitlines()) == 1
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_a_gallery_of_another_network_and_none_are_told(run: Watch, tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.avi", crossing(2))
    network_file(tmp_path, name="other.onnx", turned=True)
    assert "there is no gallery at" in run(video, gallery=tmp_path / "none.mfng")[2]
    with Gallery.open(tmp_path / "other.mfng", FaceEmbedder.load(tmp_path / "other.onnx")):
        pass
    status, _, err = run(video, gallery=tmp_path / "other.mfng")
    assert status == 1 and "network" in err


def test_a_truncated_video_gives_what_is_there_and_a_warning(run: Watch, tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.avi", crossing(50))
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    status, _, err = run(video, "--csv", "t.csv", "--output", "o.mp4")
    assert status == 0 and "cut off or damaged" in err
    assert {row["name"] for row in tracks_in(tmp_path / "t.csv")} == {"ann", "bob", "unknown"}
    assert 10 < len(list(open_video(str(tmp_path / "o.mp4")))) < 40


def test_a_live_source_drops_what_is_late_and_says_who_comes(
    run: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Wavering):
        def __call__(self, images, names):
            time.sleep(0.1)
            return super().__call__(images, names)

    monkeypatch.setattr(watch, "detector_of", lambda options: Slow())
    video = write_video(tmp_path / "v.avi", plain_frames([walker(ANN, (60, 60), (160, 60))], 50))
    status, out, _ = run(video, "--live", "--json", "j.json", "--output", "o.mp4", "--csv", "t.csv")
    told = json.loads((tmp_path / "j.json").read_text())
    assert status == 0 and told["dropped"] > 10 and told["frames"] + told["dropped"] == 50
    assert "dropped" in out and out.count("  ann (") == 1
    assert [row["name"] for row in tracks_in(tmp_path / "t.csv")] == ["ann"]
    assert 45 <= len(list(open_video(str(tmp_path / "o.mp4")))) <= 50  # it is as long as what it shows


SLOW = """
import sys, time
from mfn.align.mtcnn import MtcnnDetector
from mfn.commands import import_weights, watch
from mfn.inference.embedder import FaceEmbedder
from tests.recognition.made_people import SquareDetector
class Slow(SquareDetector):
    def __call__(self, images, names):
        time.sleep(0.05)
        open("began", "w").close()
        return super().__call__(images, names)
watch.detector_of = lambda options: Slow()
watch.main(sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
@pytest.mark.parametrize(
    ("number", "live", "status"),
    [
        (signal.SIGINT, False, 130),
        (signal.SIGTERM, False, 130),
        (signal.SIGINT, True, 0),  # which is how a camera is stopped
        (signal.SIGKILL, False, -9),
    ],
)
def test_stopped_it_finishes_its_files_and_killed_it_leaves_none(
    tmp_path: Path, gallery: Path, number: signal.Signals, live: bool, status: int
) -> None:
    write_video(tmp_path / "v.avi", plain_frames([walker(ANN, (60, 60), (250, 60), seconds=(0, 40))], 1000))
    words = ["v.avi", "--gallery", gallery.name, "--model", "squares.onnx", "--output", "o.mp4", "--csv", "t.csv"]
    words += ["--json", "j.json", *(["--live"] if live else [])]
    ran = subprocess.Popen([sys.executable, "-c", SLOW, *words], cwd=tmp_path, env=paths(), text=True, **PIPES)
    until = time.monotonic() + 60
    while not (tmp_path / "began").exists() and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.5)
    ran.send_signal(number)
    out, err = ran.communicate(timeout=60)
    assert ran.returncode == status, err
    if number == signal.SIGKILL:
        assert not any((tmp_path / name).exists() for name in ("o.mp4", "t.csv", "j.json"))
        return
    assert "stopped by hand" in out and "ann" in out
    told = json.loads((tmp_path / "j.json").read_text())
    assert told["stopped"] and 2 < told["frames"] < 1000
    assert [row["name"] for row in tracks_in(tmp_path / "t.csv")] == ["ann"]
    assert len(list(open_video(str(tmp_path / "o.mp4")))) >= told["frames"] - 1


PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


@pytest.mark.slow
@pytest.mark.parametrize("detector", ["yunet", "mtcnn"])
def test_real_faces_get_their_names(
    shared: Path, tmp_path: Path, detector: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    wild, network = shared / "data/wild", tmp_path / "y1.ckpt"
    import_weights.main([str(shared / "weights/y1.npz"), "--output", str(network)])
    chosen = str(shared / "weights/face_detection_yunet_2023mar.onnx") if detector == "yunet" else detector
    known, stranger = ("07201", "07211"), "07243"
    cut = {person: cut_faces(wild, person, 160) for person in (*known, stranger)}
    embedder = FaceEmbedder.load(network)
    with Gallery.open(tmp_path / "g.mfng", embedder) as gallery:
        look = FacePipeline(MtcnnDetector(), embedder, flip=gallery.flip)
        for person in known:
            for photo, _ in cut[person][:3]:
                gallery.enroll(person, max(look(photo), key=lambda face: face.box[2]))
    places = [((70, 110), (400, 120)), ((240, 280), (240, 280)), ((410, 110), (80, 120))]
    ways = [line(start, end, (0, 4)) for start, end in places]
    faces = [[face for _, face in cut[person][3:]] for person in (known[0], stranger, known[1])]
    walkers = [Walker(each, way, 1.3) for each, way in zip(faces, ways, strict=True)]
    write_video(tmp_path / "v.mp4", frames(walkers, 80, 20.0, size=(480, 360)))
    words = ["v.mp4", "--gallery", "g.mfng", "--model", str(network), "--threshold", "0.4", "--csv", "t.csv"]
    status, _, err = say("watch", *words, "--detector", chosen, monkeypatch=monkeypatch, capsys=capsys)
    assert status == 0, err
    rows = [row for row in tracks_in(tmp_path / "t.csv") if int(row["frames"]) > 3]
    seen = Counter[str]()
    for row in rows:
        seen[row["name"]] += int(row["frames"])
    assert set(seen) == {*known, "unknown"} and min(seen.values()) > 35
    assert len(rows) <= 6


def test_the_commands_of_the_documentation_are_understood() -> None:
    commands = [command for block in blocks() if block.page == "watch" for command in block.commands]
    assert len(commands) == 3
    for command in commands:
        watch.parser().parse_args(shlex.split(command)[2:])
