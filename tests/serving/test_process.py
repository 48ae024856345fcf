"""The server as a process of its own, asked over a socket of 127.0.0.1."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("python_multipart")
pytest.importorskip("prometheus_client")

from mfn.bench.serve import Client, bench_killed, bench_serve, form, running_server
from mfn.recognition.gallery import Gallery
from mfn.sources.encode import png
from tests.export.networks import faces, small_checkpoint

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What starts a server that takes aligned crops of 32x32."""
    return ["--model", str(small_checkpoint(tmp_path_factory.mktemp("network"))), "--aligned", "--threshold", "0.9"]


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("crops")
    for number, face in enumerate(faces(6)):
        (folder / f"{number}.png").write_bytes(png(face))
    return sorted(folder.iterdir())


def told(*words: str) -> str:
    """What a server says that does not start."""
    done = subprocess.run(
        [sys.executable, "-m", "mfn", "serve", "--port", "0", *words], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert "Traceback" not in done.stderr
    return lines[-1]


def answer(link: socket.socket) -> tuple[int, dict[str, str]]:
    """Status and JSON of what a server says before it ends the connection."""
    data = b""
    while part := link.recv(65536):
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@pytest.fixture(scope="module")
def address(words: list[str]) -> Iterator[str]:
    with running_server([*words, "--max-mb", "0.1"]) as (_, found):
        yield found


def connected(address: str) -> socket.socket:
    found = urlsplit(address)
    return socket.create_connection((found.hostname, found.port), timeout=20)


def test_a_long_body_is_refused_by_what_it_says(address: str) -> None:
    with connected(address) as link:
        link.sendall(b"POST /faces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900000000\r\n\r\n")
        status, content = answer(link)
    assert (status, list(content)) == (413, ["error"])


def test_a_long_body_in_chunks_is_refused_while_it_comes(address: str) -> None:
    sent = 0
    with connected(address) as link:
        link.sendall(b"POST /faces HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(30):  # 120 kB, of which 100 may come
            link.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            sent += 4096
        status, content = answer(link)
    assert (status, list(content)) == (413, ["error"])


def test_other_clients_are_answered_while_one_sends_slowly(address: str) -> None:
    with connected(address) as link:
        link.sendall(b"POST /faces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9000\r\n\r\nabc")
        assert Client(address).ask("GET", "/health").status == 200


def test_what_runs_is_finished_before_the_end(words: list[str], crops: list[Path]) -> None:
    body = form({"first": crops[0].read_bytes(), "second": crops[0].read_bytes()}, {})
    with running_server([*words, "--wait-ms", "2000"]) as (process, address):
        answers = []
        asking = threading.Thread(target=lambda: answers.append(Client(address).ask("POST", "/verify", body)))
        asking.start()
        time.sleep(0.7)
        process.send_signal(signal.SIGTERM)
        asking.join(20)
        assert [(each.status, each.content["answer"]) for each in answers] == [(200, "same")]
        assert process.wait(20) == 0


def test_a_server_that_nobody_asks_ends_at_once(words: list[str]) -> None:
    for number, status in ((signal.SIGTERM, 0), (signal.SIGINT, 130)):
        with running_server(words) as (process, address):
            idle = connected(address)
            process.send_signal(number)
            assert process.wait(20) == status
            idle.close()


def test_nothing_is_lost_when_killed(words: list[str], crops: list[Path]) -> None:
    (row,) = bench_killed(crops, words, kills=2)
    assert row["answered with 200"] > 0
    assert row["lost"] == 0


def test_the_bench_asks_both_servers(words: list[str], crops: list[Path]) -> None:
    rows = bench_serve(crops, words, seconds=0.3, clients=(1, 3))
    assert [(row["clients"], row["server"]) for row in rows] == [
        (clients, server) for clients in (1, 3) for server in ("queue", "one at a time")
    ]
    assert all(row["not answered"] == 0 and float(row["requests/s"]) > 0 for row in rows)


def test_other_machines_need_keys_or_a_word(words: list[str], tmp_path: Path) -> None:
    assert "--key-file" in told(*words, "--host", "0.0.0.0")
    assert "short" in told(*words, "--host", "0.0.0.0", "--key-file", str(tmp_path / "short"))
    key = "a-key-of-the-tests"
    (tmp_path / "keys").write_text(key)
    with running_server([*words, "--host", "0.0.0.0", "--key-file", str(tmp_path / "keys")]) as (_, address):
        port = urlsplit(address).port
        assert Client(f"http://127.0.0.1:{port}").ask("GET", "/people").status == 401


def test_a_taken_port_is_told_before_anything_is_loaded(words: list[str], address: str) -> None:
    port = str(urlsplit(address).port)
    assert "another --host or --port" in told(*words, "--port", port, "--model", "missing.ckpt")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--batch", "0"], "--batch"),
        (["--rate", "0"], "--rate"),
        (["--max-mb", "nan"], "--max-mb"),
        (["--threshold", "2"], "cosine"),
        (["--fpir", "0.1"], "not two"),
        (["--host", "256.1.1.1", "--open"], "--host"),
    ],
)
def test_options_that_make_no_sense_are_one_sentence(words: list[str], more: list[str], said: str) -> None:
    assert said in told(*words, *more)


def test_a_gallery_of_another_network_is_one_sentence(words: list[str], tmp_path: Path) -> None:
    from tests.serving.stubs import embedder

    Gallery.open(tmp_path / "g.mfng", embedder()).close()
    assert "another network" in told(*words, "--gallery", str(tmp_path / "g.mfng"))
    (tmp_path / "no.mfng").write_text("hello")
    assert "no.mfng" in told(*words, "--gallery", str(tmp_path / "no.mfng"))
