"""The faces in a tar shard: entries that share a key, an image and a label among them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mfn.images.formats import BY_SUFFIX, can_decode, remedy
from mfn.images.passed_over import PassedOver
from mfn.packs.tarshards.shard_labels import FIELDS, MOST_BYTES, LabelError, identity_in
from mfn.packs.tarshards.tar_members import Member, TarListing

_KEY_AND_FIELD = re.compile(r"((?:.*/)?[^./]+)[.]([^/]*)", re.DOTALL)
"""WebDataset's rule: all up to the first dot of the file's name is the key, the rest says what it is."""
_META = re.compile(r"__[^/]*__($|/)")
"""Entries that WebDataset keeps for itself."""


@dataclass(slots=True)
class TarSamples:
    """N faces in one shard, in the order of their first entries.

    Attributes:
        keys: Of each.
        starts: Byte in the shard at which its image begins.
        lengths: Bytes of the image.
        identities: Whom it shows.
        names: Of the people that are numbers and have one.
    """

    keys: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    identities: list[int | str] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)


def read_samples(path: Path, passed_over: PassedOver, name: str = "") -> TarSamples:
    """Finds the faces of a shard; what is damaged, or no face with its label, is counted.

    Args:
        path: Of the shard.
        passed_over: Gets what is passed over.
        name: What messages call the shard; its file's name where it is "".

    Raises:
        DataError: It cannot be opened or is compressed.
    """
    name = name or path.name
    listing = TarListing(path)
    found = TarSamples()
    for key, fields in _by_key(listing, name, passed_over).items():
        try:
            image = _image(fields)
            identity, person = _identity(fields, listing.file)
        except LabelError as error:
            passed_over.add(f"{name}: {key}", str(error))
            continue
        if image.start + image.size > len(listing.file):
            passed_over.add(f"{name}: {key}", "images that a shard's end cuts off")
            continue
        found.keys.append(key)
        found.starts.append(image.start)
        found.lengths.append(image.size)
        found.identities.append(identity)
        if person and isinstance(identity, int):
            found.names.setdefault(identity, person)
    if listing.damage:
        passed_over.add(f"{name}: {listing.damage}", "shards that are damaged or cut short")
    return found


def _by_key(listing: TarListing, name: str, passed_over: PassedOver) -> dict[str, dict[str, Member]]:
    """The entries of each key; those of one key need not follow one another, as GNU tar packs a folder in any order."""
    keys: dict[str, dict[str, Member]] = {}
    for member in listing:
        if member.is_folder or _META.match(member.name):
            continue
        told = f"{name}: {member.name}"
        if not member.is_file:
            passed_over.add(told, "links and devices in shards")
        elif member.name.rpartition("/")[2].startswith("."):
            passed_over.add(told, "hidden files")
        elif (parts := _KEY_AND_FIELD.fullmatch(member.name)) is None:
            passed_over.add(told, "files without an image beside them")
        else:
            fields = keys.setdefault(parts[1], {})
            if fields.setdefault(parts[2].lower(), member) is not member:
                passed_over.add(told, "files whose name was in the shard before")
    return keys


def _image(fields: Mapping[str, Member]) -> Member:
    forms = {suffix: form for suffix, form in BY_SUFFIX.items() if suffix[1:] in fields}
    if not forms:
        raise LabelError(
            "labels without an image" if fields.keys() & {*FIELDS} else "files without an image beside them"
        )
    suffix = next((suffix for suffix, form in forms.items() if can_decode(form)), None)
    if suffix is None:
        form = next(iter(forms.values()))
        raise LabelError(f"{form.name} images ({remedy(form)})")
    return fields[suffix[1:]]


def _identity(fields: Mapping[str, Member], file: memoryview) -> tuple[int | str, str]:
    kind = next((kind for kind in FIELDS if kind in fields), None)
    if kind is None:
        raise LabelError("images without a label")
    member = fields[kind]
    data = bytes(file[member.start : member.start + min(member.size, MOST_BYTES)])
    if len(data) != member.size:
        raise LabelError("images whose label cannot be read")
    return identity_in(kind, data)
