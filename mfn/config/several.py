"""Several sources of training data in one run: ``data=[ms1m,folder]``, or ``data={own:ms1m,web:folder}`` with names.

Hydra would lay one choice over the other. So each becomes a source of its own under ``data.sources``, with the keys of
that choice of ``conf/source`` that the choice of ``conf/data`` stands for.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from mfn.config.build import check_values
from mfn.config.command_line import CommandLine
from mfn.config.compose import CONF, choices_of
from mfn.errors import ConfigError

BY_SOURCE = ("weights", "val_roots")
"""Keys of ``data`` with a value for each source that has one."""
_NO_SOURCE = {"base", "several"}
_NAME = re.compile(r"[A-Za-z][\w-]*")


def with_several(line: CommandLine) -> CommandLine:
    """The line as Hydra takes it, where it chooses several sources; otherwise as it is.

    Args:
        line: As typed, or as a checkpoint kept it.

    Raises:
        ConfigError: A choice does not exist, cannot be one of several, or several are swept over.
    """
    places = [place for place, word in enumerate(line.overrides) if word.startswith("data=")]
    # Of a key that is typed again the last counts; of several words Hydra would not know that they are one
    again = places[:-1] if any(_chooses_several(line.overrides[place]) for place in places) else []
    words = [word for place, word in enumerate(line.overrides) if place not in again]
    return replace(line, overrides=tuple(each for word in words for each in _words(word, line)))


def check_several(data: DictConfig) -> bool:
    """Makes sure of several sources, as far as can be told without opening them.

    Args:
        data: Of the configuration.

    Returns:
        Whether there are several.

    Raises:
        ConfigError: There are none, a value does not fit one, or is of another one.
    """
    if "sources" not in data:
        for key in BY_SOURCE:
            if key in data or data.get("module", {}).get(key):
                raise ConfigError(f"data.{key} is of several sources, and there is one: leave it out")
        return False
    names = list(data.sources)
    if not names:
        raise ConfigError("data=several takes its sources from a list: type data=[ms1m,folder]")
    for name, node in data.sources.items():
        if not OmegaConf.is_dict(node) or "_target_" not in node:
            raise ConfigError(f"data.sources.{name} is of no kind: type data={{{name}:folder}}, or another kind")
        check_values(node)
    for name in data.val_roots:
        if name not in names:
            raise ConfigError(f"data.val_roots.{name} is of no source: there are {', '.join(names)}")
    return True


def _words(word: str, line: CommandLine) -> Iterator[str]:
    if _chooses_several(word):
        yield from _spelled_out(word, line)
    elif word.startswith(tuple(f"data.{key}." for key in BY_SOURCE)):
        yield f"++{word}"  # there is none yet, whatever it is of
    else:
        yield word


def _chooses_several(word: str) -> bool:
    return word.startswith(("data=[", "data={"))


def _spelled_out(word: str, line: CommandLine) -> Iterator[str]:
    try:
        override = OverridesParser.create().parse_override(word)
        chosen = override.value()
    except (HydraException, ValueError):
        yield word  # told as any other that is not understood
        return
    if override.is_sweep_override() or not isinstance(chosen, list | dict):
        raise ConfigError(f"{word} sweeps over several sources at a time: run each of them by itself")
    named = _named(chosen, word)
    if len(named) == 1 and isinstance(chosen, list):
        yield f"data={chosen[0]}"
        return
    yield "data=several"
    for name, choice in named.items():
        yield f"+source@data.sources.{name}={_source_of(choice, word, line.config_dir)}"


def _named(chosen: list[Any] | dict[Any, Any], word: str) -> dict[str, str]:
    """What each source is called: as its choice, with a number where that comes again, or as typed."""
    if not chosen:
        raise ConfigError(f"{word} chooses nothing: name sources, as in data=[ms1m,folder]")
    named: dict[str, Any] = {}
    if isinstance(chosen, dict):
        named = {str(name): choice for name, choice in chosen.items()}
    else:
        for choice in chosen:
            again = sum(str(choice) == str(other) for other in named.values())
            named[f"{choice}_{again + 1}" if again else str(choice)] = choice
    for name, choice in named.items():
        if not _NAME.fullmatch(name) or not isinstance(choice, str):
            raise ConfigError(f"{word}: name sources by letters and digits, as in data={{own:ms1m,web:folder}}")
    return named


def _source_of(choice: str, word: str, config_dir: str | None) -> str:
    """The source that a choice of ``data`` stands for.

    Raises:
        ConfigError: There is none.
    """
    folders = [CONF, *([] if config_dir is None else [Path(config_dir)])]
    files = [file for folder in folders if (file := folder / "data" / f"{choice}.yaml").is_file()]
    files = [] if choice in _NO_SOURCE else files
    for entry in _defaults(files[0]) if files else ():
        group, _, package = str(entry).partition("@")
        if isinstance(entry, str) and group.startswith("/source/") and package == "source":
            return group.removeprefix("/source/")
    if choice in choices_of("source", config_dir):
        return choice
    if files:
        raise ConfigError(
            f"{word}: {files[0]} names its source in place, and one of several is a file of the group source: put it "
            f"into source/{choice}.yaml, and /source/{choice}@source into the defaults of data/{choice}.yaml"
        )
    there = sorted({*choices_of("data", config_dir), *choices_of("source", config_dir)} - _NO_SOURCE)
    raise ConfigError(f"{word}: there is no {choice}; sources are {', '.join(there)}")


def _defaults(file: Path) -> list[Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, OSError, UnicodeDecodeError):
        return []  # told when it is composed
    defaults = content.get("defaults") if isinstance(content, Mapping) else None
    return defaults if isinstance(defaults, list) else []
