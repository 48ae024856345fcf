"""``mfn demo``: a page on this machine to compare photos, find people on them, group them, and look at a network."""

import argparse
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mfn.about import optional
from mfn.commands.ending import ending_well
from mfn.commands.recognising import (
    add_detector,
    add_model,
    add_threshold,
    embedder_of,
    gallery_threshold,
    pair_threshold,
    pipeline_of,
)
from mfn.commands.screen import plain_program
from mfn.errors import ConfigError, DataError
from mfn.files.atomic import clear_left_behind, hidden_folder
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.network import TorchNetwork
from mfn.models.count import network_size
from mfn.published.cache import home
from mfn.recognition.clustering import threshold_of_groups
from mfn.recognition.gallery import Gallery
from mfn.text import printable

log = logging.getLogger(__name__)

PORT = 8422
PASSWORD = "MFN_PASSWORD"
"""Variable of the environment with the password, which others on the machine cannot read there."""
_SHORTEST = 8


def main(arguments: Sequence[str], verb: str = "demo") -> None:
    """Runs the command."""
    with plain_program():
        run(parser(verb).parse_args(arguments))


def parser(verb: str = "demo") -> argparse.ArgumentParser:
    """What there is to type."""
    words = argparse.ArgumentParser(f"mfn {verb}", description=__doc__)
    words.add_argument("--gallery", type=Path, metavar="FILE", help="of mfn enroll, to find its people on photos")
    words.add_argument("--host", default="127.0.0.1", help="0.0.0.0 for other machines, which takes a password")
    words.add_argument("--port", type=int, default=PORT, help="0 for any that is free")
    words.add_argument("--password", help=f"that a browser asks for, under any name; or {PASSWORD} in the environment")
    words.add_argument("--max-mb", type=float, default=20.0, help="of a photo")
    words.add_argument("--max-megapixels", type=float, default=50.0, help="of a photo")
    add_model(words)
    add_detector(words)
    add_threshold(words, of_gallery=True)
    return words


def run(options: argparse.Namespace) -> None:
    """Shows the page until the process is told to end.

    Raises:
        MfnError: An option makes no sense, or network, detector and gallery do not fit.
    """
    password = options.password or os.environ.get(PASSWORD)
    _check(options, password)
    with ExitStack() as stack:
        stack.enter_context(ending_well())
        stack.enter_context(photos_folder())  # gradio asks for it when it is imported
        optional("gradio", "mfn demo needs gradio", "demo", ConfigError)
        from mfn.serving.demo.answers import Demo
        from mfn.serving.demo.host import LAST_ANSWERS, hosted
        from mfn.serving.demo.model import model_html
        from mfn.serving.demo.page import make_page
        from mfn.serving.guard import is_local
        from mfn.serving.server import address_of, open_socket, serve

        alone = is_local(options.host)
        if not alone and password is None:
            raise ConfigError(f"--host {options.host} shows the page to other machines: give a --password")
        served = stack.enter_context(open_socket(options.host, options.port))
        embedder = embedder_of(options)
        gallery = None
        if options.gallery is not None:
            opened = Gallery.open(options.gallery, embedder, flip=options.flip, create=False)
            gallery = stack.enter_context(opened)
        pipeline = pipeline_of(options, embedder, gallery.flip if gallery else None)
        contract, flip = embedder.contract, pipeline.flip
        pair = pair_threshold(options, contract, flip)
        demo = Demo(
            pipeline=pipeline,
            pair=pair,
            among=lambda asked: gallery_threshold(options, contract, asked, options.by),
            by=options.by,
            groups=lambda faces: threshold_of_groups(contract, faces, flip=flip, threshold=options.threshold),
            gallery=gallery,
            band=options.band,
            most_pixels=round(options.max_megapixels * 1e6),
            aligned=options.aligned,
        )
        page = make_page(demo, model_html(facts_of(options.model or "", embedder), contract, flip, pair))
        app = hosted(
            page, is_local=alone and password is None, password=password, most_bytes=round(options.max_mb * 1e6)
        )
        log.info("open %s in a browser; Ctrl-C ends it", address_of(served))
        serve(app, served, LAST_ANSWERS)


@contextmanager
def photos_folder() -> Iterator[Path]:
    """A folder for the photos that browsers send, which nobody else may read and which is removed at the end.

    What a demo that was killed has left is removed by the next one.

    Raises:
        DataError: It cannot be made.
    """
    base = home() / "demo"
    names = ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED", "GRADIO_RUN_HISTORY")
    before = {name: os.environ.get(name) for name in names}
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        clear_left_behind(base)
    except OSError as error:
        raise DataError(f"{base} cannot be made ({error.strerror}): give a folder of yours with MFN_HOME") from error
    with hidden_folder(base / "photos") as folder:
        folder.chmod(0o700)
        os.environ.update(dict(zip(names, (str(folder), "False", "False"), strict=True)))
        try:
            yield folder
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


def facts_of(name: str, embedder: FaceEmbedder) -> dict[str, str]:
    """Name and size of a network."""
    facts = {"network": printable(Path(name).name)} if name else {}
    if isinstance(embedder.network, TorchNetwork):
        size = network_size(embedder.network.module, (embedder.contract.height, embedder.contract.width))
        facts |= {
            "parameters": f"{size.parameters / 1e6:.2f} million",
            "multiply-adds": f"{size.multiply_adds / 1e6:,.0f} million a face",
        }
    if name and Path(name).is_file():
        facts["file"] = f"{Path(name).stat().st_size / 1e6:.1f} MB"
    return facts


def _check(options: argparse.Namespace, password: str | None) -> None:
    """Makes sure that the words make sense.

    Raises:
        ConfigError: They do not.
    """
    if password is not None and len(password) < _SHORTEST:
        raise ConfigError(f"a password has at least {_SHORTEST} letters")
    for name in ("max_mb", "max_megapixels"):
        if not 0 < getattr(options, name) < 1e6:
            raise ConfigError(f"--{name.replace('_', '-')} must be above 0, got {getattr(options, name)}")
    if options.fpir is not None and (options.threshold is not None or options.fmr is not None):
        raise ConfigError("give --fpir, --fmr or --threshold, not two of them")
