"""What the installed package says of itself."""

import shlex
from importlib.metadata import requires, version

from packaging.requirements import Requirement

DISTRIBUTION = "mfn"


def mfn_version() -> str:
    """The installed version."""
    return version(DISTRIBUTION)


def install_command(extra: str) -> str:
    """The command that installs what one of our extras is made of.

    It names the packages themselves: the index has a package of our name that is somebody else's.

    Args:
        extra: As in ``pyproject.toml``.

    Raises:
        KeyError: There is no such extra.
    """
    wanted = [Requirement(text) for text in requires(DISTRIBUTION) or ()]
    packages = [of for of in wanted if of.marker and of.marker.evaluate({"extra": extra}) and not of.marker.evaluate()]
    if not packages:
        raise KeyError(extra)
    return "pip install " + " ".join(shlex.quote(_without_marker(package)) for package in packages)


def _without_marker(package: Requirement) -> str:
    return str(package).partition(";")[0].strip()
