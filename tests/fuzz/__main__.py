"""Damages what mfn reads and looks how it takes it: ``python -m tests.fuzz --minutes 10``, from the root of a clone.

A failure is told with its seed; ``python -m tests.fuzz --kinds png --first SEED --cases 1 --keep FILE`` makes it again.
"""

import argparse
import json
import logging
import sys
from pathlib import Path

import numpy as np

from mfn.report.tables import table
from tests.fuzz.hunt import hunt
from tests.fuzz.kinds import KINDS
from tests.fuzz.mutation import mutated

log = logging.getLogger("fuzz")


def main() -> int:
    """Returns 1 where something was taken badly."""
    words = argparse.ArgumentParser("python -m tests.fuzz", description=__doc__)
    words.add_argument("--kinds", default=",".join(KINDS), help="some of them, as records,idx")
    words.add_argument("--minutes", type=float, default=10.0, help="for all kinds together")
    words.add_argument("--cases", type=int, default=100_000, help="of each kind, at most")
    words.add_argument("--first", type=int, default=0, help="seed of the first case")
    words.add_argument("--json", type=Path, help="also write what was found here")
    words.add_argument("--keep", type=Path, help="write the damaged file of the first seed here, and end")
    options = words.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    names = options.kinds.split(",")
    if strange := sorted(set(names) - KINDS.keys()):
        words.error(f"--kinds {','.join(strange)}: there is {', '.join(KINDS)}")
    if options.keep is not None:
        right = _right(names[0])
        options.keep.write_bytes(mutated(right, np.random.default_rng(options.first)))
        return 0
    rows, failed = [], {}
    for number, name in enumerate(names):
        left = 60 * options.minutes - sum(row["seconds"] for row in rows)
        found = hunt(name, range(options.first, options.first + options.cases), left / (len(names) - number))
        counts = dict(found.outcomes)
        rows.append({"kind": name, "cases": found.cases, **counts, "seconds": round(found.seconds, 1)})
        log.info("%s: %d cases, %s, %d taken badly", name, found.cases, counts, len(found.failures))
        for seed, what in list(found.failures.items())[:5]:
            log.info("  seed %d: %s", seed, what)
        failed |= {f"{name} {seed}": what for seed, what in found.failures.items()}
    columns = ("kind", "cases", "read", "told", "failed", "seconds")
    log.info(table("Damaged files", [{column: row.get(column, 0) for column in columns} for row in rows]))
    if options.json is not None:
        options.json.write_text(json.dumps({"kinds": rows, "failures": failed}, indent=1))
    return int(bool(failed))


def _right(name: str) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return KINDS[name].make(Path(folder)).read_bytes()


if __name__ == "__main__":
    sys.exit(main())
