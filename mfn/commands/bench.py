"""``mfn bench``: how fast the parts are, beside a peer or the limit."""

import argparse
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mfn.bench.data import bench_data
from mfn.bench.head import bench_head
from mfn.bench.metrics import bench_metrics
from mfn.commands.screen import plain_program
from mfn.files.ownership import is_json, refuse_to_replace, write_json
from mfn.report.tables import table

log = logging.getLogger(__name__)


def main(arguments: Sequence[str], verb: str = "bench") -> None:
    """Runs the command."""
    with plain_program():
        options = parser(verb).parse_args(arguments)
        options.run(options)


def parser(verb: str = "bench") -> argparse.ArgumentParser:
    """What there is to type."""
    words = argparse.ArgumentParser(f"mfn {verb}", description=__doc__)
    subjects = words.add_subparsers(required=True)
    data = subjects.add_parser("data", help="reading, decoding and loading")
    data.add_argument("--root", type=Path, help="InsightFace pack; without it a synthetic one is written")
    data.add_argument("--workers", type=int, default=1)
    data.set_defaults(run=_data)
    metrics = subjects.add_parser("metrics", help="a verification set's metrics")
    metrics.set_defaults(run=_metrics)
    head = subjects.add_parser("head", help="time and memory of a margin head's step")
    head.add_argument("--classes", type=int, default=85742)
    head.add_argument("--batch", type=int, default=128)
    head.add_argument("--dim", type=int, default=512)
    head.add_argument("--heads", type=lambda names: names.split(","), default=[], help="time these too, as a,b")
    head.set_defaults(run=_head)
    for subject in (data, metrics, head):
        subject.add_argument("--json", type=Path, help="also write the rows here")
    return words


def _data(options: argparse.Namespace) -> None:
    _show("Data, one process unless said otherwise", lambda: bench_data(options.root, options.workers), options.json)


def _metrics(options: argparse.Namespace) -> None:
    _show("Metrics", bench_metrics, options.json)


def _head(options: argparse.Namespace) -> None:
    title = f"One step of a head: {options.classes} classes, batch {options.batch}, {options.dim}-d"
    _show(title, lambda: bench_head(options.classes, options.batch, options.dim, heads=options.heads), options.json)


def _show(title: str, measure: Callable[[], Sequence[Mapping[str, object]]], file: Path | None) -> None:
    if file is not None:
        refuse_to_replace(file, is_json)
    log.info(table(title, rows := measure()))
    if file is not None:
        write_json(file, rows)
