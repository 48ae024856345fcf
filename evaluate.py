"""Judges a network: ``python evaluate.py model_path=FILE benchmark=[lfw,cfp_fp,agedb_30] benchmark.root=DIR``."""

import sys

import hydra
from omegaconf import DictConfig

from mfn.commands.evaluate import evaluate
from mfn.commands.job import job
from mfn.commands.launch import plain_arguments
from mfn.config.failures import one_sentence


@hydra.main(version_base="1.3", config_path="conf", config_name="evaluate")
def main(config: DictConfig) -> float:
    """Prints the results, writes the report, and returns the mean accuracy."""
    return job(evaluate, config)


if __name__ == "__main__":
    with one_sentence():
        sys.argv[1:] = plain_arguments(sys.argv[1:], "evaluate")
        main()
