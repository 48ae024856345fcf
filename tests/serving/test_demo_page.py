"""The page in a browser, with real photos."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("gradio")

from tests.browser import PROGRAM, browser

pytestmark = pytest.mark.slow


@contextmanager
def page(home: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A demo in a process of its own, and its address."""
    command = [sys.executable, "-m", "mfn", "demo", "--port", "0", *words]
    environment = os.environ | {"MFN_HOME": str(home), "TMPDIR": str(home)}
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, stderr=subprocess.STDOUT, text=True, env=environment)
    late = threading.Timer(200, process.kill)
    late.start()
    try:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("open "):
                yield process, line.split()[1]
                return
        pytest.fail(said)
    finally:
        late.cancel()
        process.kill()
        process.wait()


def files(place: Path) -> list[str]:
    """All files below a folder."""
    return [str(file) for file in place.rglob("*") if file.is_file()]


@pytest.fixture
def network(shared: Path) -> list[str]:
    yunet = shared / "weights" / "face_detection_yunet_2023mar.onnx"
    return ["--model", str(shared / "weights" / "y1.npz"), "--detector", str(yunet), "--threshold", "0.3"]


@pytest.mark.skipif(PROGRAM is None, reason="needs Chromium")
@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_two_photos_are_compared_and_nothing_leaves_or_stays(
    shared: Path, network: list[str], tmp_path: Path, width: int, height: int
) -> None:
    photos = sorted((shared / "data" / "wild" / "photos").glob("*/*.jpg"))[:2]
    home = tmp_path / "home"
    home.mkdir()
    with page(home, *network) as (process, address), browser(tmp_path / "browser") as tab:
        tab.screen(width, height, phone=width < 600)
        tab.open(address)
        for name, photo in zip(("first", "second"), photos, strict=True):
            tab.until(f"document.querySelector('#mfn-{name}-file input[type=file]')")
            tab.choose(f"#mfn-{name}-file input[type=file]", photo)
            tab.until(f"document.querySelector('#mfn-{name}-photo img')")
        tab.run("document.querySelector('#mfn-compare-button').click()")
        tab.until("document.querySelector('#mfn-compare-answer .mfn-verdict')")
        said = tab.run("document.querySelector('#mfn-compare-answer .mfn-verdict').innerText")
        assert said.startswith("The same person")
        assert tab.run("document.querySelectorAll('#mfn-compare-answer img').length") == 4
        assert tab.run("document.documentElement.scrollWidth") <= width
        addresses = tab.requests()
        assert len(addresses) > 10
        assert {each.split("/")[2] for each in addresses} == {address.split("/")[2]}
        assert [file for file in files(home) if file.endswith(".jpg")]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert files(home) == []


def test_other_machines_need_a_password(network: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mfn", "demo", "--host", "0.0.0.0", "--port", "0", *network]
    for more, said in (([], "--password"), (["--password", "short"], "at least 8")):
        environment = os.environ | {"MFN_HOME": str(tmp_path)}
        done = subprocess.run([*command, *more], capture_output=True, text=True, timeout=200, env=environment)
        assert done.returncode == 1
        assert said in done.stderr.strip().splitlines()[-1]
    assert files(tmp_path) == []
