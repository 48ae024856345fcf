"""Pages for tests: parts that look like the real ones, and a server of static files."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from mfn.export.web.runtime import MODULE, WASM


def runtime_like(folder: Path, **facts: str) -> Path:
    """A folder as that of the npm package, with a few bytes in each file."""
    (folder / "dist").mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"name": "onnxruntime-web", "version": "9.8.7", **facts}))
    (folder / "dist" / MODULE).write_bytes(b"export const env = {};")
    (folder / "dist" / WASM).write_bytes(b"\0asm")
    return folder


def yunet_like(path: Path, leave_out: str = "") -> Path:
    """A file with YuNet's input and outputs, which finds nothing."""
    from onnx import TensorProto, helper

    outputs = [
        helper.make_tensor_value_info(f"{kind}_{stride}", TensorProto.FLOAT, [1, (640 // stride) ** 2, width])
        for kind, width in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))
        for stride in (8, 16, 32)
        if f"{kind}_{stride}" != leave_out
    ]
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 640, 640])
    path.write_bytes(helper.make_model(helper.make_graph([], "faces", [image], outputs)).SerializeToString())
    return path


def settings_of(page: Path) -> dict[str, Any]:
    """What the scripts of a page are told."""
    text = page.read_text(encoding="utf-8")
    return json.loads(text.partition('id="settings">')[2].partition("</script>")[0])


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serves a folder on this machine; gives its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
