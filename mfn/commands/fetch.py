"""``mfn fetch``: networks of others by name, checked and kept in a folder of their own."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

from mfn.commands.screen import plain_program
from mfn.errors import ConfigError
from mfn.published.cache import home, place_of, published
from mfn.published.catalogue import CATALOGUE, Published
from mfn.published.download import digest, download
from mfn.report.tables import table

log = logging.getLogger(__name__)

MIRROR = "MFN_MIRROR"
"""Variable of the environment with an address that serves the same files."""


def main(arguments: Sequence[str], verb: str = "fetch") -> None:
    """Runs the command."""
    with plain_program():
        options = parser(verb).parse_args(arguments)
        if not options.names:
            rows = [_row(entry) for entry in CATALOGUE.values()]
            log.info(table(f"Networks that mfn fetch knows; they go to {home()}", rows))
        for entry in [published(name) for name in options.names]:
            _fetch(entry, options)


def parser(verb: str = "fetch") -> argparse.ArgumentParser:
    """What there is to type."""
    words = argparse.ArgumentParser(f"mfn {verb}", description=__doc__)
    words.add_argument("names", nargs="*", metavar="NAME", help="networks to fetch; without one all are listed")
    words.add_argument("--yes", action="store_true", help="agree to the terms without being asked")
    words.add_argument("--mirror", help=f"address of a folder with the same files; or {MIRROR} in the environment")
    return words


def _row(entry: Published) -> dict[str, object]:
    size = f"{entry.size / 1e6:.1f} MB" if entry.size else ""
    terms = {"code": entry.code, "weights": entry.weights, "data": entry.data}
    here = "here" if place_of(entry.name).is_file() else ""
    return {"name": entry.name, "what": entry.what, "size": size, **terms, "fetched": here}


def _fetch(entry: Published, options: argparse.Namespace) -> None:
    target = place_of(entry.name)
    if target.is_file() and digest(target) == entry.sha256:
        log.info("%s is here: %s", entry.name, target)
        return
    log.info(table(f"{entry.name}: {entry.what}", [{"code": entry.code, "weights": entry.weights, "data": entry.data}]))
    if not options.yes and not _agreed(entry.name):
        raise ConfigError(f"{entry.name} was not fetched: its terms were not agreed to")
    with _bar(entry) as progress:
        download(_address(entry, options.mirror), target, entry.sha256, entry.size, progress)
    log.info("%s: %s", entry.name, target)


def _agreed(name: str) -> bool:
    """Asks once.

    Raises:
        ConfigError: Nobody is there to answer.
    """
    if not sys.stdin.isatty():
        raise ConfigError(f"{name}: agree to these terms with --yes, since nobody is there to be asked")
    sys.stderr.write(f"Download {name} under these terms? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _address(entry: Published, mirror: str | None) -> str:
    base = mirror or os.environ.get(MIRROR)
    if base is None:
        return entry.url
    return f"{base.rstrip('/')}/{PurePosixPath(urlsplit(entry.url).path).name}"


@contextmanager
def _bar(entry: Published) -> Iterator[Callable[[int, int | None], None]]:
    """Bytes, rate and time left, on a terminal."""
    console = Console(stderr=True)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(entry.name, total=entry.size)
        yield lambda here, of: bar.update(task, completed=here, total=of)
