"""What a file says about itself, in its own metadata and in a JSON beside it, and how an app uses it."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from string import Template
from types import MappingProxyType
from typing import Any

from mfn.about import mfn_version
from mfn.checkpoint.format_number import FORMAT
from mfn.export.network import INPUT, OUTPUT, Deployable
from mfn.files.atomic import replacing
from mfn.inference.file_contract import CONTRACT_KEY, side_file


def described(deployable: Deployable, origin: Mapping[str, str] = MappingProxyType({})) -> Deployable:
    """Fills in the metadata: strings under names that begin with ``mfn.``.

    Args:
        deployable: Its contract and options are told.
        origin: Where the weights come from, see :class:`mfn.export.source.Source`.
    """
    contract, options = deployable.contract, deployable.options
    facts = {
        "contract": json.dumps(contract.to_dict()),
        "input": options.input,
        "precision": options.precision,
        "l2_normalize": str(options.l2_normalize).lower(),
        "embedding_dim": str(contract.embedding_dim),
        "version": mfn_version(),
        "format": str(FORMAT),
        **origin,
    }
    if contract.threshold is not None:
        facts |= {"threshold": str(contract.threshold), "threshold_far": str(contract.threshold_far)}
    prefix = CONTRACT_KEY.removesuffix("contract")
    return dataclasses.replace(deployable, metadata={prefix + name: text for name, text in facts.items()})


def write_metadata(path: Path, deployable: Deployable, **more: Any) -> Path:
    """Writes the JSON beside a file: the contract, what else the metadata says, and more where it is known.

    Args:
        path: The exported file.
        deployable: What is in it.
        more: Plain values, as the proof.

    Returns:
        The JSON's path.
    """
    facts = {name.partition(".")[2]: text for name, text in deployable.metadata.items() if name != CONTRACT_KEY}
    content = {"contract": deployable.contract.to_dict(), **facts, **more}
    beside = side_file(path)
    with replacing(beside) as temporary:
        temporary.write_text(json.dumps(content, indent=2), encoding="utf-8")
    return beside


SNIPPETS = Path(__file__).parent / "snippets"


def usage(
    target: str,
    file: str,
    deployable: Deployable,
    integers: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> str:
    """The lines to copy, with the file's own name, size and pixel conventions.

    ``snippets/TARGET.txt`` may hold ``$file``, ``$height``, ``$width``, ``$color``, ``$dim``, ``$dtype`` (of the
    input) and ``$value`` (what becomes of a pixel x). Files of integers have ``snippets/TARGET_integers.txt``, with
    ``$offset`` (what is added to a pixel), ``$scale`` and ``$zero_point`` (of the embedding) and ``$integer`` (its
    type).

    Args:
        target: Name of the format.
        file: Name of the exported file.
        deployable: What is in it.
        integers: See :class:`mfn.export.target.Description`.

    Returns:
        Text with a heading for each language; empty where the format has none.
    """
    text = SNIPPETS / f"{target}{'_integers' * bool(integers)}.txt"
    if not text.is_file():
        return ""
    contract = deployable.contract
    mean, std = ("/".join(f"{v:g}" for v in dict.fromkeys(values)) for values in (contract.mean, contract.std))
    taken, given = integers.get(INPUT, {}), integers.get(OUTPUT, {})
    return Template(text.read_text(encoding="utf-8")).safe_substitute(
        {**given, "integer": given.get("dtype"), "offset": taken.get("zero_point")},
        file=file,
        height=contract.height,
        width=contract.width,
        color=contract.color,
        dim=contract.embedding_dim,
        dtype=taken.get("dtype", deployable.options.input),
        value="x" if deployable.takes_pixels else f"(x - {mean}) / {std}",
    )
