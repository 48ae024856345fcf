"""A ``report.json`` of `mfn evaluate`, read again: figures for a card, from a file that anybody may have written."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfn.contract import InputContract
from mfn.errors import CheckpointError, DataError
from mfn.files.ownership import json_at

_TARS = ("1e-02", "1e-03", "1e-04")
_LARGEST = 50_000_000
"""Bytes of a report that is read."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What one report says.

    Attributes:
        model: The file that was judged, as its user named it.
        contract: What it expects.
        flip: What was done with the mirrored image's embedding; "" where it does not say.
        sets: Figures of each 1:1 set of images.
        groups: For each of these the figures of each group: `pairs` and `accuracy`.
        templates: Figures of each 1:1 set of templates.
        identification: Figures of each 1:N set.
        notes: What to know of the figures.
        overlap: What it says of people of the sets who were trained on; "" where it says nothing.
    """

    model: str
    contract: InputContract
    flip: str
    sets: Mapping[str, Mapping[str, float]]
    groups: Mapping[str, Mapping[str, Mapping[str, float]]]
    templates: Mapping[str, Mapping[str, float]]
    identification: Mapping[str, Mapping[str, float]]
    notes: Sequence[str]
    overlap: str = ""


def read_judged(path: Path) -> Judged:
    """Reads a ``report.json``.

    Raises:
        DataError: It is missing, or none of `mfn evaluate`.
    """
    content = json_at(path) if path.is_file() and path.stat().st_size <= _LARGEST else None
    if not isinstance(content, dict) or not isinstance(content.get("sets"), dict) or "model" not in content:
        raise DataError(f"{path} is no report of mfn evaluate: give the report.json that lies in the folder of its run")
    try:
        contract = InputContract.from_dict(content.get("contract", {}))
    except CheckpointError as error:
        raise DataError(f"{path}: {error}") from error
    kinds = {name: _dicts(content.get(name)) for name in ("sets", "templates", "identification")}
    return Judged(
        model=str(content["model"]),
        contract=contract,
        flip=str(content.get("flip", "")),
        sets={name: _figures(each) for name, each in kinds["sets"].items()},
        groups={
            name: {group: _figures(one) for group, one in _dicts(each.get("groups")).items()}
            for name, each in kinds["sets"].items()
        },
        templates={name: _figures(each) for name, each in kinds["templates"].items()},
        identification={name: _figures(each) for name, each in kinds["identification"].items()},
        notes=[
            f"{name}: {note}"
            for kind in kinds.values()
            for name, each in kind.items()
            for note in _list(each.get("notes"))
        ],
        overlap=str(content.get("overlap") or ""),
    )


def result_rows(judged: Judged) -> list[dict[str, object]]:
    """A row for each set, shares in percent, with 95 % intervals where there are any."""
    rows: list[dict[str, object]] = []
    for name, found in judged.sets.items():
        row: dict[str, object] = {"set": name, "kind": "1:1", "pairs": _count(found, "pairs")}
        row["accuracy %"] = share(found, "accuracy")
        for far in _TARS:
            if f"tar_at_far_{far}" in found:
                row[f"TAR % at FAR {float(far):g}"] = share(found, f"tar_at_far_{far}")
        rows.append(row | {"EER %": share(found, "eer"), "flip": judged.flip, "judged file": _name(judged.model)})
    for name, found in judged.templates.items():
        row = {"set": name, "kind": "1:1, templates", "pairs": _count(found, "pairs")}
        row |= {
            f"TAR % at FAR {float(far):g}": share(found, f"tar_at_far_{far}")
            for far in _TARS
            if f"tar_at_far_{far}" in found
        }
        rows.append(row | {"EER %": share(found, "eer"), "flip": judged.flip, "judged file": _name(judged.model)})
    for name, found in judged.identification.items():
        row = {"set": name, "kind": "1:N", "gallery": _count(found, "gallery")}
        row |= {f"{key} %": share(found, key) for key in found if key.startswith(("rank", "tpir"))}
        rows.append(row | {"flip": judged.flip, "judged file": _name(judged.model)})
    return rows


def group_rows(judged: Judged) -> list[dict[str, object]]:
    """A row for each group of each set, the worst served first."""
    return [
        {"set": name, "group": group, "pairs": _count(found, "pairs"), "accuracy %": share(found, "accuracy")}
        for name, groups in judged.groups.items()
        for group, found in sorted(groups.items(), key=lambda each: each[1].get("accuracy", 0.0))
    ]


def share(found: Mapping[str, float], key: str) -> str:
    """A share in percent, with its interval where one was measured; "" where there is none."""
    if key not in found:
        return ""
    low, high = (found.get(f"{key}_{end}") for end in ("low", "high"))
    interval = "" if low is None or high is None else f" ({100 * low:.2f} to {100 * high:.2f})"
    return f"{100 * found[key]:.2f}{interval}"


def _count(found: Mapping[str, float], key: str) -> str:
    return f"{found[key]:,.0f}" if key in found else ""


def _name(model: str) -> str:
    return model.replace("\\", "/").rstrip("/").rpartition("/")[2]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dicts(value: Any) -> dict[str, dict[str, Any]]:
    return (
        {str(name): each for name, each in value.items() if isinstance(each, dict)} if isinstance(value, dict) else {}
    )


def _figures(value: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers of a mapping."""
    return {
        str(name): float(each)
        for name, each in value.items()
        if isinstance(each, int | float) and not isinstance(each, bool) and abs(each) < 1e15 and math.isfinite(each)
    }
