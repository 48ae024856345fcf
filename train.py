"""Trains a face-verification network: ``python train.py head=arcface data=ms1m data.root=DIR``."""

import logging
import sys
import warnings
from pathlib import Path

import hydra
from omegaconf import DictConfig

from mfn.failures import one_sentence
from mfn.launch import complete_arguments
from mfn.training import train

CONF = Path(__file__).resolve().parent / "conf"


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(config: DictConfig) -> float:
    """Runs one job and returns its verification metric, for sweepers to optimise."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=r".*treespec, LeafSpec.*")  # Lightning's own, of no use to anybody
    with one_sentence():
        return train(config)


if __name__ == "__main__":
    with one_sentence():
        sys.argv[1:] = complete_arguments(sys.argv[1:], CONF, Path("outputs"))
    main()
