"""The kit's README, its C header, and the checks in three languages."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from mfn.contract import InputContract
from mfn.export.kit.golden import Golden
from mfn.export.kit.mistakes import MISTAKES
from mfn.export.network import INPUT, OUTPUT, Deployable

TEMPLATES = Path(__file__).parent / "templates"
CHECKS = ("check.py", "check.cpp", "Check.kt")
LEAST = 0.85
"""Mean cosine below which no answer is near enough to be named."""
_ALIKE = 0.99


def checks(length: int, integers: Mapping[str, Any]) -> dict[str, bytes]:
    """The three checks by their file's name.

    Args:
        length: Of an embedding.
        integers: See :class:`mfn.export.target.Description`; they take the integers of such files as they are too.
    """
    kind, zero = (integers[OUTPUT]["dtype"], integers[OUTPUT]["zero_point"]) if integers else ("float32", 0)
    reads = {"float32": "getFloat", "int8": "get", "int16": "getShort"}[kind]
    values = {
        "length": length,
        "least": LEAST,
        "kind": np.dtype(kind).newbyteorder("<").str,
        "size": np.dtype(kind).itemsize,
        "zero": zero,
        "ctype": "float" if kind == "float32" else f"std::{kind}_t",
        "reads": reads,
    }
    return {name: filled(name, **values).encode() for name in CHECKS}


def filled(name: str, **values: object) -> str:
    """A template of the kit with what belongs in it."""
    return Template((TEMPLATES / f"{name}.txt").read_text(encoding="utf-8")).safe_substitute(values)


def header(golden: Golden) -> bytes:
    """C and C++: sizes, the first golden picture as pixels, and all outputs that the check knows."""
    known = golden.known()
    count, images, length = known.shape
    height, width = golden.images.shape[1:3]
    sizes = {"HEIGHT": height, "WIDTH": width, "IMAGES": images, "LENGTH": length, "KNOWN": count}
    names = ", ".join(f'"{name}"' for name in golden.outputs)
    lines = [
        "// Golden outputs of a network, the right ones first, and those of each mistake. Written by mfn.",
        "#pragma once",
        *(f"#define MFN_{name} {size}" for name, size in sizes.items()),
        f"static const char *const mfn_names[MFN_KNOWN] = {{{names}}};",
        "// golden/images/0.png: rows of red, green, blue",
        f"static const unsigned char mfn_pixels[{height * width * 3}] = {{",
        *_wrapped(map(str, golden.images[0].reshape(-1)), 24),
        "};",
        "static const float mfn_known[MFN_KNOWN][MFN_IMAGES * MFN_LENGTH] = {",
        *(line for rows in known for line in ("{", *_wrapped((f"{x:.8e}f" for x in rows.reshape(-1)), 8), "},")),
        "};",
    ]
    return ("\n".join(lines) + "\n").encode()


def readme(
    file: str,
    deployable: Deployable,
    golden: Golden,
    facts: dict[str, str],
    contents: Iterable[str],
    integers: Mapping[str, Any],
) -> bytes:
    """What the kit is, for people.

    Args:
        file: Name of the exported file.
        deployable: What is in it.
        golden: Inputs and outputs.
        facts: ``layout``, ``batch``, ``made_by``, ``calibration`` and ``static`` in words.
        contents: Names of files, each with what it is.
        integers: See :class:`mfn.export.target.Description`.
    """
    contract, count, length = deployable.contract, *golden.known().shape[1:]
    return filled(
        "README.md",
        file=file,
        count=count,
        length=length,
        least=LEAST,
        color=contract.color,
        contract=_contract(deployable, facts, integers),
        numbers=_numbers(integers),
        made_by=facts["made_by"],
        mistakes="\n".join(f"| `{name}` | {MISTAKES.get(name, 'nothing wrong')} |" for name in golden.outputs),
        likeness=_likeness(golden),
        together=_together(golden),
        calibration=facts["calibration"],
        rknn=_rknn(deployable),
        normalised="" if deployable.takes_pixels else ", normalised",
        static=facts["static"],
        contents="\n".join(f"- {line}" for line in contents),
    ).encode()


def _numbers(integers: Mapping[str, Any]) -> str:
    if not integers:
        return (
            " (where\n   the output is of integers, first bring them back to real numbers by its scale and zero point)"
        )
    return f",\n   or as the {integers[OUTPUT]['dtype']} that the file gives, which the checks know by their size"


def _contract(deployable: Deployable, facts: dict[str, str], integers: Mapping[str, Any]) -> str:
    contract = deployable.contract
    kind = integers[INPUT]["dtype"] if integers else deployable.options.input
    template = ", ".join(f"({x:.2f}, {y:.2f})" for x, y in contract.template)
    pixels = (
        "The pixels as they are, 0 to 255: the file normalises inside, and nothing else may."
        if deployable.takes_pixels
        else f"Each pixel x becomes {normalisation(contract)}, once: by the app or by the NPU's settings, not by both."
    )
    if integers and (offset := integers[INPUT]["zero_point"]):
        pixels = f"Each pixel x becomes x - {-offset}, nothing else: the file normalises inside."
    unit = "of unit length" if deployable.options.l2_normalize else "of any length: compare by the cosine"
    lines = [
        f"Input `{INPUT}`: {kind}, {facts['layout']}, batch {facts['batch']}.",
        f"Channels in the order {contract.color}.",
        pixels,
        f"An aligned face, {contract.height} rows of {contract.width} pixels, whose eyes, nose and mouth corners lie "
        f"at (x, y) {template}.",
        f"Output `{OUTPUT}`: {contract.embedding_dim} numbers, {unit}.",
    ]
    if integers:
        lines.append(
            "A number q of it is {dtype} and stands for (q {0:+d}) * {scale:g}.".format(
                -integers[OUTPUT]["zero_point"], **integers[OUTPUT]
            )
        )
    if contract.threshold is not None:
        lines.append(f"Two faces count as one person from a cosine of {contract.threshold:.4f} on.")
    return "\n".join(f"- {line}" for line in lines)


def normalisation(contract: InputContract) -> str:
    """What becomes of a pixel x, with the channels in the file's order where they differ."""
    mean, std = ("/".join(f"{v:g}" for v in dict.fromkeys(values)) for values in (contract.mean, contract.std))
    return f"(x - {mean}) / {std}"


