"""A sweep as it was typed, with what that means: what it tries, what runs its jobs, and how many threads each has."""

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from omegaconf import DictConfig, OmegaConf

from mfn.config.command_line import CommandLine, key_of
from mfn.config.compose import CONF, composed
from mfn.config.failures import resolving
from mfn.config.jobs import is_drawn, jobs_of
from mfn.config.plugins import check_plugin
from mfn.config.request import groups_in
from mfn.config.settings import Positive, Settings, Text, settings, wanted
from mfn.config.study import going_on
from mfn.errors import ConfigError

THREADS = "OMP_NUM_THREADS"
"""Variable of the environment that PyTorch takes as the number of threads of a process."""
SWEEP = "MFN_SWEEP"
"""Variable of the environment with the process whose children run the jobs."""
_ABOUT = ("hydra/launcher", "hydra/sweeper", "hydra.launcher.", "hydra.sweeper.")
_BASIC = "hydra._internal."


class Sweeper(Settings):
    """Of ``hydra.sweeper``."""

    n_trials: Positive = wanted("a whole number of at least 1")
    n_jobs: Positive = wanted("a whole number of at least 1")
    direction: Literal["minimize", "maximize"] = wanted("minimize or maximize")
    storage: Text | None = wanted("where the study is kept, as sqlite:///study.db, or null")
    study_name: Text | None = wanted("a name, or null")


class Launcher(Settings):
    """Of ``hydra.launcher``."""

    n_jobs: Positive | Literal[-1] = wanted("a whole number of jobs at a time, or -1")


class HydraSettings(Settings):
    """Of ``hydra``."""

    sweeper: Sweeper = wanted("a sweeper")
    launcher: Launcher = wanted("a launcher")


class SweepSettings(Settings):
    """Of what is about a sweep."""

    hydra: HydraSettings = wanted("what is Hydra's")


def prepared_sweep(name: str, line: CommandLine) -> CommandLine:
    """A sweep's command line with its search spaces spelled out, and with what is left to try of a study.

    How many threads each job takes goes to the environment, which the jobs inherit.

    Args:
        name: Of the configuration, as ``train``.
        line: As typed.

    Raises:
        ConfigError: What was chosen is not installed, a value makes no sense, or nothing is swept.
    """
    if not line.multirun:
        if about := [word for word in line.overrides if key_of(word) == "sweep" or key_of(word).startswith(_ABOUT)]:
            raise ConfigError(f"{about[0]} is about a sweep: add -m to run one")
        return line
    line = _as_list(line)
    config = _whats_swept_left_out(name, line)
    sweeper, launcher = config.hydra.sweeper, config.hydra.launcher
    for part, node in (("hydra/sweeper", sweeper), ("hydra/launcher", launcher)):
        check_plugin(str(node._target_), f"{part}={config.hydra.runtime.choices[part]}")
    known = _checked(config.hydra)
    line = _spelled_out(line, sweeper.get("params") or {})
    jobs = jobs_of(line)
    if str(sweeper._target_).startswith(_BASIC):
        for override in filter(is_drawn, line.parsed()):
            raise ConfigError(
                f"{override.input_line} is a range to draw from: add hydra/sweeper=optuna, or name values"
            )
    _share_threads(launcher, min(len(jobs), known.sweeper.n_jobs) if known.sweeper.n_jobs else len(jobs))
    if not str(sweeper._target_).endswith(".OptunaSweeper"):
        return line
    if known.sweeper.direction != f"{(mode := config.get('mode', 'max'))}imize":
        raise ConfigError(f"hydra.sweeper.direction={known.sweeper.direction} contradicts mode={mode}: leave it out")
    return going_on(line, config.hydra)


def _as_list(line: CommandLine) -> CommandLine:
    """``sweep=lr,head`` names both, here where other commas name one after the other."""
    value = line.value("sweep")
    if value is None or value.startswith("["):
        return line
    word = f"sweep=[{'' if value == 'null' else value}]"
    return replace(line, overrides=tuple(word if key_of(each) == "sweep" else each for each in line.overrides))


def _whats_swept_left_out(name: str, line: CommandLine) -> DictConfig:
    """The configuration as far as it is about the sweep; other values may belong to choices that are swept."""
    groups = groups_in([CONF, *([] if line.config_dir is None else [line.config_dir])])
    words = [
        word
        for word, override in zip(line.overrides, line.parsed(), strict=True)
        if not override.is_sweep_override()
        and ((key := key_of(word)) in groups or key in ("sweep", "mode") or key.startswith("hydra"))
    ]
    return composed(name, words, line.config_dir, with_hydra=True)


def _checked(hydra: DictConfig) -> HydraSettings:
    """The values of the chosen sweeper and launcher, as far as something here goes by them."""
    declared: Mapping[str, type[Settings]] = {"sweeper": Sweeper, "launcher": Launcher}
    with resolving():
        found = {
            part: {key: hydra[part][key] for key in of.model_fields if key in hydra[part]}
            for part, of in declared.items()
        }
    return settings(OmegaConf.create({"hydra": found}), SweepSettings).hydra


def _spelled_out(line: CommandLine, params: Mapping[str, Any]) -> CommandLine:
    """What ``sweep=`` names, as if it had been typed; what was typed goes before it."""
    if line.value("sweep") is None:
        return line
    words = [word for word in line.overrides if key_of(word) != "sweep"]
    typed = {key_of(word) for word in words}
    return CommandLine.parse(
        [*line.flags, *words, *(f"{key}={value}" for key, value in params.items() if key_of(str(key)) not in typed)]
    )


def _share_threads(launcher: DictConfig, jobs: int) -> None:
    """Leaves each of the jobs that this machine runs at a time its part of the cores."""
    import torch

    os.environ.pop(SWEEP, None)  # of a sweep that this one is a job of
    if str(launcher._target_).endswith(".JoblibLauncher"):
        from joblib import effective_n_jobs

        at_a_time = min(jobs, effective_n_jobs(launcher.n_jobs))
        os.environ[SWEEP] = str(os.getpid())
    elif str(launcher._target_).endswith(".LocalLauncher"):
        at_a_time = jobs
    else:
        return  # one at a time, or SLURM's and Ray's own shares
    threads = os.environ.setdefault(THREADS, str(max(1, torch.get_num_threads() // max(1, at_a_time))))
    sys.stderr.write(f"jobs at a time: {at_a_time}, each with {THREADS}={threads}\n")
