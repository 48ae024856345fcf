"""Where tar shards lie on this machine: the files that a root means."""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Protocol

from mfn.about import optional
from mfn.errors import ConfigError, DataError
from mfn.images.passed_over import PassedOver
from mfn.packs.tarshards.shard_index import INDEX, ShardIndex, parse_index
from mfn.packs.tarshards.tar_members import COMPRESSED_NAME, SUFFIX
from mfn.packs.tarshards.tar_samples import TarSamples, read_samples
from mfn.sources.roots import existing_root, given_path

MOST_SHARDS = 1_000_000
"""That a pattern may stand for."""
WANTED = "give a folder of *.tar shards, one of them, or a pattern such as DIR/shard-{000000..000012}.tar"


class Shards(Protocol):
    """Tar shards by number, wherever they are kept.

    Attributes:
        name: What tables call the set.
        names: Of the files; messages and the index use them.
        index: What `mfn prepare shards` says of them, where it wrote them all.
    """

    name: str
    index: ShardIndex | None

    @property
    def names(self) -> Sequence[str]:
        """Of the files."""
        ...

    def samples(self, shard: int) -> tuple[TarSamples, PassedOver]:
        """What looking through a shard finds, and what was passed over; raises as `path` does."""
        ...

    def path(self, shard: int) -> Path:
        """The shard as a file on this machine.

        Raises:
            DataError: It cannot be had.
        """
        ...

    def beside(self, name: str) -> Path:
        """A small file that lies beside the shards, as one on this machine; it need not be there."""
        ...


class LocalShards:
    """Shards in files of this machine; see `Shards`.

    Args:
        root: A folder, a shard, or a pattern of them with braces.
        passed_over: Gets the shards of a folder that its index does not list.

    Raises:
        ConfigError: The root is not given.
        DataError: There are no shards, or one that the root or the index names is missing.
    """

    def __init__(self, root: str | Path, passed_over: PassedOver) -> None:
        place, self._paths = _paths(root)
        self._folder = self._paths[0].parent
        self.name = self._folder.name if place is None else place.name
        self.names = [path.name for path in self._paths]
        if missing := [path for path in self._paths if not path.is_file()]:
            others = f" and {len(missing) - 1} more shards are" if len(missing) > 1 else " is"
            raise DataError(
                f"{missing[0]}{others} missing: fetch what is missing, or name those that are there, as in "
                "DIR/shard-{000000..000012}.tar"
            )
        index = index_in(self._folder) if len({path.parent for path in self._paths}) == 1 else None
        self.index = index if index is not None and index.lists(self.names) else None
        if place is not None and place.is_dir() and self.index is not None:
            for path in shards_at(place):
                if path.name not in self.names:
                    passed_over.add(path.name, f"shards that {INDEX} does not list")

    def path(self, shard: int) -> Path:
        """The shard's own file."""
        return self._paths[shard]

    def samples(self, shard: int) -> tuple[TarSamples, PassedOver]:
        """What is in the shard."""
        passed_over = PassedOver()
        return read_samples(self._paths[shard], passed_over), passed_over

    def beside(self, name: str) -> Path:
        """A file in the shards' folder."""
        return self._folder / name


def shards_at(place: Path) -> list[Path]:
    """The `*.tar` files in a folder, in upper or lower case, sorted; the place itself where it is one."""
    files = place.iterdir() if place.is_dir() else [place]
    return sorted(
        path for path in files if path.suffix.lower() == SUFFIX and not path.name.startswith(".") and path.is_file()
    )


def holds_shards(place: Path) -> bool:
    """Whether a place is a tar shard or a folder of some; not where it is a folder of people with a tar file in it."""
    if not shards_at(place):
        return False
    return place.is_file() or (place / INDEX).is_file() or not any(path.is_dir() for path in place.iterdir())


def index_in(folder: Path) -> ShardIndex | None:
    """The index of `mfn prepare shards` in a folder; None where there is none.

    Raises:
        DataError: It is damaged.
    """
    path = folder / INDEX
    try:
        return parse_index(path.read_bytes(), str(path))
    except OSError:
        return None


def expanded(pattern: str) -> list[str]:
    """What a pattern with braces stands for, as `shard-{000..012}.tar` or `{a,b}.tar`; itself where it has none.

    Raises:
        ConfigError: It is none, it stands for too many, or the library that reads it is not installed.
    """
    if "{" not in pattern:
        return [pattern]
    braces: ModuleType = optional("braceexpand", f"{pattern} needs a package", "webdataset", ConfigError)
    names = []
    try:
        for name in braces.braceexpand(pattern):
            names.append(name)
            if len(names) > MOST_SHARDS:
                raise ConfigError(f"{pattern} stands for more than {MOST_SHARDS:,} shards: give a smaller range")
    except ValueError as error:
        raise ConfigError(f"{pattern} is no pattern ({error}): write it as DIR/shard-{{000000..000012}}.tar") from None
    return names


def _paths(root: str | Path) -> tuple[Path | None, list[Path]]:
    """The place that a root is, None for a pattern, and the shards that it means."""
    text = str(root)
    if "{" in text and not Path(text).exists():
        return None, [Path(name).expanduser() for name in unrepeated(expanded(text), text)]
    place = given_path(root)
    if place.is_file() and place.name == INDEX:
        place = place.parent
    if place.is_file():
        return None, [place]
    existing_root(place)
    index = index_in(place)
    if found := [place / shard.name for shard in index.shards] if index else shards_at(place):
        return place, found
    if packed := sorted(path.name for path in place.iterdir() if COMPRESSED_NAME.fullmatch(path.name)):
        raise DataError(f"{place} holds {compressed(packed[0])}")
    raise DataError(f"{place} holds no *{SUFFIX} file: {WANTED}")


def unrepeated(names: Sequence[str], root: str) -> Sequence[str]:
    """The names, once it is sure that none comes twice.

    Raises:
        ConfigError: One does.
    """
    if len(set(names)) < len(names):
        raise ConfigError(f"{root} names a shard twice")
    return names


def compressed(name: str) -> str:
    """What to say of a shard that is compressed, to follow "holds"."""
    return (
        f"compressed shards ({name}), and images in them cannot be reached one by one: unpack them (gunzip, unzstd), "
        f"then {WANTED}"
    )
