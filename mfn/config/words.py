"""What is typed on a command line, checked before Hydra takes it."""

import re
from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from mfn.errors import ConfigError, first_line


def check_words(name: str, words: Sequence[str], folder: Path) -> None:
    """Makes sure that a command line composes, so that what does not ends in one sentence; flags are left to Hydra.

    Args:
        name: Of the configuration, such as ``evaluate``.
        words: What was typed after the program's name.
        folder: Of the Hydra groups.

    Raises:
        ConfigError: A key or a choice does not exist, or a word cannot be read.
    """
    if any(word.startswith("-") for word in words):
        return
    try:
        overrides = OverridesParser.create().parse_overrides(list(words))
        fixed = [override.input_line or "" for override in overrides if not override.is_sweep_override()]
        with initialize_config_dir(str(folder), version_base="1.3"):
            compose(name, fixed)
    except HydraException as error:
        says = " ".join(str(error).partition("Config search path")[0].split()) or first_line(error)
        raise ConfigError(says + _choices(says, folder)) from error


def _choices(says: str, folder: Path) -> str:
    """What there is to choose from, where Hydra does not say it: of a list of choices it names the wrong one alone."""
    wrong = re.search(r"Could not load '([\w/]+)/[^/']*'", says)
    names = sorted(path.stem for path in (folder / wrong[1]).glob("*.yaml")) if wrong else []
    return f" There is {', '.join(names)}" if names else ""
