"""Requests a second of `mfn serve`, with and without its queue, and what a killed server loses."""

import http.client
import json
import math
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from mfn.errors import DataError
from mfn.recognition.gallery import Gallery

CLIENTS = (1, 2, 4, 8, 16, 32)
SERVERS: Mapping[str, Sequence[str]] = {
    "queue": (),
    "one at a time": ("--batch", "1", "--wait-ms", "0"),
}
"""Words that start each of the servers that are compared."""

_START = 120.0
_BOUNDARY = "mfn-bench"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said.

    Attributes:
        status: Of HTTP.
        content: Its JSON.
        seconds: From the first byte sent to the last one read.
    """

    status: int
    content: Any
    seconds: float


class Client:
    """One connection to a server, kept open."""

    def __init__(self, address: str) -> None:
        found = urlsplit(address)
        self._link = http.client.HTTPConnection(found.hostname or "", found.port, timeout=120)

    def ask(self, verb: str, path: str, body: bytes | None = None) -> Answer:
        """Sends a request.

        Raises:
            OSError: The server is gone.
            http.client.HTTPException: It went while it answered.
        """
        start = time.perf_counter()
        kind = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"} if body is not None else {}
        self._link.request(verb, path, body, kind)
        answer = self._link.getresponse()
        content = answer.read()
        return Answer(answer.status, json.loads(content), time.perf_counter() - start)

    def close(self) -> None:
        """Ends the connection."""
        self._link.close()


def form(files: Mapping[str, bytes], fields: Mapping[str, str]) -> bytes:
    """The body of a request."""
    parts = [(f'name="{name}"', value.encode()) for name, value in fields.items()]
    parts += [(f'name="{name}"; filename="photo"', data) for name, data in files.items()]
    head = f"--{_BOUNDARY}\r\nContent-Disposition: form-data; "
    return b"".join(f"{head}{what}\r\n\r\n".encode() + data + b"\r\n" for what, data in parts) + (
        f"--{_BOUNDARY}--\r\n".encode()
    )


@contextmanager
def running_server(words: Sequence[str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own on a free port of 127.0.0.1, and its address; it is ended with the block.

    Args:
        words: Behind ``mfn serve``.

    Raises:
        DataError: It does not start; what it said is told.
    """
    command = [sys.executable, "-m", "mfn", "serve", "--port", "0", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said: list[str] = []
    late = threading.Timer(_START, process.kill)
    late.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line.strip())
            if line.startswith("serving at "):
                late.cancel()
                threading.Thread(target=process.stdout.read, daemon=True).start()  # a full pipe would stop it
                yield process, line.split()[2].rstrip(",")
                return
        raise DataError(f"mfn serve did not start: {' '.join(said) or 'it said nothing'}")
    finally:
        late.cancel()
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(70)
        process.kill()
        process.wait()


def bench_serve(
    photos: Sequence[Path], words: Sequence[str], seconds: float = 8.0, clients: Sequence[int] = CLIENTS
) -> list[dict[str, Any]]:
    """Compares two photos again and again, with more and more clients, which wait for each answer before they ask anew.

    The servers run side by side and are asked in turns, so that whatever else the machine does weighs on both alike.
    Clients are threads of this process, on the same machine.

    Args:
        photos: At least two, each with a face.
        words: Behind ``mfn serve``: network and detector.
        seconds: Of each measurement, after one that is not counted.
        clients: How many ask at a time.

    Returns:
        A row for each number of clients and server: requests a second, median and 99th percentile of the time to an
        answer in milliseconds, and how many were not answered with 200.

    Raises:
        DataError: A server does not start, or there are not two photos.
    """
    if len(photos) < 2:
        raise DataError(f"comparing takes at least two photos, got {len(photos)}")
    data = [photo.read_bytes() for photo in photos]
    rows = []
    with ExitStack() as stack:
        servers = {name: stack.enter_context(running_server([*words, *more]))[1] for name, more in SERVERS.items()}
        for address in servers.values():
            _asked(address, data, 2, min(2.0, seconds))
        for number in clients:
            for name, address in servers.items():
                rows.append({"clients": number, "server": name, **_row(*_asked(address, data, number, seconds))})
    return rows


