"""The ``mfn`` command."""

import argparse
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mfn.checkpoint.format import BACKBONE, CheckpointMetadata, read_checkpoint, write_atomically
from mfn.commands.screen import screens
from mfn.config.failures import one_sentence
from mfn.errors import CheckpointError, MfnError
from mfn.files.ownership import is_json, is_png_of_ours, refuse_to_replace, write_json
from mfn.models.count import network_size
from mfn.models.layer_order import import_layer_order
from mfn.report.tables import table

log = logging.getLogger(__name__)

_IMPORTED = "imported from "


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one subcommand.

    Args:
        arguments: Without the program's name; None takes them from the command line.
    """
    logging.basicConfig(format="%(message)s", level=logging.INFO, handlers=screens())
    options = parser().parse_args(arguments)
    with one_sentence():
        options.run(options)


def parser() -> argparse.ArgumentParser:
    """All subcommands with their options."""
    top = argparse.ArgumentParser(prog="mfn", description=__doc__)
    commands = top.add_subparsers(required=True)

    bring = commands.add_parser("import", help="weights of others to a checkpoint of ours")
    bring.add_argument("file", type=Path, help=".npz of weights in layer order, with a .json beside it")
    bring.add_argument("--output", type=Path, required=True, help="checkpoint to write")
    bring.set_defaults(run=run_import)

    # Hydra's words, such as --cfg, go through as they are: no word begins with this prefix
    prepare = commands.add_parser(
        "prepare", help="what you have to what training and judging want", prefix_chars="\0", add_help=False
    )
    prepare.add_argument("words", nargs="*")
    prepare.set_defaults(run=run_prepare)

    look = commands.add_parser("inspect", help="what a pack, folder, .bin, checkpoint or exported file is")
    look.add_argument("path", type=Path)
    look.add_argument("contract", nargs="*", metavar="contract.KEY=VALUE", help="what a network file does not say")
    look.add_argument("--all", action="store_true", help="decode every image to count the broken ones")
    look.add_argument("--show", type=Path, metavar="PNG", help="write a contact sheet")
    look.add_argument("--histogram", type=Path, metavar="PNG", help="write the images per identity")
    look.add_argument("--json", type=Path, help="also write what was found here")
    look.set_defaults(run=run_inspect)

    bench = commands.add_parser("bench", help="how fast the parts are, beside a peer or the limit")
    subjects = bench.add_subparsers(required=True)
    data = subjects.add_parser("data", help="reading, decoding and loading")
    data.add_argument("--root", type=Path, help="InsightFace pack; without it a synthetic one is written")
    data.add_argument("--workers", type=int, default=1)
    data.add_argument("--json", type=Path, help="also write the rows here")
    data.set_defaults(run=run_bench_data)
    metrics = subjects.add_parser("metrics", help="a verification set's metrics, and a 1:N search")
    metrics.add_argument("--gallery", type=int, default=1_000_000, help="rows searched")
    metrics.add_argument("--json", type=Path, help="also write the rows here")
    metrics.set_defaults(run=run_bench_metrics)
    head = subjects.add_parser("head", help="time and memory of a margin head's step")
    head.add_argument("--classes", type=int, default=85742)
    head.add_argument("--batch", type=int, default=128)
    head.add_argument("--dim", type=int, default=512)
    head.add_argument("--json", type=Path, help="also write the rows here")
    head.set_defaults(run=run_bench_head)
    return top


def run_import(options: argparse.Namespace) -> None:
    """Reads foreign weights and writes a checkpoint with their own contract.

    Raises:
        CheckpointError: The file is of an unknown kind or does not fit.
        DataError: The output is there already and was not imported.
    """
    refuse_to_replace(options.output, _is_imported)
    if options.file.suffix != ".npz":
        raise CheckpointError(f"{options.file}: expected an .npz of weights in layer order with a .json beside it")
    network, arguments, contract = import_layer_order(options.file)
    model = {"_target_": f"{type(network).__module__}.{type(network).__name__}", **arguments}
    metadata = CheckpointMetadata(model, contract.to_dict(), config=_IMPORTED + options.file.name)
    state = {BACKBONE + name: value for name, value in network.state_dict().items()}
    write_atomically({"state_dict": state, "mfn": metadata.to_dict()}, options.output)
    size = network_size(network, (contract.height, contract.width))
    row = {
        "network": type(network).__name__,
        "parameters": f"{size.parameters:,}",
        "input": f"{contract.height}x{contract.width} {contract.color}, (x-{contract.mean[0]:g})/{contract.std[0]:g}",
        "embedding": contract.embedding_dim,
        "file": str(options.output),
    }
    log.info(table("Imported", [row]))


def _is_imported(path: Path) -> bool:
    """Whether a file can be had again by importing it; a trained network cannot."""
    try:
        return CheckpointMetadata.of(read_checkpoint(path), path).config.startswith(_IMPORTED)
    except MfnError:
        return False


def run_prepare(options: argparse.Namespace) -> None:
    """Prepares data, see :mod:`mfn.commands.prepare`."""
    from mfn.commands.prepare import prepare

    prepare(options.words)


def run_inspect(options: argparse.Namespace) -> None:
    """Tells what a file or folder is, see :mod:`mfn.inspection`."""
    from mfn.inspection.histogram import draw_histogram
    from mfn.inspection.inspect import inspect, show
    from mfn.inspection.networks import inspect_network, stated_contract

    for file, is_ours in ((options.show, is_png_of_ours), (options.histogram, is_png_of_ours), (options.json, is_json)):
        if file is not None:
            refuse_to_replace(file, is_ours)
    stated = stated_contract(options.contract)
    found = inspect_network(options.path, stated) if stated else inspect(options.path, options.all)
    log.info(found.text())
    if options.show is not None:
        show(found, options.show)
    if options.histogram is not None:
        draw_histogram(found.images_per_identity, options.histogram)
    if options.json is not None:
        write_json(options.json, found.to_dict())


def run_bench_data(options: argparse.Namespace) -> None:
    """Measures the way from record to batch."""
    from mfn.bench.data import bench_data

    _bench("Data, one process unless said otherwise", lambda: bench_data(options.root, options.workers), options.json)


def run_bench_metrics(options: argparse.Namespace) -> None:
    """Measures metrics and search."""
    from mfn.bench.metrics import bench_metrics

    _bench("Metrics and 1:N search", lambda: bench_metrics(gallery_rows=options.gallery), options.json)


def run_bench_head(options: argparse.Namespace) -> None:
    """Measures one step of the ArcFace head."""
    from mfn.bench.head import bench_head

    title = f"One ArcFace step: {options.classes} classes, batch {options.batch}, {options.dim}-d"
    _bench(title, lambda: bench_head(options.classes, options.batch, options.dim), options.json)


def _bench(title: str, measure: Callable[[], Sequence[Mapping[str, object]]], file: Path | None) -> None:
    if file is not None:
        refuse_to_replace(file, is_json)
    log.info(table(title, rows := measure()))
    if file is not None:
        write_json(file, rows)
