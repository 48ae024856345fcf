"""Where the file of an LMDB database is."""

from pathlib import Path

from mfn.errors import DataError
from mfn.packs.lmdb.tree import MAGIC

DATA = "data.mdb"
"""What LMDB calls the file where a database is a folder."""
_SUFFIXES = (".lmdb", ".mdb")
_MAGIC = MAGIC.to_bytes(4, "little")
_PLACES = (16, 12)
"""Where the magic number stands: behind the header of a page, which machines of 32 bits make shorter."""


def is_database(path: Path) -> bool:
    """Whether a file begins as LMDB's do."""
    try:
        with path.open("rb") as file:
            head = file.read(_PLACES[0] + len(_MAGIC))
    except OSError:
        return False
    return any(head[place : place + len(_MAGIC)] == _MAGIC for place in _PLACES)


def databases_in(place: Path) -> list[Path]:
    """The databases at a place: it itself, or those in the folder, each a file or a folder of its own; sorted."""
    if place.is_file():
        return [place] if is_database(place) else []
    if not place.is_dir():
        return []
    if (own := place / DATA).is_file():
        return [own]
    found = [path / DATA if path.is_dir() else path for path in sorted(place.iterdir()) if _may_be(path)]
    return [path for path in found if path.is_file()]


def existing_database(place: Path) -> Path:
    """The one file at a place.

    Raises:
        DataError: There is none, or there are several.
    """
    found = databases_in(place)
    if len(found) == 1:
        return found[0]
    if found:
        named = [path.parent if path.name == DATA else path for path in found]
        raise DataError(
            f"{place} holds {', '.join(path.name for path in named)}: name the one you mean, as in {named[0]}"
        )
    if place.is_file():
        raise DataError(f"{place} is no LMDB file: root must be the .lmdb, or the folder that holds its {DATA}")
    raise DataError(
        f"{place} holds no LMDB file (*.lmdb, {DATA}): root must be the .lmdb or its folder. For an InsightFace pack "
        "use data=ms1m (source=pack to prepare it)"
    )


def _may_be(path: Path) -> bool:
    return path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
