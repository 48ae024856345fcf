"""What the installed package says of itself."""

import shlex
from importlib.metadata import requires, version

from packaging.requirements import Requirement

DISTRIBUTION = "mfn"


def mfn_version() -> str:
    """The installed version."""
    return version(DISTRIBUTION)


def install_command(extra: str, *names: str) -> str:
    """The command that installs what one of our extras is made of.

    It names the packages themselves: the index has a package of our name that is somebody else's.

    Args:
        extra: As in ``pyproject.toml``; empty for what mfn itself needs.
        *names: Of the packages meant; without any, all.

    Raises:
        KeyError: There is no such extra or package.
    """
    wanted = [Requirement(text) for text in requires(DISTRIBUTION) or ()]
    packages = [of for of in wanted if _belongs(of, extra) and (not names or of.name in names)]
    if not packages:
        raise KeyError(extra, *names)
    return "pip install " + " ".join(shlex.quote(_without_marker(package)) for package in packages)


def _belongs(package: Requirement, extra: str) -> bool:
    if package.marker is None or package.marker.evaluate({"extra": ""}):
        return not extra
    return bool(extra) and package.marker.evaluate({"extra": extra})


def _without_marker(package: Requirement) -> str:
    return str(package).partition(";")[0].strip()
