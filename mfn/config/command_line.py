"""What was typed: Hydra's own flags apart from the overrides, and overrides that mean what the user meant."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hydra._internal.utils import get_args_parser  # the one place that knows all of Hydra's flags
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, QuotedString, RangeSweep
from hydra.errors import HydraException

from mfn.config.compose import CONF
from mfn.config.quoting import quoted_override, typed
from mfn.errors import ConfigError, first_line

_PATHS = (
    "root",
    "path",
    "output",
    "output_dir",
    "calibration",
    "cache",
    "model_path",
    "ckpt_path",
    "folder",
    "images",
    "val_root",
    "image_root",
    "name",
)
"""Last parts of the keys whose value is a path or part of one: text, whatever it looks like."""
_LISTS = ("benchmark", "callbacks", "distill", "logger", "steps", "target", "precision")
"""Keys that take several values at once, which need no brackets where nothing is swept."""


@dataclass(frozen=True, slots=True)
class CommandLine:
    """One command line.

    Attributes:
        flags: Hydra's own, with their values, in the order typed.
        overrides: The rest.
        multirun: Whether it is a sweep.
        config_dir: A folder of configuration of the user's own.
        config_name: Another configuration than the script's own.
        help: What there is to type is asked for.
        only_shows: Nothing is to run: ``--hydra-help`` and its like. ``--cfg``, which shows what would run, is no such.
        other_config: The whole configuration comes from elsewhere, as it does in the further processes of a run.
    """

    flags: tuple[str, ...]
    overrides: tuple[str, ...]
    multirun: bool = False
    config_dir: str | None = None
    config_name: str | None = None
    help: bool = False
    only_shows: bool = False
    other_config: bool = False

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> "CommandLine":
        """Takes a command line apart, without the program's name.

        Raises:
            ConfigError: A word is empty.
        """
        known, rest = get_args_parser().parse_known_args(list(arguments))
        words = [*known.overrides, *(word for word in rest if not word.startswith("-"))]
        if any(not word.strip() for word in words):
            raise ConfigError("an empty word was typed where key=value is expected: leave it out")
        flags = list(arguments)
        for word in words:
            flags.remove(word)
        return cls(
            tuple(flags),
            tuple(words),
            multirun=known.multirun,
            config_dir=known.config_dir,
            config_name=known.config_name,
            help=known.help,
            only_shows=known.hydra_help or known.shell_completion or known.info is not None,
            other_config=known.config_path is not None or known.experimental_rerun is not None,
        )

    def value(self, key: str) -> str | None:
        """What was typed for a key last, None where it was not."""
        return next((word.partition("=")[2] for word in reversed(self.overrides) if key_of(word) == key), None)

    def text(self, key: str) -> str | None:
        """The text that was typed for a key last, without quotes; None for null or nothing."""
        word = next((word for word in reversed(self.overrides) if key_of(word) == key), None)
        value = None if word is None else OverridesParser.create().parse_override(word).value()
        return None if value is None else str(value)

    def with_overrides(self, *overrides: str) -> "CommandLine":
        """The same with more overrides."""
        return replace(self, overrides=(*self.overrides, *overrides))

    def arguments(self) -> list[str]:
        """As Hydra takes it."""
        return [*self.flags, *self.overrides]

    def understandable(self) -> "CommandLine":
        """Paths as the text they are, once every override is one.

        Raises:
            ConfigError: Hydra's grammar does not allow an override; the sentence gives one that it does.
        """
        return replace(self, overrides=tuple(_understandable(word, self.multirun) for word in self.overrides))

    def parsed(self) -> list[Override]:
        """The overrides, parsed; of :meth:`understandable` ones."""
        return OverridesParser.create().parse_overrides(list(self.overrides))


def _check_names(word: str, meaning: object) -> None:
    """Makes sure that what chooses configurations by name gives names: Hydra fails at whatever else is among them.

    Raises:
        ConfigError: It does not.
    """
    if isinstance(meaning, ChoiceSweep):
        for one in meaning.list:
            _check_names(word, one)
        return
    if isinstance(meaning, RangeSweep | IntervalSweep):
        meaning = meaning.start
    for each in meaning if isinstance(meaning, list) else [meaning]:
        if isinstance(each, int | float) or (each is not meaning and not isinstance(each, str | QuotedString)):
            key = key_of(word)
            there = ", ".join(sorted(file.stem for file in (CONF / key).glob("*.yaml")))
            raise ConfigError(f"{word}: {key} is chosen by name, and {each} is none: there is {there}")


def _is_path(key: str) -> bool:
    return key.rpartition(".")[2] in _PATHS or key.startswith("data.val_roots.")


def key_of(override: str) -> str:
    """The key of an override, without the signs before it and the package behind it."""
    return override.partition("=")[0].lstrip("+~").partition("@")[0]


def _understandable(word: str, multirun: bool) -> str:
    key, equals, value = word.partition("=")
    if not equals:
        if word.startswith("~"):
            return word
        raise ConfigError(f"{word!r} is no override: expected key=value, as in data.root=DIR")
    if key in _LISTS and value in ("", "null"):
        return f"{key}=[]"
    if not multirun and key in _LISTS and "," in value and value[:1] not in "['\"":
        word = f"{key}=[{value}]"
    try:
        parsed = OverridesParser.create().parse_override(word)
        meaning = parsed.value()
    except (HydraException, ValueError) as error:
        why = first_line(error, 120).removeprefix("HydraException while evaluating ")
        as_it_stands = typed(quoted_override(key, value))
        raise ConfigError(f"{word} is not understood ({why}); quoted it stands for itself: {as_it_stands}") from None
    if (CONF / key_of(word)).is_dir():
        _check_names(word, meaning)
    if not _is_path(key_of(word)) or (parsed.is_sweep_override() and multirun):
        return word
    if isinstance(meaning, str):
        return word if meaning == value or value[:1] in "'\"" else quoted_override(key, value)
    if meaning is None:
        return word
    if isinstance(meaning, int | float):
        return quoted_override(key, value)
    several = "a list" if isinstance(meaning, list) else "several values"
    raise ConfigError(f"{word} is {several}, where one path is expected: type {typed(quoted_override(key, value))}")
