"""Composing configurations as train.py does, without Hydra's run directory."""

from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

CONF = Path(__file__).resolve().parents[1] / "conf"
STARTS = {"finetune": "model_path", "qat": "model_path", "blocks": "teacher"}
"""Experiments that need a network to begin with, and the key that names it."""


def composed(*overrides: str, config: str = "train") -> DictConfig:
    """The configuration for a command line; outputs go to a folder that nobody writes to."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(config, [*overrides, "paths.output=unused"])


def choices(group: str) -> list[str]:
    """Names of the files of a configuration group."""
    return sorted(file.stem for file in (CONF / group).glob("*.yaml"))
