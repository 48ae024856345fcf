"""Which columns of a table hold the image and whom it shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfn.errors import ConfigError
from mfn.packs.parquet.card import Card

_IMAGES = ("image", "img", "jpg", "jpeg", "png", "webp", "photo", "picture", "face")
_LABELS = (
    "label",
    "labels",
    "identity",
    "id",
    "person",
    "person_id",
    "subject",
    "name",
    "class",
    "cls",
    "target",
    "celeb_id",
)
_BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class FaceColumns:
    """The columns of a table.

    Attributes:
        image: Column of the images.
        data: Column of their bytes, with a dot where it is part of the other.
        label: Column of the labels.
    """

    image: str
    data: str
    label: str


def face_columns(path: Path, schema: Any, card: Card, image: str | None, label: str | None) -> FaceColumns:
    """Finds the columns.

    Args:
        path: Of the file, for messages.
        schema: pyarrow's, of the table.
        card: What is said of it.
        image: Name of the column of images; None looks for it.
        label: Name of that of labels; None looks for it.

    Raises:
        ConfigError: There is none, or which one is meant cannot be told.
    """
    columns = {column.name: column.type for column in schema}
    data = {name: part for name, kind in columns.items() if (part := _bytes_of(name, kind)) is not None}
    labels = [name for name, kind in columns.items() if name not in data and _is_label(kind)]
    images = [name for name in card.images if name in data] or list(data)
    found = _chosen(path, "image", image, images, _IMAGES, list(columns))
    if found not in data:
        raise ConfigError(
            f"{path}: column {found} holds no encoded images: data.image_column is one of {_listed(data)}"
        )
    classes = [name for name in card.class_names if name in labels] or labels
    who = _chosen(path, "label", label, classes, _LABELS, list(columns))
    if who not in labels:
        one = _listed(labels)
        raise ConfigError(f"{path}: column {who} holds no numbers or words: data.label_column is one of {one}")
    return FaceColumns(found, data[found], who)


def _chosen(
    path: Path, what: str, wanted: str | None, found: Sequence[str], usual: Sequence[str], there: Sequence[str]
) -> str:
    if wanted is not None:
        if wanted not in there:
            raise ConfigError(f"{path} has no column {wanted}: data.{what}_column is one of {_listed(there)}")
        return wanted
    if len(found) == 1:
        return found[0]
    named = [name for each in usual for name in found if name.lower() == each]
    if named:
        return named[0]
    which = f"is it one of {_listed(found)}?" if found else f"there are {_listed(there)}."
    raise ConfigError(f"{path}: which column is the {what}? {which} Set data.{what}_column=NAME")


def _listed(names: Any) -> str:
    return ", ".join(names) or "none"


def _bytes_of(name: str, kind: Any) -> str | None:
    """The column of the bytes of an image."""
    if _is_binary(kind):
        return name
    parts = {kind.field(number).name: kind.field(number).type for number in range(kind.num_fields)}
    return f"{name}.{_BYTES}" if str(kind).startswith("struct") and _is_binary(parts.get(_BYTES)) else None


def _is_binary(kind: Any) -> bool:
    return str(kind) in ("binary", "large_binary")


def _is_label(kind: Any) -> bool:
    text = str(kind)
    return text.startswith(("int", "uint", "string", "large_string", "dictionary<values=string"))
