"""Writes a network as files for phones: ``python export.py ckpt_path=FILE target=onnx,litert precision=fp32,int8``."""

import sys

import hydra
from omegaconf import DictConfig

from mfn.exporting import export, list_arguments
from mfn.failures import one_sentence


@hydra.main(version_base="1.3", config_path="conf", config_name="export")
def main(config: DictConfig) -> None:
    """Exports one checkpoint and proves every file."""
    with one_sentence():
        export(config)


if __name__ == "__main__":
    sys.argv[1:] = list_arguments(sys.argv[1:])
    main()
