"""``mfn benchmarks``: the sets there are, on which terms, where they are from, and how mfn reads them."""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from mfn.benchmarks.known_sets import KNOWN_SETS, KnownSet
from mfn.commands.screen import plain_program
from mfn.errors import ConfigError
from mfn.files.ownership import is_json, refuse_to_replace, write_json
from mfn.report.tables import table

log = logging.getLogger(__name__)


def main(arguments: Sequence[str], verb: str = "benchmarks") -> None:
    """Runs the command."""
    with plain_program():
        options = parser(verb).parse_args(arguments)
        if options.json is not None:
            refuse_to_replace(options.json, is_json)
        chosen = [known for known in KNOWN_SETS if not options.words or _is_named(known, options.words)]
        if not chosen:
            names = ", ".join(known.name for known in KNOWN_SETS)
            raise ConfigError(f"no set has {' or '.join(options.words)} in its name: there are {names}")
        log.info(table("Sets: what they test, and how mfn reads them", [_use(known) for known in chosen]))
        log.info(table("Terms and where they are from; mfn brings none of them", [_terms(known) for known in chosen]))
        if options.json is not None:
            write_json(options.json, [asdict(known) for known in chosen])


def parser(verb: str = "benchmarks") -> argparse.ArgumentParser:
    """What there is to type."""
    words = argparse.ArgumentParser(f"mfn {verb}", description=__doc__)
    words.add_argument("words", nargs="*", metavar="NAME", help="a part of a set's name; all without")
    words.add_argument("--json", type=Path, help="also write the rows here")
    return words


def _is_named(known: KnownSet, words: Sequence[str]) -> bool:
    says = _plain(known.name + known.word)
    return any(_plain(word) in says for word in words)


def _plain(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "")


def _use(known: KnownSet) -> dict[str, object]:
    return {
        "set": known.name,
        "tests": known.tests,
        "size": known.size,
        "read as": known.word,
        "from these files": known.layout,
    }


def _terms(known: KnownSet) -> dict[str, object]:
    return {"set": known.name, "terms": known.told_terms, "from": known.source}