def bench_killed(photos: Sequence[Path], words: Sequence[str], kills: int = 5) -> list[dict[str, Any]]:
    """Kills a server (SIGKILL) while four clients enrol, again and again on the same gallery.

    Args:
        photos: Each with a face that is good enough.
        words: Behind ``mfn serve``: network and detector.
        kills: How often.

    Returns:
        One row: kills, enrolments that were answered with 200, and how many of them are not in the gallery, which a
        new server has opened each time.

    Raises:
        DataError: A server does not start, which it would not with a damaged gallery.
    """
    data = [photo.read_bytes() for photo in photos]
    draw = random.Random(0)
    answered: set[str] = set()
    lost: set[str] = set()
    with TemporaryDirectory() as folder:
        gallery = Path(folder) / "killed.mfng"
        for turn in range(kills):
            with running_server([*words, "--gallery", str(gallery)]) as (process, address):
                answered |= _enrolled_until_killed(process, address, data, turn, draw.uniform(0.5, 2.0))
            with running_server([*words, "--gallery", str(gallery)]) as (_, address):
                people = Client(address).ask("GET", "/people").content["people"]
            with Gallery.open(gallery) as opened:
                there = {person.name for person in opened.people()}
            lost |= answered - there & {person["name"] for person in people}
    return [{"kills": kills, "answered with 200": len(answered), "lost": len(lost)}]


def _enrolled_until_killed(
    process: subprocess.Popen[str], address: str, photos: Sequence[bytes], turn: int, seconds: float
) -> set[str]:
    """The names that were enrolled before the server was killed, as far as it said so."""
    answered: set[str] = set()

    def enroll(worker: int) -> None:
        client = Client(address)
        with suppress(OSError, http.client.HTTPException, ValueError):
            for number in range(100_000):
                name = f"{turn}-{worker}-{number}"
                photo = photos[(7 * worker + number) % len(photos)]
                body = form({"photo": photo}, {"name": name, "several": "largest"})
                if client.ask("POST", "/enroll", body).status == 200:
                    answered.add(name)

    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(enroll, worker) for worker in range(4)]
        until = time.perf_counter() + seconds
        while time.perf_counter() < until or (not answered and time.perf_counter() < until + 60):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        for worker in workers:
            worker.result()
    return answered


def _asked(address: str, photos: Sequence[bytes], clients: int, seconds: float) -> tuple[list[Answer], float]:
    """All answers, and the seconds that it took."""
    answers: list[Answer] = []
    start = time.perf_counter()
    bodies = [
        form({"first": one, "second": two}, {"several": "largest"})
        for one, two in zip(photos, [*photos[1:], photos[0]], strict=True)
    ]

    def ask(worker: int) -> None:
        client = Client(address)
        number = worker * 5
        while time.perf_counter() - start < seconds:
            answers.append(client.ask("POST", "/verify", bodies[number % len(bodies)]))
            number += 1
        client.close()

    with ThreadPoolExecutor(clients) as pool:
        for done in [pool.submit(ask, worker) for worker in range(clients)]:
            done.result()
    return answers, time.perf_counter() - start


def _row(answers: Sequence[Answer], seconds: float) -> dict[str, Any]:
    times = sorted(1000 * answer.seconds for answer in answers)
    last = times[min(len(times) - 1, math.ceil(0.99 * len(times)) - 1)]
    return {
        "requests/s": f"{len(answers) / seconds:.1f}",
        "p50 ms": f"{median(times):.0f}",
        "p99 ms": f"{last:.0f}",
        "not answered": sum(answer.status != 200 for answer in answers),
    }
