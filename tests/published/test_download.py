"""Fetching from a server on this machine that breaks off, lies, and is gone."""

import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from mfn.commands.main import main
from mfn.errors import CheckpointError, ConfigError, DataError
from mfn.inference.embedder import FaceEmbedder
from mfn.published.cache import fetched, home, place_of
from mfn.published.catalogue import CATALOGUE
from mfn.published.download import download

CONTENT = np.random.default_rng(0).bytes(300_000)
SHA = hashlib.sha256(CONTENT).hexdigest()


class Server:
    """Serves CONTENT under any path.

    Attributes:
        breaks: How many of the next answers break off, each after 100,000 bytes.
        ranges: Whether it goes on in the middle.
        requests: The Range of each request.
    """

    def __init__(self) -> None:
        self.breaks, self.ranges, self.requests, self.status = 0, True, [], 200
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.headers.get("Range")
                server.requests.append(asked)
                if server.status != 200 or self.path.endswith("missing.onnx"):
                    self.send_error(404 if server.status == 200 else server.status)
                    return
                start = int(asked.split("=")[1].rstrip("-")) if asked and server.ranges else 0
                body = CONTENT[start:]
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if server.breaks:
                    server.breaks -= 1
                    body = body[:100_000]
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MFN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_file_comes_whole_and_once(server: Server, tmp_path: Path) -> None:
    target, told = tmp_path / "deep" / "net.onnx", []
    for _ in range(2):
        download(f"{server.url}/net.onnx", target, SHA, len(CONTENT), lambda here, of: told.append((here, of)))
    assert target.read_bytes() == CONTENT
    assert len(server.requests) == 1
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert not target.with_name("net.onnx.part").exists()


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_connection_goes_on(server: Server, tmp_path: Path, ranges: bool) -> None:
    server.breaks, server.ranges = 2, ranges
    download(f"{server.url}/net.onnx", tmp_path / "net.onnx", SHA, len(CONTENT), pause=0.01)
    assert (tmp_path / "net.onnx").read_bytes() == CONTENT
    assert server.requests == [None, "bytes=100000-", "bytes=200000-" if ranges else "bytes=100000-"]


def test_what_came_is_kept_for_the_next_command(server: Server, tmp_path: Path) -> None:
    server.breaks = 100
    server.ranges = False  # never more than the first 100,000 bytes
    with pytest.raises(DataError, match="goes on where it stopped"):
        download(f"{server.url}/net.onnx", tmp_path / "net.onnx", SHA, len(CONTENT), pause=0.01)
    assert not (tmp_path / "net.onnx").exists()
    server.breaks, server.ranges = 0, True
    download(f"{server.url}/net.onnx", tmp_path / "net.onnx", SHA, len(CONTENT), pause=0.01)
    assert server.requests[-1] == "bytes=100000-"
    assert (tmp_path / "net.onnx").read_bytes() == CONTENT


@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_another_file_is_refused_and_leaves_nothing(server: Server, tmp_path: Path, size: int | None) -> None:
    with pytest.raises(DataError, match="gave another file than the one known here"):
        download(f"{server.url}/net.onnx", tmp_path / "net.onnx", "0" * 64, size)
    assert [each.name for each in tmp_path.iterdir() if "net" in each.name] == ["net.onnx.lock"]


