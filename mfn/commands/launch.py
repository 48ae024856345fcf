"""Between the command line and Hydra: what a user means but does not want to spell out, and mistakes told early."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mfn.commands.asked import tell_help
from mfn.config.build import trust
from mfn.config.command_line import CommandLine
from mfn.config.compose import composed
from mfn.config.jobs import jobs_of
from mfn.config.quoting import quoted_override
from mfn.config.recipe import recipe_for
from mfn.config.renamed import renamed
from mfn.config.resume import resumed
from mfn.config.several import with_several
from mfn.config.sweeping import prepared_sweep
from mfn.config.swept import for_every_job
from mfn.config.train import PICKED
from mfn.errors import ConfigError
from mfn.training.checking import check
from mfn.training.fastest import settle_precision

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
    tell_help("train", line)
    if line.only_shows or line.other_config or line.config_name:
        return list(arguments)
    line = with_several(_with_keys_of_now("train", line)).understandable()
    ckpt_path = line.value("ckpt_path")
    if ckpt_path is not None and (ckpt_path := line.text("ckpt_path")):
        return resumed(line, ckpt_path, here).arguments()
    trust(line.overrides, line.config_dir)
    line = prepared_sweep("train", line)
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
    line = line.with_overrides(*recipe_for(line, jobs))
    return for_every_job("train", _with_picks_shown(line)).arguments()


def _with_picks_shown(line: CommandLine) -> CommandLine:
    """The same where it runs; where ``--cfg`` shows what would run, with what would be picked on this machine."""
    if line.multirun or not any(flag in ("-c", "--cfg") or flag.startswith("--cfg=") for flag in line.flags):
        return line
    config = composed("train", [*line.overrides, "paths.output=unused"], line.config_dir)
    if config.trainer.precision != PICKED:
        return line
    settle_precision(config)
    why = quoted_override("why_precision", config.why_precision)
    return line.with_overrides(f"trainer.precision={config.trainer.precision}", why)


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
    tell_help(name, line)
    if line.only_shows or line.other_config or line.config_name:
        return list(arguments)
    line = prepared_sweep(name, _with_keys_of_now(name, line).understandable())
    for job in jobs_of(line)[:MOST_JOBS]:
        composed(name, job, line.config_dir)
    return for_every_job(name, line).arguments()


def _with_keys_of_now(name: str, line: CommandLine) -> CommandLine:
    return replace(line, overrides=tuple(renamed(name, line.overrides, hint=True)))
