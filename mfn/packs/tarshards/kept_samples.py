"""What looking through a shard found, kept in a file, so that a shard that lies elsewhere is looked through once."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mfn.errors import DataError, first_line
from mfn.images.passed_over import PassedOver
from mfn.packs.tarshards.tar_samples import TarSamples, read_samples


def keep_samples(path: Path, shard: Path, name: str) -> None:
    """Looks through a shard and writes down what it found.

    Args:
        path: Of the file to write.
        shard: To look through.
        name: What messages call it.

    Raises:
        DataError: The shard cannot be opened or is compressed.
    """
    passed_over = PassedOver()
    samples = asdict(read_samples(shard, passed_over, name))
    samples["names"] = list(samples["names"].items())
    content = {"samples": samples, "counts": passed_over.counts, "examples": list(passed_over)}
    path.write_text(json.dumps(content), encoding="utf-8")


def kept_samples(path: Path) -> tuple[TarSamples, PassedOver]:
    """Reads what `keep_samples` wrote.

    Raises:
        DataError: The file is damaged.
    """
    passed_over = PassedOver()
    try:
        content: Any = json.loads(path.read_bytes())
        samples = TarSamples(**content["samples"] | {"names": dict(content["samples"]["names"])})
        for name, reason in content["examples"]:
            passed_over.add(name, reason)
        passed_over.counts.update(content["counts"])
        passed_over.counts.subtract(reason for _, reason in content["examples"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({first_line(error)}): remove it, and it is made again") from None
    return samples, passed_over
