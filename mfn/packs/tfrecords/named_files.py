"""Images that records only name: files on this machine, by the paths they had on another one."""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from mfn.errors import DataError
from mfn.files.lines import slashed
from mfn.images.finder import ImageFinder
from mfn.packs.tfrecords.example import ExampleError

SAMPLE = 1000
"""Names by which it is found out how paths begin here."""


class NamedFiles:
    r"""Files in one folder and in those below it, by paths whose first parts may be those of another machine.

    Args:
        folder: That the images are in.
        names: A sample of the paths, with '/' or '\' between folders; from all paths the fewest first parts are cut
            that lead to files here.

    Raises:
        DataError: None of them does.
    """

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self._folder = folder
        self._finder = ImageFinder(folder)
        self._cut = 0
        if parts := [_parts(name) for name in names]:
            hits = [self._hits(parts, cut) for cut in range(max(map(len, parts)))]
            if not max(hits):
                raise DataError(
                    f"no file that the records name, such as {'/'.join(parts[0])}, is in {folder}: give "
                    "data.image_root=DIR, the folder of the images (source.image_root=DIR to prepare them)"
                )
            self._cut = hits.index(max(hits))

    def read(self, name: str) -> bytes:
        """The bytes of a file; those of others must not get into a pack this way.

        Raises:
            ExampleError: It is not there, or its path leads out of the folder.
            OSError: The file cannot be read.
        """
        file = self._found(_parts(name), self._cut)
        if file is None:
            raise ExampleError(f"the file {name} is not in {self._folder}")
        if not file.resolve().is_relative_to(self._folder.resolve()):
            raise ExampleError(f"the path {name} is not inside the folder {self._folder}")
        return file.read_bytes()

    def _hits(self, names: Sequence[tuple[str, ...]], cut: int) -> int:
        """How many of the names are files, less their first parts; none where two would be one file."""
        if len({name[cut:] for name in names}) < len(set(names)):
            return 0
        return sum(self._found(name, cut) is not None for name in names if len(name) > cut)

    def _found(self, parts: Sequence[str], cut: int) -> Path | None:
        return self._finder.find("/".join(parts[min(cut, len(parts) - 1) :]))


def _parts(name: str) -> tuple[str, ...]:
    return PurePosixPath(name if "/" in name else slashed(name)).parts or (".",)
