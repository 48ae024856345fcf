"""A small set of faces as shards, and a server that gives them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mfn.prepare.inputs import stamp
from mfn.prepare.tar_shards import ShardRules, write_shards
from mfn.prepare.workspace import Workspace
from mfn.sources.record_dataset import RecordDataset
from tests.sources.files import write_pack

PEOPLE = {float(label): 3 + label % 3 for label in range(12)}


def small_pack(folder: Path) -> RecordDataset:
    """48 images of 12 people."""
    folder.mkdir(parents=True, exist_ok=True)
    return RecordDataset(write_pack(folder, PEOPLE), virtual_copies=True)


def shards_of(source: Any, output: Path, samples: int | None = 7, **rules: Any) -> Path:
    """The shards of a source."""
    write_shards(source, ShardRules(shard_samples=samples, **rules), Workspace(output), {"photos": stamp([])})
    return output


class Server(ThreadingHTTPServer):
    """Files of a folder, and what was asked for: method, path and part.

    Attributes:
        asked: So far.
        gives_parts: Whether it heeds the header `Range`.
        broken: How many answers break off.
        missing: Names that it does not give.
    """

    def __init__(self, folder: Path) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.gives_parts = True
        self.broken = 0
        self.missing: set[str] = set()
        super().__init__(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def whole(self, suffix: str = ".tar") -> list[str]:
        """Files that were asked for as a whole."""
        return [path for method, path, part in self.asked if method == "GET" and not part and path.endswith(suffix)]


class _Handler(SimpleHTTPRequestHandler):
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        part = self.headers.get("Range", "")
        self.server.asked.append(("GET", self.path, part))
        if self.path.lstrip("/") in self.server.missing:
            self.send_error(404)
            return
        path = Path(self.translate_path(self.path))
        if self.server.broken and path.suffix == ".tar":
            self.server.broken -= 1
            self.send_response(200)
            self.send_header("Content-Length", str(path.stat().st_size))
            self.end_headers()
            self.wfile.write(path.read_bytes()[:1000])
            self.close_connection = True
        elif part and self.server.gives_parts:
            first, last = map(int, part.removeprefix("bytes=").split("-"))
            data = path.read_bytes()[first : last + 1]
            self.send_response(206)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        else:
            super().do_GET()

    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Gives a folder's files to whoever asks."""
    with Server(folder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
