"""What is typed on a command line, checked before Hydra takes it."""

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
        says = " ".join(str(error).partition("Config search path")[0].split())
        raise ConfigError(says or first_line(error)) from error
