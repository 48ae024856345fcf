"""Writes a network as files for phones: ``python export.py ckpt_path=FILE target=onnx,litert precision=fp32,int8``."""

import sys

import hydra
from omegaconf import DictConfig

from mfn.commands.export import export
from mfn.commands.job import job
from mfn.commands.launch import plain_arguments
from mfn.config.failures import one_sentence


@hydra.main(version_base="1.3", config_path="conf", config_name="export")
def main(config: DictConfig) -> float:
    """Exports one checkpoint, proves every file, and returns the number of files kept."""
    return job(lambda config: float(len(export(config))), config)


if __name__ == "__main__":
    with one_sentence():
        sys.argv[1:] = plain_arguments(sys.argv[1:], "export")
        main()
