"""What lies in a tar file and where, without unpacking anything."""

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mfn.errors import DataError
from mfn.files.mapped import mapped

BLOCK = 512
"""Bytes of a header; contents are filled up to a multiple of it."""
SUFFIX = ".tar"
_COMPRESSED = {
    b"\x1f\x8b": "gunzip",
    b"BZh": "bunzip2",
    b"\xfd7zXZ\0": "unxz",
    b"\x28\xb5\x2f\xfd": "unzstd",
    b"\x04\x22\x4d\x18": "unlz4",
}
COMPRESSED_NAME = re.compile(r"(?i).+\.(?:tgz|tbz2?|txz|tar\.(?:gz|bz2|xz|zst|lz4))")


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of a tar file.

    Attributes:
        name: As it stands there; it is never used as a path.
        start: Byte in the tar file at which its content begins.
        size: Bytes of it.
        is_file: Whether it is a plain file: no folder, link or device, and stored in one piece.
        is_folder: Whether it is a folder.
    """

    name: str
    start: int
    size: int
    is_file: bool
    is_folder: bool


class TarListing:
    """The entries of a tar file, in their order.

    Attributes:
        path: Of the tar file.
        file: Its bytes, mapped.
        damage: Why the entries end before the file's end mark, "" where they do not; known once all were looked at.

    Args:
        path: Of the tar file.

    Raises:
        DataError: It cannot be opened, or is compressed, so that nothing in it has a place of its own.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = mapped(path)
        self.damage = ""
        start = bytes(self.file[:6])
        if tool := next((tool for mark, tool in _COMPRESSED.items() if start.startswith(mark)), None):
            raise DataError(f"{path} is compressed, and images in it cannot be reached one by one: unpack it ({tool})")

    def __iter__(self) -> Iterator[Member]:
        if not len(self.file):
            self.damage = "it is empty"
            return
        end = 0
        try:
            # A map reads no more than there is, whatever size a header claims
            with tarfile.open(fileobj=self.file.obj, mode="r:", errors="surrogateescape") as tar:  # type: ignore[call-overload]
                while (entry := tar.next()) is not None:
                    if tar.offset <= end or entry.size < 0:
                        raise tarfile.ReadError("an entry of negative size")
                    end = tar.offset
                    tar.members.clear()
                    plain = entry.isreg() and not entry.issparse()
                    yield Member(entry.name, entry.offset_data, entry.size, plain, entry.isdir())
                end = tar.offset
        except Exception as error:  # tarfile, mmap, int and struct each have their own for damaged headers
            broken_off = f"it breaks off at byte {len(self.file)}"
            inside = f"its entries end after byte {end} ({error})"
            self.damage = "it is no tar file" if end == 0 else broken_off if end > len(self.file) else inside
            return
        mark = bytes(self.file[end : end + BLOCK])
        if mark.strip(b"\0"):
            self.damage = f"byte {end} begins no entry"
        elif len(mark) < BLOCK:
            self.damage = f"it breaks off at byte {len(self.file)}, without the mark of its end"


def padded(size: int) -> int:
    """Bytes that a content of `size` takes."""
    return -(-size // BLOCK) * BLOCK
