"""The ``mfn`` command: one verb, and its own words behind it."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

VERBS = {
    "train": ("train", "train a network, as `python train.py` does"),
    "evaluate": ("evaluate", "how good a network is on LFW, CFP-FP, AgeDB-30 or your own pairs"),
    "compare": ("compare", "networks on the same pairs, and whether one is worse than a report"),
    "overlap": ("overlap", "people and images of a benchmark that are in a training set"),
    "benchmarks": ("benchmarks", "the sets there are, their terms and where they are from"),
    "export": ("export", "write a network as files for phones: ONNX, LiteRT and others"),
    "prepare": ("prepare", "photos to packs of aligned faces, and pairs to benchmarks"),
    "models": ("models", "the networks there are, how large and how fast"),
    "verify": ("verify", "whether two photos show one person"),
    "enroll": ("enroll", "people to a gallery"),
    "gallery": ("gallery", "list, remove, rename, merge, export and migrate the people of a gallery"),
    "identify": ("identify", "who of a gallery is on a photo"),
    "cluster": ("cluster", "the photos of a folder by person"),
    "watch": ("watch", "who of a gallery is in a video or before a camera"),
    "demo": ("demo", "a page to compare and find faces on this machine"),
    "serve": ("serve", "the same as a REST API"),
    "card": ("card", "a model card of a checkpoint or an exported file"),
    "fetch": ("fetch", "networks of others by name"),
    "import": ("import_weights", "weights of others to a checkpoint of ours"),
    "inspect": ("inspect", "what a pack, folder, .bin, checkpoint or exported file is"),
    "bench": ("bench", "how fast the parts are, beside a peer or the limit"),
}
"""The module of :mod:`mfn.commands` behind each verb, and what it does."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one verb.

    Args:
        arguments: Without the program's name; None takes them from the command line.
    """
    options = _parser().parse_args(arguments)
    if options.version:
        from mfn.about import mfn_version

        sys.stdout.write(f"mfn {mfn_version()}\n")
        return
    if options.verb is None:
        _parser().error(f"name what to do: {', '.join(VERBS)}")
    module = import_module(f"mfn.commands.{VERBS[options.verb][0]}")  # not before: PyTorch takes a second to import
    module.main(options.words, verb=options.verb)


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {verb:{width}}  {what}" for verb, (_, what) in VERBS.items())
    parser = argparse.ArgumentParser(
        "mfn",
        usage="mfn VERB ...",
        description="Train, judge, ship and use a small face-verification network.",
        epilog=f"verbs:\n{verbs}\n\nmfn VERB --help tells more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="tell the version and end")
    parser.add_argument("verb", nargs="?", choices=VERBS, metavar="VERB", help="one of those below")
    parser.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser
