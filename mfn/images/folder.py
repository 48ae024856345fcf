"""What is in a folder of images: the one place that decides it, whoever asks."""

import os
from collections.abc import Iterator
from pathlib import Path

from mfn.files.ownership import SETTINGS, is_prepared
from mfn.images import copies
from mfn.images.formats import BY_SUFFIX, START, Format, can_decode, format_of, remedy
from mfn.images.passed_over import PassedOver

EMPTY = "folders without images"
_TOOLS = {
    *("@eadir", "#recycle", "#snapshot", "@tmp", "@recycle", "@recently-snapshot"),  # Synology, QNAP
    *("$recycle.bin", "recycler", "system volume information"),  # Windows
    *("__macosx", "network trash folder", "temporary items"),  # macOS
    *("lost+found", "__pycache__"),
}
"""Folders of operating systems and tools; those that begin with a dot are passed over in any case."""
_OTHERS = {
    *(".txt", ".csv", ".tsv", ".json", ".xml", ".yaml", ".yml", ".md", ".html", ".log", ".md5", ".ini", ".db"),
    *(".npy", ".npz", ".mat", ".pts", ".pkl", ".zip", ".tar", ".gz", ".7z", ".rar", ".mp4", ".avi", ".mov"),
    *(".dng", ".cr2", ".nef", ".arw", ".orf", ".rw2"),  # raw photos begin as TIFF does
}
"""Names that are of no images, so that nobody looks into the files."""
_OF_OURS = {"images_per_identity.png"}


def find_images(root: Path, passed_over: PassedOver) -> list[str]:
    """The images in a folder and in all folders below it.

    What counts is what OpenCV can decode here, known by the file's name or, where that says nothing, by its first
    bytes. Hidden files (macOS's `._x.jpg` among them), folders of operating systems and tools, earlier outputs of ours
    and RecordIO packs are passed over. Links are followed, but nothing is taken twice.

    Args:
        root: The folder.
        passed_over: Gets what is passed over, by path.

    Returns:
        Paths relative to `root`, with forward slashes, in the order of their parts.

    Raises:
        OSError: The folder itself cannot be read.
    """
    found: list[str] = []
    walk = _Walk(root, passed_over)
    stack = [(0, "", walk.entries(str(root), ""))]
    while stack:
        before, folder, entries = stack[-1]
        entry = next(entries, None)
        if entry is None:
            stack.pop()
            if len(stack) == 1 and len(found) == before and folder not in walk.refused:
                passed_over.add(folder.rstrip("/"), EMPTY)
            continue
        name = folder + entry.name
        try:
            if not entry.is_dir():
                if walk.is_image(entry, name):
                    found.append(name)
            elif walk.is_entered(entry, name):
                stack.append((len(found), f"{name}/", walk.entries(entry.path, f"{name}/")))
        except OSError as error:
            passed_over.add(name, f"files and links that cannot be looked at ({error.strerror})")
    return found


class _Walk:
    """The decisions on single entries; what is not taken is counted."""

    def __init__(self, root: Path, passed_over: PassedOver) -> None:
        self.refused = set[str]()
        self._passed_over = passed_over
        self._root = os.path.realpath(root)
        self._entered = {_identity(root)}

    def entries(self, path: str, name: str) -> Iterator[os.DirEntry[str]]:
        """The entries of a folder, sorted; none where it is to be passed over."""
        try:
            with os.scandir(path) as scanned:
                entries = sorted(scanned, key=_name)
        except OSError as error:
            if not name:
                raise
            entries, reason = [], f"folders that cannot be read ({error.strerror})"
        else:
            reason = _made_by_others({entry.name for entry in entries}, path) if name else ""
        if not reason:
            return iter(entries)
        self._not(name.rstrip("/"), reason)
        self.refused.add(name)
        return iter(())

    def is_entered(self, entry: os.DirEntry[str], name: str) -> bool:
        """Whether to go into a folder."""
        if entry.name.startswith("."):
            return self._not(name, "hidden folders")
        if entry.name.casefold() in _TOOLS:
            return self._not(name, "folders of tools")
        if entry.is_symlink() and Path(os.path.realpath(entry.path)).is_relative_to(self._root):
            return self._not(name, "links to folders that are here themselves")
        if (identity := _identity(entry.path)) in self._entered:
            return self._not(name, "links to folders that were here before")
        self._entered.add(identity)
        return True

    def is_image(self, entry: os.DirEntry[str], name: str) -> bool:
        """Whether to take a file."""
        if entry.name.startswith("."):
            return self._not(name, "hidden files")
        if not entry.is_file():
            return self._not(name, "links that lead nowhere" if entry.is_symlink() else "devices and pipes")
        stem, dot, end = entry.name.rpartition(".")
        suffix = f".{end.lower()}" if stem and dot else ""
        form = BY_SUFFIX.get(suffix) or (None if suffix in _OTHERS else _format_in(entry.path))
        if form is None:
            return name != copies.FILE and self._not(name, f"files that are no images ({suffix or 'no suffix'})")
        if not can_decode(form):
            return self._not(name, f"{form.name} images ({remedy(form)})")
        return entry.name not in _OF_OURS or self._not(name, "pictures that mfn drew")

    def _not(self, name: str, reason: str) -> bool:
        self._passed_over.add(name, reason)
        return False


def _made_by_others(names: set[str], path: str) -> str:
    """What a folder is that is no folder of photos, by the names in it."""
    if any(name.lower().endswith(".rec") for name in names):
        return "RecordIO packs"
    if ".hydra" in names or any(name.endswith(".ckpt") for name in names):
        return "runs of mfn"
    return "outputs of mfn prepare" if SETTINGS in names and is_prepared(Path(path)) else ""


def _format_in(path: str) -> Format | None:
    """The format that a file's first bytes show."""
    try:
        with Path(path).open("rb", buffering=0) as file:
            return format_of(file.read(START))
    except OSError:
        return None


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _identity(path: str | Path) -> tuple[int, int]:
    stat = Path(path).stat()
    return stat.st_dev, stat.st_ino
