"""Between the command line and Hydra: what a user means but does not want to spell out, and mistakes told early."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper  # how Hydra itself makes the jobs of a sweep
from hydra.errors import HydraException

from mfn.config.build import trust
from mfn.config.command_line import CommandLine
from mfn.config.compose import composed
from mfn.config.help import help_text
from mfn.config.recipe import recipe_for
from mfn.config.renamed import renamed
from mfn.config.resume import resumed
from mfn.config.swept import for_every_job
from mfn.errors import ConfigError
from mfn.training.assembly import check

MOST_JOBS = 100
"""Jobs of a sweep that are looked at before it begins."""


def train_arguments(arguments: Sequence[str], here: Path = Path()) -> list[str]:
    """The command line of ``train.py`` with what it implies: a run to go on with, or the recipe for a pack's size.

    Args:
        arguments: What the user typed after the script's name.
        here: The folder that holds those of the runs.

    Returns:
        Arguments for Hydra.

    Raises:
        MfnError: Something typed makes no sense, or the data is missing; the sentence says what to do.
    """
    line = CommandLine.parse(arguments)
    _help("train", line)
    if line.only_shows or line.other_config or line.config_name:
        return list(arguments)
    line = _with_keys_of_now("train", line).understandable()
    ckpt_path = line.value("ckpt_path")
    if ckpt_path is not None and (ckpt_path := line.text("ckpt_path")):
        return resumed(line, ckpt_path, here).arguments()
    trust(line.overrides, line.config_dir)
    if line.value("teacher") not in (None, "null") and line.value("distill") is None and _teaches_nothing(line):
        line = line.with_overrides("distill=[embedding]")
    jobs = jobs_of(line)
    for number, job in enumerate(jobs[:MOST_JOBS]):
        try:
            check(composed("train", [*job, "paths.output=unused"], line.config_dir))
        except ConfigError as error:
            if not line.multirun:
                raise
            raise ConfigError(f"job {number} of the sweep, {' '.join(job)}: {error}") from error
    return for_every_job("train", line.with_overrides(*recipe_for(line, jobs))).arguments()


def _teaches_nothing(line: CommandLine) -> bool:
    """Whether no job says, as an experiment may, what is learnt of its teacher."""
    jobs = jobs_of(line)[:MOST_JOBS]
    return not any(composed("train", [*job, "paths.output=unused"], line.config_dir).get("distill") for job in jobs)


def plain_arguments(arguments: Sequence[str], name: str) -> list[str]:
    """The command line of another script, once it is known to be one.

    Args:
        arguments: What the user typed after the script's name.
        name: Of the script's configuration.

    Raises:
        ConfigError: A key, a choice or a value makes no sense.
    """
    line = CommandLine.parse(arguments)
    _help(name, line)
    if line.only_shows or line.other_config or line.config_name:
        return list(arguments)
    line = _with_keys_of_now(name, line).understandable()
    for job in jobs_of(line)[:MOST_JOBS]:
        composed(name, job, line.config_dir)
    return for_every_job(name, line).arguments()


def jobs_of(line: CommandLine) -> list[list[str]]:
    """The overrides of each job: one, or as many as a sweep makes.

    A sweep that draws its values is known by the first of each choice alone.
    """
    parsed = line.parsed()
    if not line.multirun:
        if swept := [override.input_line for override in parsed if override.is_sweep_override()]:
            raise ConfigError(f"{swept[0]} names several values: add -m to train with each, or give one")
        return [list(line.overrides)]
    try:
        return BasicSweeper.split_arguments(parsed, None)[0]
    except HydraException:
        return [[str(override.input_line) for override in parsed if not override.is_sweep_override()]]


def _with_keys_of_now(name: str, line: CommandLine) -> CommandLine:
    return replace(line, overrides=tuple(renamed(name, line.overrides, hint=True)))


def _help(name: str, line: CommandLine) -> None:
    """Tells what there is to type, where that is asked for, and ends the program."""
    if line.help:
        sys.stdout.write(help_text(name, line.config_dir))
        sys.exit(0)
