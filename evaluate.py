"""Judges a network: ``python evaluate.py model_path=FILE benchmark=[lfw,cfp_fp,agedb_30] benchmark.root=DIR``."""

import sys
from pathlib import Path

import hydra
from omegaconf import DictConfig

from mfn.config.words import check_words
from mfn.failures import one_sentence
from mfn.judging import evaluate

CONF = Path(__file__).resolve().parent / "conf"


@hydra.main(version_base="1.3", config_path="conf", config_name="evaluate")
def main(config: DictConfig) -> float:
    """Prints the verdicts, writes the report, and returns the mean accuracy."""
    with one_sentence():
        return evaluate(config)


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  a name may be of any bytes
    with one_sentence():
        check_words("evaluate", sys.argv[1:], CONF)
    main()
