"""The jobs of a sweep, before there are any."""

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper  # how Hydra itself makes the jobs of a sweep
from hydra.core.override_parser.types import IntervalSweep, Override

from mfn.config.command_line import CommandLine
from mfn.errors import ConfigError


def jobs_of(line: CommandLine) -> list[list[str]]:
    """The overrides of each job: one, or as many as a sweep makes.

    Of a range that a sweep draws from, both ends are taken.
    """
    parsed = line.parsed()
    if not line.multirun:
        if swept := [override.input_line for override in parsed if override.is_sweep_override()]:
            raise ConfigError(f"{swept[0]} names several values: add -m to train with each, or give one")
        return [list(line.overrides)]
    if not any(is_drawn(override) for override in parsed):
        return BasicSweeper.split_arguments(parsed, None)[0]
    return [job for end in ("start", "end") for job in BasicSweeper.split_arguments(_at(line, parsed, end), None)[0]]


def is_drawn(override: Override) -> bool:
    """Whether a value is from a range without steps, which only some sweepers take."""
    return isinstance(override.value(), IntervalSweep)


def _at(line: CommandLine, parsed: list[Override], end: str) -> list[Override]:
    words = [
        f"{override.get_key_element()}={getattr(override.value(), end)}" if is_drawn(override) else word
        for word, override in zip(line.overrides, parsed, strict=True)
    ]
    return CommandLine((), tuple(words)).parsed()
