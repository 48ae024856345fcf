"""Trains a face-verification network: ``python train.py head=arcface data=ms1m data.root=DIR``."""

import sys

import hydra
from omegaconf import DictConfig

from mfn.commands.job import job
from mfn.commands.launch import train_arguments
from mfn.commands.train import train
from mfn.config.failures import one_sentence


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(config: DictConfig) -> float:
    """Runs one job and returns its verification metric, for sweepers to optimise."""
    return job(train, config)


if __name__ == "__main__":
    with one_sentence():
        sys.argv[1:] = train_arguments(sys.argv[1:])
        main()
