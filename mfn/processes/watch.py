"""Processes that end together: when one ends, whatever of, the others hear of it at once and end too.

A process that waits for another in the middle of an exchange cannot be told anything; some backends notice that the
other is gone, some wait for as long as they are allowed to. So each process holds a connection to the first one, by
which nothing is sent until the end. The kernel closes it when a process dies, of whatever, and a thread on the other
side sees that.
"""

import contextlib
import logging
import multiprocessing
import os
import secrets
import selectors
import socket
import threading
import weakref
from collections.abc import Callable
from typing import NamedTuple

from mfn.processes.started import clear_places
from mfn.ranks import PATIENCE, from_all, ranks

log = logging.getLogger(__name__)

_BYE, _FAILED = b"bye", b"failed "
_MOST = 8192
"""Bytes of a message."""


class Door(NamedTuple):
    """Where the first process listens, and the word that lets in."""

    port: int
    word: str


class Watch:
    """A thread in each process that ends it when another process has ended without saying goodbye.

    Args:
        remedy: What the user may do when a process was lost, as the end of a sentence.
        end: Called with what to say, "" where the first process says it; must not return.

    Attributes:
        rank: This process.
        size: All of them.
    """

    def __init__(self, remedy: str, end: Callable[[str], None] | None = None) -> None:
        self.rank, self.size = ranks()
        self.remedy = remedy
        self._end = end or end_process
        self._others: dict[socket.socket, int] = {}
        self._over = threading.Event()
        self._lock = threading.Lock()

    def start(self) -> bool:
        """Connects the processes; all must call it at the same point, when they have met.

        Returns:
            Whether they are connected; where a firewall lies between them the run goes on without a watch.
        """
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(socket.create_server(("", 0))) if self.rank == 0 else None
            word = secrets.token_hex(16)
            door = from_all(Door(listener.getsockname()[1], word) if listener else None)[0]
            assert door is not None
            try:
                if listener is not None:
                    self._others = _let_in(listener, door.word, self.size - 1)
                else:
                    self._others = {_knock(door, self.rank): 0}
                connected = True
            except OSError as error:
                log.debug("no watch: %s", error)
                connected = False
        if not all(from_all(connected)):
            self._close()
            return False
        for each in self._others:
            _keep(each)
        threading.Thread(target=self._listen, name="watch", daemon=True).start()
        return True

    def fail(self, sentence: str) -> None:
        """Ends the others because this process has failed; the first process says why.

        In another process than the first it does not return, unless the first one cannot be reached.

        Args:
            sentence: Why, for the first process to say; the first process says it by itself.
        """
        if self.rank == 0:
            self._send(_FAILED)
            self._over.set()
            return
        self._send(_FAILED + sentence.encode(errors="backslashreplace")[:_MOST])
        self._over.wait(10)

    def leave(self) -> None:
        """Says goodbye: this process needs the others no more."""
        self._send(_BYE)
        self._over.set()
        self._close()

    def _listen(self) -> None:
        waiting = selectors.DefaultSelector()
        for each in self._others:
            waiting.register(each, selectors.EVENT_READ)
        while waiting.get_map():
            for key, _ in waiting.select():
                other: socket.socket = key.fileobj  # type: ignore[assignment]
                try:
                    said = other.recv(_MOST)
                except OSError:
                    said = b""
                if self._over.is_set():
                    return
                waiting.unregister(other)
                if said != _BYE:
                    self._ended(self._others[other], said)

    def _ended(self, rank: int, said: bytes) -> None:
        """Another process has failed, or is gone."""
        if self.rank == 0:
            self._send(_FAILED)
        lost = f"process {rank} of {self.size} ended without a word: killed, or out of memory; {self.remedy}"
        told = said.removeprefix(_FAILED).decode(errors="replace") if said else lost
        # Of those that are left one speaks: the first, or when that one is lost the second
        speaks = self.rank == 0 or (not said and self.rank == 1)
        self._end(told if speaks else "")
        self._over.set()

    def _send(self, message: bytes) -> None:
        with self._lock:
            for other in self._others:
                with contextlib.suppress(OSError):
                    other.sendall(message)

    def _close(self) -> None:
        for other in self._others:
            with contextlib.suppress(OSError):
                other.shutdown(socket.SHUT_WR)


def end_process(sentence: str) -> None:
    """Ends this process as it is, in the middle of whatever it waits for.

    Args:
        sentence: What to say; with "" another process says it and has the exit status of a failure.
    """
    if sentence:
        log.error("error: %s", sentence)
    for child in multiprocessing.active_children():  # those that load data ignore polite signals
        child.kill()
    clear_places()
    logging.shutdown()
    os._exit(1 if sentence else 0)


def _let_in(listener: socket.socket, word: str, count: int) -> dict[socket.socket, int]:
    """The connections of the other processes, with their ranks."""
    listener.settimeout(PATIENCE.total_seconds())
    found: dict[socket.socket, int] = {}
    while len(found) < count:
        other, _ = listener.accept()
        other.settimeout(10)
        with contextlib.suppress(OSError):
            given, _, rank = _exactly(other, len(word) + 9).decode(errors="replace").partition(" ")
            if secrets.compare_digest(given.encode(), word.encode()) and rank.isdecimal():
                found[other] = int(rank)
                continue
        other.close()
    return found


def _knock(door: Door, rank: int) -> socket.socket:
    host = os.environ.get("MASTER_ADDR", "127.0.0.1")
    first = socket.create_connection((host, door.port), timeout=60)
    first.sendall(f"{door.word} {rank:08d}".encode())
    return first


def _exactly(other: socket.socket, count: int) -> bytes:
    read = b""
    while len(read) < count and (more := other.recv(count - len(read))):
        read += more
    return read


_kept: "weakref.WeakSet[socket.socket]" = weakref.WeakSet()


def _keep(connection: socket.socket) -> None:
    """Makes a connection last, notice machines that vanish, and belong to this process alone."""
    connection.settimeout(None)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, seconds in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), seconds)
    _kept.add(connection)


def _forget() -> None:
    """In a forked process, which would keep the connection open when the one that it belongs to has died."""
    for connection in list(_kept):
        connection.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