def _rknn(deployable: Deployable) -> str:
    contract = deployable.contract
    mean, std = ((0, 0, 0), (1, 1, 1)) if deployable.takes_pixels else (contract.mean, contract.std)
    values = [", ".join(f"{value:g}" for value in part) for part in (mean, std)]
    turned = ", quant_img_RGB2BGR=True" if contract.color == "BGR" else ""
    told = "The file normalises" if deployable.takes_pixels else "The NPU then normalises, and the app must not"
    return f"`rknn.config(mean_values=[[{values[0]}]], std_values=[[{values[1]}]]{turned})`. {told}."


def _likeness(golden: Golden) -> str:
    names, table = list(golden.outputs), golden.likeness()
    rows = [
        f"| `{name}` | " + " | ".join(f"{value:.2f}" for value in row) + " |"
        for name, row in zip(names, table, strict=True)
    ]
    return "\n".join([f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|", *rows])


def _together(golden: Golden) -> str:
    """Which answers come together, since their outputs are nearly the same."""
    names, table = list(golden.outputs), golden.likeness()
    pairs = [
        f"`{names[a]}` and `{names[b]}`"
        for a, b in zip(*np.triu_indices(len(names), 1), strict=True)
        if table[a, b] > _ALIKE
    ]
    return f"\nNearly the same, so that the check may name both: {', '.join(pairs)}.\n" if pairs else ""


def _wrapped(values: Iterable[str], each: int) -> list[str]:
    words = [f"{value}," for value in values]
    return ["".join(words[at : at + each]) for at in range(0, len(words), each)]
