"""``train.py`` and ``mfn train``: what was typed, and the job that Hydra runs with it.

PyTorch and Lightning take seconds to import and are left to those who train.
"""

import sys
from collections.abc import Sequence

import hydra
from omegaconf import DictConfig

from mfn.commands.asked import tell_help
from mfn.config.command_line import CommandLine
from mfn.config.compose import CONF
from mfn.config.failures import one_sentence


def main(arguments: Sequence[str] | None = None, verb: str = "") -> None:
    """Runs the command with what was typed behind its name."""
    words = sys.argv[1:] if arguments is None else arguments
    with one_sentence():
        tell_help("train", CommandLine.parse(words))
    from mfn.commands.launch import train_arguments
    from mfn.commands.program import run_program

    run_program(_job, train_arguments, words, verb)


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")
def _job(config: DictConfig) -> float:
    """Runs one job and returns its verification metric, for sweepers to optimise."""
    from mfn.commands.job import run_job
    from mfn.commands.train_run import train

    return run_job(train, config)
