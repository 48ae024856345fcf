"""Before a request reaches the page: who asks, how much they send, and that the page asks nobody else."""

import base64
import binascii
import hmac
import re
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mfn.serving.guard import client_network, expect_local, refuse
from mfn.serving.rate import RateLimit
from mfn.serving.refusal import RefusalError

_MOST_BYTES = 1_000_000_000
"""Of one request, which may hold many photos."""
_WRONG = 20
"""Wrong passwords a minute from one address."""
_MAY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "frame-ancestors 'none'; form-action 'self'; base-uri 'self'"
)
_ELSEWHERE = re.compile(
    rb"<(?:link|script)\b[^>]*(?:href|src)=[\"']?(?:https?:)?//[^>]*>(?:\s*</script>)?", re.IGNORECASE
)
"""What gradio's page would have a browser load from other servers."""


@dataclass(frozen=True, slots=True)
class Door:
    """ASGI middleware.

    Attributes:
        app: What comes behind.
        is_local: Only this machine asks, see `mfn.serving.guard.Rules`.
        password: That a browser must know, under any name; None asks for none.
        wrong: Counts wrong ones.
    """

    app: ASGIApp
    is_local: bool
    password: str | None
    wrong: RateLimit

    @classmethod
    def before(cls, app: ASGIApp, *, is_local: bool, password: str | None) -> "Door":
        """A door before an app."""
        return cls(app, is_local, password, RateLimit(_WRONG))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            self._let_in(scope)
        except RefusalError as refusal:
            await refuse(refusal, receive, send)
            return
        await self.app(scope, receive, _only_from_here(send))

    def _let_in(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if self.is_local:
            expect_local(headers)
        if self.password is not None and not _knows(headers, self.password):
            if "authorization" in headers and self.wrong.wait(client_network(scope)):
                raise RefusalError(429, "too many wrong passwords: wait a minute", {"Retry-After": "60"})
            raise RefusalError(401, "this needs a password", {"WWW-Authenticate": 'Basic realm="mfn", charset="UTF-8"'})
        length = headers.get("content-length", "0")
        if scope["method"] == "POST" and (not length.isdigit() or "transfer-encoding" in headers):
            raise RefusalError(411, "say how long the body is")
        if int(length or 0) > _MOST_BYTES:
            raise RefusalError(413, f"a request may have {_MOST_BYTES / 1e6:g} MB")


def _knows(headers: Headers, password: str) -> bool:
    kind, _, encoded = headers.get("authorization", "").partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True).partition(b":")[2] if kind.lower() == "basic" else b""
    except binascii.Error:
        given = b""
    return hmac.compare_digest(given, password.encode())


def _only_from_here(send: Send) -> Send:
    """Adds what keeps a browser from asking others, and takes out of pages what would ask them."""
    start: Message | None = None
    page = bytearray()

    async def changed(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = _MAY
            headers["Referrer-Policy"] = "no-referrer"
            if headers.get("content-type", "").startswith("text/html"):
                start = message
                return
        elif start is not None and message["type"] == "http.response.body":
            page.extend(message.get("body", b""))
            if message.get("more_body", False):
                return
            clean = _ELSEWHERE.sub(b"", bytes(page))
            MutableHeaders(scope=start)["Content-Length"] = str(len(clean))
            await send(start)
            start = None
            message = {"type": "http.response.body", "body": clean}
        await send(message)

    return changed
