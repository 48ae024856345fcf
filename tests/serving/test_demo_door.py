from pathlib import Path

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from mfn.commands.demo import photos_folder
from mfn.serving.demo.door import Door

PAGE = """<head><link rel="preconnect" href="https://fonts.example"><link rel="stylesheet" href="./own.css">
<script src="https://cdn.example/x.js" async></script><script>own()</script><script src='//cdn.example/y.js'></script>
</head>"""


async def page(request: Request) -> HTMLResponse:
    return HTMLResponse(PAGE)


async def text(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


def door(*, is_local: bool = False, password: str | None = None) -> TestClient:
    app = Starlette(routes=[Route("/", page), Route("/text", text, methods=["GET", "POST"])])
    return TestClient(Door.before(app, is_local=is_local, password=password))


def test_pages_ask_nobody_else() -> None:
    answer = door().get("/")
    assert "example" not in answer.text
    assert "own.css" in answer.text
    assert "own()" in answer.text
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert "connect-src 'self'" in answer.headers["Content-Security-Policy"]
    assert door().get("/text").text == "0"


def test_a_password_is_asked_for_and_guessing_ends() -> None:
    client = door(password="näher-als-gedacht")
    asked = client.get("/")
    assert asked.status_code == 401
    assert asked.headers["WWW-Authenticate"].startswith("Basic")
    assert client.get("/", auth=("anybody", "näher-als-gedacht")).status_code == 200
    wrong = [client.get("/", auth=("anybody", f"guess {number}")).status_code for number in range(30)]
    assert wrong[:20] == [401] * 20
    assert set(wrong[20:]) == {429}
    assert client.get("/", auth=("anybody", "näher-als-gedacht")).status_code == 200
    for header in ("Basic", "Basic !!", "Bearer x", "Basic " + "A" * 10):
        assert client.get("/", headers={"Authorization": header}).status_code in (401, 429)


def test_other_sites_and_endless_bodies_stay_outside() -> None:
    client = door(is_local=True)
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 403
    assert client.get("/", headers={"Host": "localhost:1", "Origin": "http://evil.example"}).status_code == 403
    local = {"Host": "localhost"}
    assert client.post("/text", content=b"abc", headers=local).text == "3"
    assert client.post("/text", content=iter([b"abc"]), headers=local).status_code == 411
    assert client.post("/text", content=b"", headers=local | {"Content-Length": "2000000000"}).status_code == 413


def test_the_folder_of_photos_is_private_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MFN_HOME", str(tmp_path / "home"))
    left = tmp_path / "home" / "demo" / ".photos.nowhere-1.tmp"
    with photos_folder() as folder:
        (folder / "photo.jpg").write_bytes(b"x")
        assert folder.stat().st_mode & 0o777 == 0o700
    assert list((tmp_path / "home" / "demo").iterdir()) == []
    # of a process of this machine that is gone
    gone = folder.with_name(folder.name.replace(folder.name.split("-")[-1].split(".")[0], "999999999"))
    gone.mkdir()
    (gone / "photo.jpg").write_bytes(b"x")
    mine = tmp_path / "home" / "demo" / "mine.jpg"
    mine.write_bytes(b"x")
    with photos_folder():
        assert not gone.exists()
    assert mine.exists()
    assert not left.exists()
