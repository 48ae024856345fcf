"""What the installed package says of itself."""

import os
import shlex
from importlib import import_module
from importlib.metadata import metadata, requires, version
from pathlib import Path
from types import ModuleType

from packaging.requirements import Requirement

DISTRIBUTION = "mobilefacenet"
"""Name on the package index, where ``mfn`` is somebody else's."""


def mfn_version() -> str:
    """The installed version."""
    return version(DISTRIBUTION)


VERB = "MFN_VERB"
"""Variable of the environment that holds the verb while a command runs that was called by one, as ``mfn train``."""


def called(verb: str) -> str:
    """How a user calls a command here: by its script in a clone, unless they do it by the verb already.

    Args:
        verb: Train, evaluate or export.
    """
    script = Path(__file__).resolve().parents[1] / f"{verb}.py"
    return f"mfn {verb}" if os.environ.get(VERB) or not script.is_file() else f"python {verb}.py"


def install_command(extra: str, *names: str) -> str:
    """The command that installs one of our extras, or packages that mfn itself needs.

    Args:
        extra: As in ``pyproject.toml``; empty for packages of mfn itself.
        *names: These packages, where no extra is meant.

    Raises:
        KeyError: There is no such extra or package.
    """
    if extra:
        if extra not in (metadata(DISTRIBUTION).get_all("Provides-Extra") or ()):
            raise KeyError(extra)
        return f"pip install {shlex.quote(f'{DISTRIBUTION}[{extra}]')}"
    needed = [Requirement(text) for text in requires(DISTRIBUTION) or ()]
    packages = [str(package) for package in needed if package.marker is None and package.name in names]
    if not packages:
        raise KeyError(*names)
    return "pip install " + " ".join(map(shlex.quote, packages))


def optional(module: str, needed: str, extra: str, error: type[Exception], otherwise: str = "") -> ModuleType:
    """Imports what only one of our extras installs.

    Args:
        module: To import.
        needed: Who needs what, such as "FILE needs the ncnn runtime".
        extra: That installs it.
        error: Raised where it cannot be imported.
        otherwise: What to do instead, to end the sentence.
    """
    try:
        return import_module(module)
    except ImportError as missing:
        raise error(f"{needed}: {install_command(extra)}{otherwise}") from missing
