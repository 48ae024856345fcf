"""What lies beside the files of a Hugging Face image set: its card, and what `datasets` wrote of it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CARD = "README.md"
_INFO = ("dataset_info.json", "dataset_infos.json")
_LARGEST = 1 << 26


@dataclass(frozen=True, slots=True)
class Card:
    """What is said of a set.

    Attributes:
        patterns: The files of each split, as paths with wildcards below the folder.
        class_names: Of the columns whose numbers stand for names.
        images: Columns that hold images.
    """

    patterns: dict[str, list[str]] = field(default_factory=dict)
    class_names: dict[str, list[str]] = field(default_factory=dict)
    images: list[str] = field(default_factory=list)


def read_card(folder: Path) -> Card:
    """Reads what is in a folder; what is missing or damaged says nothing."""
    card = Card()
    header = _header(folder / CARD)
    for config in _records(header.get("configs")):
        for part in _records(config.get("data_files")):
            paths = part.get("path")
            wanted = [paths] if isinstance(paths, str) else paths if isinstance(paths, list) else []
            card.patterns.setdefault(str(part.get("split", "train")), []).extend(map(str, wanted))
    for info in _records(header.get("dataset_info")):
        for feature in _records(info.get("features")):
            _take(card, str(feature.get("name")), feature.get("dtype"))
    for name in _INFO:
        read_features(card, _json(folder / name))
    return card


def read_features(card: Card, info: Mapping[str, Any]) -> None:
    """Adds the features that `datasets` describes, in a file of its own or in the header of the set's files."""
    features = info.get("features")
    if isinstance(features, Mapping):
        for name, feature in features.items():
            if isinstance(feature, Mapping) and feature.get("_type") == "ClassLabel":
                _name(card, str(name), feature.get("names"))
            elif isinstance(feature, Mapping) and feature.get("_type") == "Image":
                _image(card, str(name))
    elif len(info) == 1 and isinstance(config := next(iter(info.values())), Mapping):
        read_features(card, config)  # dataset_infos.json, by configuration


def _take(card: Card, name: str, kind: Any) -> None:
    """A feature as cards write it."""
    if kind == "image":
        _image(card, name)
    if isinstance(kind, Mapping) and isinstance(label := kind.get("class_label"), Mapping):
        names = label.get("names")
        if isinstance(names, Mapping):
            by_number = {int(number): each for number, each in names.items() if str(number).isdecimal()}
            names = [by_number[number] for number in range(len(by_number)) if number in by_number]
        _name(card, name, names)


def _name(card: Card, column: str, names: Any) -> None:
    if isinstance(names, list):
        card.class_names.setdefault(column, [str(name) for name in names])


def _image(card: Card, column: str) -> None:
    if column not in card.images:
        card.images.append(column)


def _records(value: Any) -> Iterator[Mapping[str, Any]]:
    items = value if isinstance(value, list) else [value]
    return (item for item in items if isinstance(item, Mapping))


def _header(path: Path) -> Mapping[str, Any]:
    text = _text(path)
    if not text.startswith("---"):
        return {}
    try:
        header = yaml.safe_load(text[3:].partition("\n---")[0])
    except yaml.YAMLError:
        return {}
    return header if isinstance(header, Mapping) else {}


def _json(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(_text(path) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace") if path.stat().st_size <= _LARGEST else ""
    except OSError:
        return ""
