"""The folder of fetched networks, and names to files in it."""

from pathlib import Path

from mfn.errors import CheckpointError, ConfigError
from mfn.files.home import home as home
from mfn.published.catalogue import CATALOGUE, Published


def published(name: str) -> Published:
    """What is known of a network.

    Raises:
        ConfigError: There is none of that name.
    """
    if name not in CATALOGUE:
        raise ConfigError(f"there is no network {name}; mfn fetch knows {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def place_of(name: str) -> Path:
    """Where a network lies once it is fetched.

    Raises:
        ConfigError: There is none of that name.
    """
    return home() / published(name).file


def fetched(name: str) -> Path:
    """The file of a network that was fetched before; it is never downloaded by itself.

    Raises:
        CheckpointError: It was not.
    """
    if not (path := place_of(name)).is_file():
        entry = published(name)
        size = f"{entry.size / 1e6:.1f} MB, " if entry.size else ""
        raise CheckpointError(
            f"{name} is not here yet: `mfn fetch {name}` downloads it ({size}weights: {entry.weights})"
        )
    return path


def is_name(text: str | Path) -> bool:
    """Whether something is the name of a network, and no file of that name is there."""
    return str(text) in CATALOGUE and not Path(text).exists()
