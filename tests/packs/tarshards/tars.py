"""Tar shards as others write them."""

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

from tests.sources.files import jpeg

Entry = tuple[str, bytes]


def write_tar(path: Path, entries: Iterable[Entry], form: int = tarfile.USTAR_FORMAT) -> Path:
    """Writes entries of any names in any order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=form) as tar:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def face(key: str, label: int | str, seed: int = 0, image: str = "jpg", field: str = "cls") -> list[Entry]:
    """The two entries of a sample."""
    return [(f"{key}.{image}", jpeg(seed)), (f"{key}.{field}", str(label).encode())]
