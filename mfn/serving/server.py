"""A socket and the process behind it: how the server begins and ends."""

import socket

import uvicorn
from starlette.types import ASGIApp

from mfn.errors import ConfigError
from mfn.serving.guard import is_local

_LAST_ANSWERS = 60
"""Seconds that running requests have to end once the server is told to."""


def open_socket(host: str, port: int) -> socket.socket:
    """A socket that listens, before anything is loaded that takes time.

    Args:
        host: A name or an address; one that means this machine alone cannot be reached from others.
        port: 0 takes any that is free.

    Raises:
        ConfigError: The address is taken, not this machine's, or needs rights.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        found = socket.socket(family)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(address)
            found.listen(128)
        except OSError:
            found.close()
            raise
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"{host}:{port} cannot be served ({why}): give another --host or --port") from error
    if is_local(host) and not is_local(str(found.getsockname()[0])):
        found.close()
        raise ConfigError(f"{host} should be this machine alone, but is {address[0]} here: give --host 127.0.0.1")
    return found


def address_of(served: socket.socket) -> str:
    """Where a browser finds it."""
    host, port = served.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: ASGIApp, served: socket.socket, last_answers: int = _LAST_ANSWERS) -> None:
    """Answers requests until the process is told to end (SIGTERM, Ctrl-C); those that run are answered first.

    The signal is raised again at the end: what it does then is the caller's.

    Args:
        app: The API.
        served: A socket that listens.
        last_answers: Seconds that they have to end.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,  # paths have names in them
        proxy_headers=False,  # a client must not say from where it comes
        server_header=False,
        timeout_graceful_shutdown=last_answers,
    )
    uvicorn.Server(config).run(sockets=[served])
