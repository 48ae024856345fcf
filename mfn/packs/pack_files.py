"""Where the files of a pack are."""

from pathlib import Path

from mfn.errors import DataError

_OF_A_PACK = (".rec", ".idx", ".lst")
_MOST_FOLDERS = 100


def beside(records: Path, suffix: str) -> Path:
    """The file of a pack's name with another suffix, in upper or lower case; the usual name where it is missing.

    Args:
        records: The `.rec`.
        suffix: In lower case, such as ".idx".
    """
    usual = records.with_suffix(suffix)
    if usual.is_file() or not records.parent.is_dir():
        return usual
    found = (path for path in sorted(records.parent.iterdir()) if path.name.casefold() == usual.name.casefold())
    return next(found, usual)


def packs_in(folder: Path) -> list[Path]:
    """The `.rec` files in a folder, in upper or lower case, sorted; none where it is no folder."""
    files = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in files if path.suffix.lower() == ".rec" and not path.name.startswith("."))


def find_pack(place: Path, pack: str = "train") -> Path | None:
    """The records at a place: a `.rec`, or the index or list beside it, or a folder that holds them.

    Args:
        place: File or folder.
        pack: Which of a folder; where there is no `train` the only one there is it.
    """
    folder = place if place.is_dir() else place.parent
    packs = packs_in(folder)
    if place.is_file():
        named = [path for path in packs if place.suffix.lower() in _OF_A_PACK and path.stem == place.stem]
        return next((path for path in named if path.name == place.name), named[0] if named else None)
    named = [path for path in packs if path.stem.casefold() == pack.casefold()]
    if pack == "train" and not named and len(packs) == 1:
        return packs[0]
    return next((path for path in named if path.name == f"{pack}.rec"), named[0] if named else None)


def _inner(folder: Path, pack: str) -> Path | None:
    """The folder in a folder that holds a pack, where there is just one."""
    folders = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    found = [path for path in folders[:_MOST_FOLDERS] if find_pack(path, pack) is not None]
    return found[0] if len(found) == 1 else None


def existing_pack(place: Path, pack: str = "train") -> Path:
    """What `find_pack` finds.

    Raises:
        DataError: Nothing.
    """
    records = find_pack(place, pack)
    if records is None and place.is_file():
        raise DataError(f"{place} is a file and no .rec: root must be an InsightFace pack's folder or its .rec")
    if records is None:
        there = [path.name for path in packs_in(place)]
        choice = f", but {', '.join(there)}: name the one you mean, as in {place / there[0]};" if there else ":"
        if not there and (inner := _inner(place, pack)) is not None:
            choice = f": did you mean {inner}?"
        raise DataError(
            f"{place} holds no {pack}.rec{choice} root must be the folder of an InsightFace pack (train.rec, "
            "train.idx, property) or its .rec. For one folder of pictures per person use data=folder (source=folder to "
            "prepare them)"
        )
    return records
