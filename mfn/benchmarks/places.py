"""Where the files of a benchmark lie: packs, lists and folders of images, as people and archives lay them out."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

PACKS = ("{}.bin", "{}.xz", "{}.npy")
NAMED = ("{}.csv", "pairs_{}.txt", "{}_pairs.txt", "{}_pair.txt", "pair_{}.txt", "{}.txt")
ANY = ("pairs.csv", "pairs.txt")
LFW_VIEW_1 = ("pairsDevTest.txt", "pairsDevTest.csv", "matchpairsDevTest.csv")
"""LFW's pairs to develop on, where the official ones are not there."""

_IMAGES = ("images", "aligned images", "aligned_images", "imgs")
_LFW_IMAGES = ("lfw", "lfw_funneled", "lfw-funneled", "lfw-deepfunneled", "lfw_deepfunneled", "lfwa", "lfw-a")
_LFW_HOME = "lfw_home"  # of scikit-learn, under its data_home
_OWN_IMAGES = {"xqlfw": ("xqlfw_aligned_112", "xqlfw", "lfw_original_imgs_min_qual0.85variant11")}
"""Sets whose images have the names of LFW's and are others, and the folders of their archives."""
_LFW_LISTS = ("sllfw",)
"""Sets that are other pairs of LFW's images."""
_MOST_FOLDERS = 50


def list_folders(name: str, root: Path) -> list[Path]:
    """The folders in which lists and CFP's Protocol are looked for, in their order.

    LFW's may also be scikit-learn's `lfw_home`, or lie in or beside the folder of images.
    """
    folders = [own_folder(root, name), root]
    if name == "lfw":
        folders += [root / _LFW_HOME, *(root / images for images in _LFW_IMAGES)]
        above = root
        while above.name in (*_LFW_IMAGES, "images"):
            folders.append(above := above.parent)
    return list(dict.fromkeys(folders))


def own_folder(root: Path, name: str) -> Path:
    """The folder of a benchmark below `root`, whatever its case and with or without `-` and `_`: XQLFW, ND-Twins."""
    exact = root / name
    if exact.is_dir() or not root.is_dir():
        return exact
    alike = (entry for entry in sorted(root.iterdir()) if _plain(entry.name) == _plain(name) and entry.is_dir())
    return next(alike, exact)


def image_folders(file: Path, name: str) -> list[Path]:
    """Where the images of a list may lie, the usual places first.

    Beside it in a folder of a usual name or the benchmark's; with the list; in any other folder beside it; each also in
    a folder of the same name inside, as archives unpack to `lfw-deepfunneled/lfw-deepfunneled`. XQLFW's are never
    looked for in a folder of LFW, where other images have the same names; SLLFW's are LFW's, also one folder up.
    """
    own = next((folders for key, folders in _OWN_IMAGES.items() if key in name.lower()), ())
    lfw = () if own else _LFW_IMAGES
    beside = [file.parent / folder for folder in (*own, *_IMAGES, name, *lfw)]
    if any(key in name.lower() for key in _LFW_LISTS):
        above = (file.parent, file.parent.parent)
        beside += [home / folder for home in above for lfw_home in lfw for folder in (lfw_home, f"{lfw_home}/images")]
    try:
        others = sorted(entry for entry in file.parent.iterdir() if entry.is_dir())[:_MOST_FOLDERS]
    except OSError:
        others = []
    others = [entry for entry in others if not own or not entry.name.lower().startswith("lfw")]
    first = [file.parent] if file.suffix.lower() == ".csv" else []  # a CSV of one's own names paths from where it lies
    return with_inner(dict.fromkeys((*first, *(folder for folder in beside if folder.is_dir()), file.parent, *others)))


def with_inner(folders: Iterable[Path]) -> list[Path]:
    """Folders, each followed by the folder of its own name inside it, where there is one."""
    found = []
    for folder in folders:
        found += [folder, inner] if (inner := folder / folder.name).is_dir() else [folder]
    return found


def files_of(folder: Path, *names: str) -> Iterator[Path]:
    """Yields the files of these names, in their order, whatever their case and with or without `-` and `_`."""
    there = {_plain(path.name): path for path in sorted(folder.glob("*.*"))} if folder.is_dir() else {}
    for name in names:
        path = folder / name if (folder / name).is_file() else there.get(_plain(name))
        if path is not None and path.is_file():
            yield path


def other_half(file: Path) -> Path | None:
    """The file of the other kind of pairs, where LFW's are in two: matchpairsX.csv and mismatchpairsX.csv."""
    name = file.name.lower()
    if name.startswith("mismatchpairs"):
        return next(files_of(file.parent, name.removeprefix("mis")), None)
    return next(files_of(file.parent, "mis" + name), None) if name.startswith("matchpairs") else None


def lists_at(folders: Sequence[Path]) -> list[str]:
    """The names of files that may be lists of pairs, for a message."""
    files = (path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir()))
    return [str(path) for path in files if "pair" in path.name.lower() and path.suffix.lower() in (".txt", ".csv")]


def _plain(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "")
