"""Judges a network: ``python evaluate.py model_path=FILE benchmark=[lfw,cfp_fp,agedb_30] benchmark.root=DIR``."""

import hydra
from omegaconf import DictConfig

from mfn.failures import one_sentence
from mfn.judging import evaluate


@hydra.main(version_base="1.3", config_path="conf", config_name="evaluate")
def main(config: DictConfig) -> float:
    """Prints the verdicts, writes the report, and returns the mean accuracy."""
    with one_sentence():
        return evaluate(config)


if __name__ == "__main__":
    main()
