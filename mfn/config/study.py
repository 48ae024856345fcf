"""A study of Optuna's that goes on: what was asked for is the total, whatever stopped it in between."""

import sys
import warnings
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from mfn.config.command_line import CommandLine, key_of
from mfn.errors import ConfigError, first_line

_NUMBER = "${hydra.job.num}"
_LATER = "mfn_later"
with warnings.catch_warnings(action="ignore"):  # OmegaConf 2.4 calls it otherwise, and another so
    OmegaConf.register_new_resolver(_LATER, lambda number, before: number + before, replace=True)


def going_on(line: CommandLine, hydra: DictConfig) -> CommandLine:
    """A command line of a sweep with Optuna that asks for the trials that are left.

    Args:
        line: As typed.
        hydra: Hydra's part of its configuration.

    Returns:
        The same where nothing was tried yet. Otherwise with fewer trials, whose folders are numbered on.

    Raises:
        ConfigError: The study cannot be read, or looks for the other end.
    """
    sweeper = hydra.sweeper
    ended, begun = _trials(sweeper.storage, sweeper.study_name, str(sweeper.direction))
    if not begun:
        return line
    left = max(0, sweeper.n_trials - ended)
    sys.stderr.write(
        f"study {sweeper.study_name}: {begun} trials were begun and {ended} of them ended, so {left} of "
        f"{sweeper.n_trials} are left\n"
    )
    subdir = OmegaConf.to_container(hydra.sweep)["subdir"]  # type: ignore[index]
    subdir = str(subdir).replace(_NUMBER, f"${{{_LATER}:{_NUMBER},{begun}}}")
    rest = [word for word in line.overrides if key_of(word) not in ("hydra.sweeper.n_trials", "hydra.sweep.subdir")]
    numbered = f'hydra.sweep.subdir="{subdir}"'  # quoted, it still refers
    return CommandLine.parse([*line.flags, *rest, f"hydra.sweeper.n_trials={left}", numbered])


def _trials(storage: str | None, study_name: str | None, direction: str) -> tuple[int, int]:
    """How many trials of a study ended, well or not, and how many were begun."""
    if storage is None or study_name is None:
        return 0, 0
    if storage.startswith("sqlite:///") and not Path(storage.removeprefix("sqlite:///")).exists():
        return 0, 0
    import optuna

    try:
        studies = {study.study_name: study for study in optuna.get_all_study_summaries(storage)}
        if (study := studies.get(study_name)) is None:
            return 0, 0
        trials = optuna.load_study(study_name=study_name, storage=storage).trials
        before = " and ".join(each.name.lower() for each in study.directions)
    except Exception as error:  # of whatever library the database needs
        raise ConfigError(f"hydra.sweeper.storage={storage} cannot be read: {first_line(error)}") from error
    if before != direction:
        raise ConfigError(
            f"study {study_name} in {storage} was begun with direction={before}, and mode= asks for {direction}: "
            "give another hydra.sweeper.study_name"
        )
    return sum(trial.state.is_finished() for trial in trials), len(trials)