def test_a_longer_file_is_refused_before_it_comes(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has 300,000 bytes, the known file 1,000"):
        download(f"{server.url}/net.onnx", tmp_path / "net.onnx", SHA, 1000)


def test_what_is_there_under_another_hash_is_replaced(server: Server, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"half")
    download(f"{server.url}/net.onnx", tmp_path / "net.onnx", SHA)
    assert (tmp_path / "net.onnx").read_bytes() == CONTENT


@pytest.mark.parametrize(("path", "status", "says"), [("missing.onnx", 200, "404"), ("net.onnx", 403, "403")])
def test_a_server_that_says_no(server: Server, tmp_path: Path, path: str, status: int, says: str) -> None:
    server.status = status
    with pytest.raises(DataError, match=f"cannot be had: the server says {says}"):
        download(f"{server.url}/{path}", tmp_path / "net.onnx", SHA, pause=0.01)
    assert len(server.requests) == 1


def test_no_network_at_all(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be had .*another mirror"):
        download("http://127.0.0.1:9/net.onnx", tmp_path / "net.onnx", SHA, pause=0.001)


FULL = """
import resource, signal, sys
from pathlib import Path
from mfn.errors import DataError
from mfn.published.download import download
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))
try:
    download(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
except DataError as error:
    sys.exit(str(error))
"""


def test_a_full_disk(server: Server, tmp_path: Path) -> None:
    words = [sys.executable, "-c", FULL, f"{server.url}/net.onnx", str(tmp_path / "net.onnx"), SHA]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "net.onnx cannot be written (File too large)" in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["net.onnx.lock"]


TWO = """
import sys
from pathlib import Path
from mfn.published.download import download
download(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
"""


def test_two_processes_at_once_fetch_it_once(server: Server, tmp_path: Path) -> None:
    words = [sys.executable, "-c", TWO, f"{server.url}/net.onnx", str(tmp_path / "net.onnx"), SHA]
    both = [subprocess.Popen(words) for _ in range(2)]
    assert [each.wait() for each in both] == [0, 0]
    assert (tmp_path / "net.onnx").read_bytes() == CONTENT and len(server.requests) == 1


def known(monkeypatch: pytest.MonkeyPatch, name: str, content: bytes) -> None:
    """Makes a file of ours the one that is known under a name."""
    digest = hashlib.sha256(content).hexdigest()
    monkeypatch.setitem(CATALOGUE, name, replace(CATALOGUE[name], sha256=digest, size=len(content)))


def test_the_command_lists_asks_and_fetches(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, own_home: Path
) -> None:
    known(monkeypatch, "sface", CONTENT)
    with caplog.at_level("INFO"):
        main(["fetch"])
    assert all(name in caplog.text for name in CATALOGUE) and "non-commercial research only" in caplog.text
    monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: PTH123, SIM115
    with pytest.raises(SystemExit):
        main(["fetch", "sface", "--mirror", server.url])
    assert "agree to these terms with --yes" in caplog.text and not server.requests
    with caplog.at_level("INFO"):
        main(["fetch", "sface", "--mirror", server.url + "/", "--yes"])
    assert place_of("sface").read_bytes() == CONTENT and place_of("sface").is_relative_to(own_home)
    server.http.shutdown()  # offline it is still there
    caplog.clear()
    with caplog.at_level("INFO"):
        main(["fetch", "sface"])
    assert "sface is here" in caplog.text and fetched("sface") == place_of("sface")


def test_a_name_that_is_not_in_the_list(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(["fetch", "sfaec", "--yes"])
    assert "there is no network sfaec; mfn fetch knows sface, yunet, " in caplog.text


def test_a_network_that_was_not_fetched_is_told_how_to() -> None:
    with pytest.raises(CheckpointError, match="sface is not here yet: `mfn fetch sface` downloads it"):
        FaceEmbedder.load("sface")
    from mfn.align.yunet import YuNetDetector

    with pytest.raises(CheckpointError, match="`mfn fetch yunet`"):
        YuNetDetector("yunet")
    with pytest.raises(ConfigError, match="there is no network x"):
        place_of("x")
    assert home().name == "home"


@pytest.mark.slow
def test_a_fetched_network_embeds_under_its_own_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mfn.export.targets.onnx import OnnxTarget
    from tests.export.networks import faces, small_deployable

    target = place_of("adaface_ir18")
    target.parent.mkdir()
    OnnxTarget().export(replace(small_deployable(), metadata={}), target, None)
    of_32 = {**CATALOGUE["adaface_ir18"].contract, "height": 32, "width": 32}
    monkeypatch.setitem(CATALOGUE, "adaface_ir18", replace(CATALOGUE["adaface_ir18"], contract=of_32))
    embedder = FaceEmbedder.load("adaface_ir18")
    assert embedder.contract.color == "BGR" and embedder.contract.mean == (127.5,) * 3
    assert embedder(faces(2)).shape[0] == 2
    assert FaceEmbedder.load("adaface_ir18", {"color": "RGB"}).contract.color == "RGB"


def test_the_detector_of_that_name(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mfn.align.yunet import YuNetDetector

    content = (shared / "weights" / "face_detection_yunet_2023mar.onnx").read_bytes()
    assert hashlib.sha256(content).hexdigest() == CATALOGUE["yunet"].sha256
    download(
        (shared / "weights" / "face_detection_yunet_2023mar.onnx").as_uri(),
        place_of("yunet"),
        CATALOGUE["yunet"].sha256,
    )
    assert YuNetDetector("yunet") is not None
