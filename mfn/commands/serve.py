"""``mfn serve``: verify, identify and enrol as a REST API, for programs of this machine or with keys for others."""

import argparse
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from mfn.about import optional
from mfn.commands.ending import ending_well
from mfn.commands.recognising import (
    add_detector,
    add_model,
    add_threshold,
    detector_of,
    embedder_of,
    gallery_threshold,
    pair_threshold,
)
from mfn.commands.screen import plain_program
from mfn.errors import ConfigError
from mfn.inference.embedder import FaceEmbedder
from mfn.recognition.gallery import Gallery
from mfn.recognition.picture import Photo
from mfn.recognition.pipeline import FacePipeline

log = logging.getLogger(__name__)

PORT = 8421


def main(arguments: Sequence[str], verb: str = "serve") -> None:
    """Runs the command."""
    with plain_program():
        run(parser(verb).parse_args(arguments))


def parser(verb: str = "serve") -> argparse.ArgumentParser:
    """What there is to type."""
    words = argparse.ArgumentParser(f"mfn {verb}", description=__doc__)
    words.add_argument("--gallery", type=Path, metavar="FILE", help="of mfn enroll, or a new one; none without")
    words.add_argument("--host", default="127.0.0.1", help="0.0.0.0 for other machines, which takes --key-file")
    words.add_argument("--port", type=int, default=PORT, help="0 for any that is free")
    who = words.add_argument_group("who may ask, and how much")
    who.add_argument("--key-file", type=Path, metavar="FILE", help="keys, one a line; each request needs one then")
    who.add_argument("--open", action="store_true", help="let other machines ask without keys")
    who.add_argument("--rate", type=int, metavar="N", help="requests a minute of one key, or of one address")
    who.add_argument("--max-mb", type=float, default=20.0, help="of a request")
    who.add_argument("--max-megapixels", type=float, default=50.0, help="of a photo")
    queue = words.add_argument_group("queue")
    queue.add_argument("--batch", type=int, default=8, help="photos that go through the network together")
    queue.add_argument("--wait-ms", type=float, default=3.0, help="how long a photo waits for others")
    queue.add_argument("--queue", type=int, default=64, help="photos that may wait; more are answered with 503")
    add_model(words)
    add_detector(words)
    add_threshold(words, of_gallery=True)
    return words


def run(options: argparse.Namespace) -> None:
    """Serves until the process is told to end.

    Raises:
        MfnError: An option makes no sense, or network, detector and gallery do not fit.
    """
    for module in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
        optional(module, "mfn serve needs a web server", "serve", ConfigError)
    from mfn.serving.app import make_app  # not before: only the extra brings what these import
    from mfn.serving.engine import Deciding, Engine, Queue
    from mfn.serving.guard import Rules, is_local
    from mfn.serving.keys import Keys
    from mfn.serving.server import address_of, open_socket, serve

    _check(options)
    keys = None if options.key_file is None else Keys.read(options.key_file)
    alone = is_local(options.host)
    if not alone and keys is None and not options.open:
        raise ConfigError(
            f"--host {options.host} lets other machines ask: give keys with --key-file, or --open for everybody"
        )
    with ExitStack() as stack:
        stack.enter_context(ending_well())
        served = stack.enter_context(open_socket(options.host, options.port))
        embedder = embedder_of(options)
        gallery = None
        if options.gallery is not None:
            gallery = stack.enter_context(Gallery.open(options.gallery, embedder, flip=options.flip))
        flip = options.flip or (gallery.flip if gallery else None)
        pipeline = FacePipeline(detector_of(options), embedder, flip=flip, batch_size=options.batch)
        pair = pair_threshold(options, embedder.contract, pipeline.flip)
        deciding = Deciding(
            pair=pair,
            among=lambda asked: gallery_threshold(options, embedder.contract, asked, options.by),
            by=options.by,
            band=options.band,
        )
        if gallery is not None and gallery.comparisons():
            deciding.among(gallery)  # whatever is wrong with it is told now
        _warm(pipeline, embedder, options.aligned)
        queue = Queue(options.batch, options.wait_ms / 1000, options.queue)
        most_pixels = round(options.max_megapixels * 1e6)
        rules = Rules(
            keys=keys,
            rate=options.rate,
            most_bytes=round(options.max_mb * 1e6),
            most_at_once=options.queue,
            is_local=alone and keys is None,
        )
        app = make_app(
            lambda told: Engine(
                pipeline, gallery, deciding, queue=queue, most_pixels=most_pixels, aligned=options.aligned, told=told
            ),
            rules,
        )
        log.info("%s", deciding.pair.sentence())
        log.info("serving at %s, described at %s/docs", address_of(served), address_of(served))
        serve(app, served)


def _check(options: argparse.Namespace) -> None:
    """Makes sure that the numbers make sense.

    Raises:
        ConfigError: One does not.
    """
    if options.fpir is not None and (options.threshold is not None or options.fmr is not None):
        raise ConfigError("give --fpir, --fmr or --threshold, not two of them")
    least = {"batch": 1, "queue": 2, "rate": 1, "wait_ms": 0, "port": 0}
    for name, low in least.items():
        value = getattr(options, name)
        if value is not None and not value >= low:
            raise ConfigError(f"--{name.replace('_', '-')} must be at least {low}, got {value}")
    for name in ("max_mb", "max_megapixels"):
        if not 0 < getattr(options, name) < 1e6:
            raise ConfigError(f"--{name.replace('_', '-')} must be above 0, got {getattr(options, name)}")


def _warm(pipeline: FacePipeline, embedder: FaceEmbedder, aligned: bool) -> None:
    """Looks at an empty picture, so that the first request does not wait for what is loaded late."""
    contract = embedder.contract
    crop = np.zeros((contract.height, contract.width, 3), np.uint8)
    pipeline.embed(crop[None])
    if not aligned:
        pipeline(Photo(np.zeros((320, 320, 3), np.uint8)))
