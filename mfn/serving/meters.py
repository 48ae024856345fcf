"""What the server counts, for Prometheus. No name of a person and no address is among it."""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Meters:
    """Counters of one server.

    Args:
        waiting: Tells how many photos wait.
    """

    def __init__(self, waiting: Callable[[], int]) -> None:
        self._all = CollectorRegistry()
        self.requests = Counter(
            "mfn_requests", "Requests by route and status", ("method", "route", "status"), registry=self._all
        )
        self.seconds = Histogram(
            "mfn_request_seconds", "Time to the end of an answer", ("route",), buckets=_SECONDS, registry=self._all
        )
        self.batch = Histogram(
            "mfn_batch_photos", "Photos worked on together", buckets=(1, 2, 4, 8, 16, 32, 64), registry=self._all
        )
        self.faces = Counter("mfn_faces", "Faces found", registry=self._all)
        Gauge("mfn_waiting_photos", "Photos in the queue", registry=self._all).set_function(waiting)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._all)


class Metered:
    """ASGI middleware that counts requests.

    Args:
        app: What comes behind.
        meters: Where it counts.
    """

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self._app, self._meters = app, meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def heard(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", []).append((b"cache-control", b"no-store"))
            await send(message)

        try:
            await self._app(scope, receive, heard)
        finally:
            route = getattr(scope.get("route"), "path", "other")  # never the path itself: it has names in it
            method = scope["method"] if scope["method"] in ("GET", "POST", "DELETE") else "other"
            self._meters.requests.labels(method, route, str(status)).inc()
            self._meters.seconds.labels(route).observe(time.perf_counter() - start)
