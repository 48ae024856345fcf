"""Files in memory without reading them: pages come when they are looked at."""

import mmap
from pathlib import Path

from mfn.errors import DataError


def mapped(path: Path) -> memoryview:
    """The bytes of a file, empty where the file is.

    Raises:
        DataError: It cannot be opened.
    """
    try:
        with path.open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror}") from None
    except ValueError:  # nothing can be mapped of an empty file
        return memoryview(b"")
