"""The words behind `mfn prepare`: a step, options that Hydra's users know, and overrides."""

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from mfn.config.quoting import hydra_value, is_read_as_text, quoted_override, value_read
from mfn.errors import ConfigError


@dataclass(slots=True)
class Words:
    """What was typed.

    Attributes:
        step: "" where none was named.
        overrides: `key=value`.
        help: Whether to tell what there is to type.
        cfg: Whether to show the configuration.
        config_dir: Folder with more choices for the groups.
    """

    step: str = ""
    overrides: list[str] = field(default_factory=list)
    help: bool = False
    cfg: bool = False
    config_dir: Path | None = None


def parse_words(words: Sequence[str], steps: Container[str], told: str) -> Words:
    """Sorts words into what they are.

    Args:
        words: As typed.
        steps: Names of steps.
        told: What there is, for messages.

    Raises:
        ConfigError: A word is nothing that is known.
    """
    parsed, left = Words(), list(words)
    while left:
        word = left.pop(0)
        option, is_one_word, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if word in ("--help", "-h"):
            parsed.help = True
        elif option in ("--cfg", "-c", "--config-dir", "-cd"):
            if not is_one_word and not left:
                raise ConfigError(f"{option} needs a word behind it: --cfg job, or --config-dir DIR")
            _set_option(parsed, option, value if is_one_word else left.pop(0))
        elif word.startswith("-"):
            raise ConfigError(f"mfn prepare has no option {word}: it has --help, --cfg job and --config-dir DIR")
        elif "=" in word:
            parsed.overrides.append(word)
        elif word and word in steps and not parsed.step and not parsed.overrides:
            parsed.step = word
        elif word and word in steps:
            raise ConfigError(f"mfn prepare takes one step, before all else: leave {word} out, or put it first")
        else:
            raise ConfigError(f"mfn prepare {word or repr(word)} is no step and no key=value: {told}")
    return parsed


def check_overrides(overrides: Sequence[str], paths: Container[str], groups: Container[str] = ()) -> None:
    """Makes sure that Hydra's grammar reads overrides as they were meant.

    Args:
        overrides: `key=value`.
        paths: Keys whose values are text, whatever they look like.
        groups: Keys whose values are names of files in the configuration folder.

    Raises:
        ConfigError: It does not; the message has the override as it must be typed.
    """
    for override in overrides:
        key, _, typed = override.partition("=")
        if key.startswith("~") or not key.strip("+"):
            raise ConfigError(f"{override} is no key=value, and mfn prepare needs all of its keys")
        values = _values(override)
        if values is not None and values > 1 and key.lstrip("+") not in paths:
            raise ConfigError(f"{override} has several values, and mfn prepare takes one")
        if key in groups and not isinstance(value_read(typed), str | list):
            raise ConfigError(f"{override} is no choice that there is: name a file of the folder conf/{key}")
        is_text = key.lstrip("+") in paths and typed.strip().lower() != "null"
        if is_read_as_text(typed) if is_text else values == 1:
            continue
        if _values(f"{key}={hydra_value(typed)}") != 1:
            raise ConfigError(f"{override!r} is no key=value")
        raise ConfigError(f"{override} is not read as it stands: type {quoted_override(key, typed)}")


def _set_option(parsed: Words, option: str, value: str) -> None:
    if option in ("--config-dir", "-cd"):
        parsed.config_dir = Path(value).expanduser()
        if not parsed.config_dir.is_dir():
            raise ConfigError(f"--config-dir {value} is no folder")
    elif value == "job":
        parsed.cfg = True
    else:
        raise ConfigError(f"{option} {value} cannot be shown: there is --cfg job")


def _values(override: str) -> int | None:
    """How many values the grammar reads, 2 standing for several; None where it reads nothing."""
    try:
        return 1 + OverridesParser.create().parse_override(override).is_sweep_override()
    except HydraException:
        return None
