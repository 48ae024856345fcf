"""``mfn inspect``: what a file or folder is."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from mfn.commands.screen import plain_program
from mfn.files.ownership import is_json, is_png_of_ours, refuse_to_replace, write_json
from mfn.inspection.inspect import inspect, show
from mfn.inspection.inspection import Inspection
from mfn.report.histogram import draw_histogram

log = logging.getLogger(__name__)


def main(arguments: Sequence[str], verb: str = "inspect") -> None:
    """Runs the command."""
    with plain_program():
        inspect_path(parser(verb).parse_args(arguments))


def parser(verb: str = "inspect") -> argparse.ArgumentParser:
    """What there is to type."""
    words = argparse.ArgumentParser(f"mfn {verb}", description=__doc__)
    words.add_argument("path", type=Path)
    words.add_argument("contract", nargs="*", metavar="contract.KEY=VALUE", help="what a network file does not say")
    words.add_argument("--all", action="store_true", help="decode every image to count the broken ones")
    words.add_argument("--show", type=Path, metavar="PNG", help="write a contact sheet")
    words.add_argument("--histogram", type=Path, metavar="PNG", help="write the images per identity")
    words.add_argument("--json", type=Path, help="also write what was found here")
    return words


def inspect_path(options: argparse.Namespace) -> None:
    """Tells what a file or folder is, see :mod:`mfn.inspection`."""
    for file, is_ours in ((options.show, is_png_of_ours), (options.histogram, is_png_of_ours), (options.json, is_json)):
        if file is not None:
            refuse_to_replace(file, is_ours)
    found = _inspect_as_stated(options) if options.contract else inspect(options.path, options.all)
    log.info(found.text())
    if options.show is not None:
        show(found, options.show)
    if options.histogram is not None:
        draw_histogram({found.kind: found.images_per_identity}, options.histogram)
    if options.json is not None:
        write_json(options.json, found.to_dict())


def _inspect_as_stated(options: argparse.Namespace) -> Inspection:
    from mfn.inspection.networks import inspect_network, stated_contract  # PyTorch, which other files do without

    return inspect_network(options.path, stated_contract(options.contract))
