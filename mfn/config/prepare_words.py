"""The words behind ``mfn prepare``: a step, options that Hydra's users know, and overrides."""

import argparse
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import NoReturn

from mfn.config.command_line import CommandLine, key_of
from mfn.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Words:
    """What was typed.

    Attributes:
        step: "" where none was named.
        overrides: As Hydra's grammar takes them.
        config_dir: Folder with more choices for the groups.
        help: Whether to tell what there is to type.
        cfg: Whether to show the configuration.
    """

    step: str
    overrides: tuple[str, ...]
    config_dir: str | None = None
    help: bool = False
    cfg: bool = False


def parse_words(words: Sequence[str], steps: Container[str], told: str) -> Words:
    """Sorts words into what they are.

    Args:
        words: As typed.
        steps: Names of steps.
        told: What there is, for messages.

    Raises:
        ConfigError: A word is nothing that is known, or Hydra's grammar does not allow it.
    """
    options = _parser().parse_intermixed_args(list(words))
    step, overrides = "", list[str]()
    for word in options.words:
        if word.startswith(("~", "hydra.")):
            raise ConfigError(f"{word} cannot be: mfn prepare needs all of its keys, and has none of Hydra's own")
        if "=" in word and key_of(word):
            overrides.append(word)
        elif not word or word not in steps:
            raise ConfigError(f"mfn prepare {word or repr(word)} is no step and no key=value: {told}")
        elif step or overrides:
            raise ConfigError(f"mfn prepare takes one step, before all else: leave {word} out, or put it first")
        else:
            step = word
    line = CommandLine((), tuple(overrides)).understandable()
    for override in line.parsed():
        if override.is_sweep_override():
            raise ConfigError(f"{override.input_line} names several values, and mfn prepare takes one")
    return Words(step, line.overrides, options.config_dir, options.help, options.cfg is not None)


class _Parser(argparse.ArgumentParser):
    """Raises where argparse would print how it is used, and end."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}: mfn prepare has --help, --cfg job and --config-dir DIR")


def _parser() -> _Parser:
    parser = _Parser(prog="mfn prepare", add_help=False, allow_abbrev=False)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--help", "-h", action="store_true")
    parser.add_argument("--cfg", "-c", choices=["job"])
    parser.add_argument("--config-dir", "-cd")
    return parser
