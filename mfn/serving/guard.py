"""Before a request reaches the API: who asks, how often, from which page, and how much they send."""

import asyncio
import contextlib
import ipaddress
import math
from collections.abc import Hashable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mfn.serving.keys import Keys
from mfn.serving.rate import RateLimit
from mfn.serving.refusal import RefusalError

OPEN = frozenset({"/health", "/docs", "/openapi.json"})
"""Paths that need no key: they tell nothing of anybody."""
MOST_BYTES = 20_000_000
_LINGER = 2.0
"""Seconds in which a refused body may still come."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is let through.

    Attributes:
        keys: Who may ask; None lets everybody.
        rate: Requests a minute of one key or, without keys, of one address; None counts nothing.
        most_bytes: Of a request's body.
        most_at_once: Requests that are taken in or answered at a time.
        is_local: Only programs of this machine ask: pages of the web that a browser shows here may not, whatever name
            they found for this machine.
        patience: Seconds in which a body has to be here.
    """

    keys: Keys | None = None
    rate: int | None = None
    most_bytes: int = MOST_BYTES
    most_at_once: int = 64
    is_local: bool = False
    patience: float = 60.0


class Guard:
    """ASGI middleware that reads a body before it lets the request through, and refuses with JSON.

    Args:
        app: What comes behind.
        rules: What is let through.
    """

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app, self._rules, self._at_once = app, rules, 0
        self._limit = RateLimit(rules.rate) if rules.rate else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, or passes on what is none."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = None
        self._at_once += 1
        try:
            body = await self._let_in(scope, receive)
            await self._app(scope, _again(body, receive), send)
        except RefusalError as refusal:
            refused = refusal
        finally:
            self._at_once -= 1
        if refused is not None:
            await refuse(refused, receive, send, self._rules.most_bytes)

    async def _let_in(self, scope: Scope, receive: Receive) -> bytes:
        """The body.

        Raises:
            RefusalError: The request is not let in.
        """
        headers = Headers(scope=scope)
        if self._rules.is_local:
            expect_local(headers)
        if scope["path"] not in OPEN:
            if self._at_once > self._rules.most_at_once:
                raise RefusalError(503, "the server is busy: ask again in a second", {"Retry-After": "1"})
            self._expect_key(scope, headers)
        return await self._body(headers, receive)

    def _expect_key(self, scope: Scope, headers: Headers) -> None:
        asker: Hashable = client_network(scope)
        if self._rules.keys is not None:
            place = self._rules.keys.place(_key(headers))
            if place is None:
                self._count(asker)  # guessing is slow
                raise RefusalError(
                    401,
                    "this needs a key, in the header X-API-Key or as a Bearer token",
                    {"WWW-Authenticate": "Bearer"},
                )
            asker = place
        self._count(asker)

    def _count(self, asker: Hashable) -> None:
        if self._limit is not None and (wait := self._limit.wait(asker)):
            seconds = str(math.ceil(wait))
            sentence = f"more than {self._rules.rate} requests in a minute: ask again in {seconds} s"
            raise RefusalError(429, sentence, {"Retry-After": seconds})

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        most = self._rules.most_bytes
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > most:
            raise _too_large(most)
        body = bytearray()
        try:
            async with asyncio.timeout(self._rules.patience):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise RefusalError(400, "the connection broke off")
                    body += message.get("body", b"")
                    if len(body) > most:
                        raise _too_large(most)
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            raise RefusalError(408, "the request took too long to come") from None


def is_local(host: str) -> bool:
    """Whether a host name means this machine and can be reached from no other."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def expect_local(headers: Headers) -> None:
    """Lets in what programs of this machine ask.

    Raises:
        RefusalError: Another name than this machine's was asked for, or a page of another site asks.
    """
    host = headers.get("host", "")
    if not is_local(_name(host)):
        raise RefusalError(403, "this server is for programs of this machine: ask for 127.0.0.1 or localhost")
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2] != host:
        raise RefusalError(403, "pages of other sites may not use this server")


def _name(host: str) -> str:
    """The host of ``host:port``."""
    return host.partition("]")[0].strip("[") if host.startswith("[") else host.partition(":")[0]


def _key(headers: Headers) -> bytes:
    kind, _, token = headers.get("authorization", "").partition(" ")
    given = headers.get("x-api-key") or (token.strip() if kind.lower() == "bearer" else "")
    return given.encode("latin-1")


def client_network(scope: Scope) -> str:
    """Whoever asks, by address; of IPv6 the network, of which one household has more addresses than can be counted."""
    address = (scope.get("client") or ("",))[0]
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if ip.version == 4 else str(ipaddress.ip_network((ip, 64), strict=False))


def _too_large(most: int) -> RefusalError:
    return RefusalError(413, f"a request may have {most / 1e6:g} MB")


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives a body that was read already."""
    given = False

    async def from_memory() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return from_memory


async def refuse(refusal: RefusalError, receive: Receive, send: Send, most_bytes: int = MOST_BYTES) -> None:
    """Answers, and reads on for a while: whoever still sends would see a reset connection and no answer."""
    body = refusal.body()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in (headers | refusal.headers).items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER):
            while most_bytes > 0:
                message = await receive()
                most_bytes -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    break
    await send({"type": "http.response.body", "body": b"", "more_body": False})
