"""Overrides to a configuration, as Hydra composes it, without running anything."""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.errors import ConfigCompositionException, HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mfn.config.quoting import quoted
from mfn.config.renamed import renamed
from mfn.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parents[1]
CONF = next(folder / "conf" for folder in (_PACKAGE, _PACKAGE.parent) if (folder / "conf" / "train.yaml").is_file())
"""mfn's own configuration: in an installed package inside it, in a clone beside it."""
for _known in (
    "is validated against ConfigStore schema with the same name",  # Hydra 1.3, of our choices for a plugin
    "version_base parameter is deprecated",  # Hydra 1.4, and 1.3 asks for it
    "_target_='mfn.report.sweep.SweepSummary' with no",  # Hydra 1.4, of what conf/train.yaml names
):
    warnings.filterwarnings("ignore", f"(?s).*{re.escape(_known)}")
_UNKNOWN = re.compile(r"Could not override '([^']+)'")


def composed(
    name: str, overrides: Sequence[str], config_dir: str | None = None, *, with_hydra: bool = False
) -> DictConfig:
    """The configuration that a command line comes to.

    Args:
        name: Of the configuration, as ``train``.
        overrides: As typed, none of them a sweep.
        config_dir: A folder of the user's own that is looked into after ours.
        with_hydra: Leave Hydra's own part in it.

    Raises:
        ConfigError: A key, a choice or the folder does not exist, or a value does not fit.
    """
    if config_dir is not None and not Path(config_dir).is_dir():
        raise ConfigError(f"--config-dir {config_dir}: there is no such folder")
    own = [] if config_dir is None else [f"hydra.searchpath=[{quoted(Path(config_dir).resolve().as_uri())}]"]
    try:
        with initialize_config_dir(str(CONF), version_base="1.3", job_name=name):
            return compose(name, [*renamed(name, overrides), *own], return_hydra_config=with_hydra)
    except ConfigCompositionException as error:
        if (unknown := _UNKNOWN.search(str(error))) and str(error).count("\n") < 3:
            raise ConfigError(_does_not_exist(name, unknown[1], overrides, config_dir)) from error
        raise ConfigError(sentence_of(error) + _choices(str(error), config_dir)) from error
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise ConfigError(_nothing_chosen(overrides, config_dir) or sentence_of(error)) from error


def sentence_of(error: Exception) -> str:
    """What Hydra or OmegaConf says, without where it looked and whom to ask."""
    text = str(error).partition("Config search path")[0].partition("Set the environment variable")[0]
    lines = [line.strip() for line in text.splitlines() if not line.strip().startswith(("full_key:", "object_type="))]
    return " ".join(line for line in lines if line)


def _choices(text: str, config_dir: str | None) -> str:
    """What there is to choose from, where Hydra does not say it: of a list of choices it names the wrong one alone."""
    if (wrong := re.search(r"Could not load '([\w/]+)/[^/']*'", text)) is None:
        return ""
    return f" {wrong[1]} is one of {', '.join(choices_of(wrong[1], config_dir))}"


def choices_of(group: str, config_dir: str | None = None) -> list[str]:
    """The names there are in a group, ours and those of a folder of the user's own."""
    folders = [CONF, *([] if config_dir is None else [Path(config_dir)])]
    return sorted({file.stem for folder in folders for file in (folder / group).glob("*.yaml")})


def _nothing_chosen(overrides: Sequence[str], config_dir: str | None) -> str:
    """A sentence for the first group of which null is to be taken; Hydra does not say which that is."""
    for word in overrides:
        group, _, value = word.partition("=")
        if value == "null" and (names := choices_of(group, config_dir)):
            return f"{word} chooses nothing: {group} is one of {', '.join(names)}"
    return ""


def _does_not_exist(name: str, key: str, overrides: Sequence[str], config_dir: str | None) -> str:
    """A sentence for a key that is not there, with those that are beside it, or beside the first wrong part of it."""
    groups = [word for word in overrides if "." not in re.split("[=@]", word)[0] and not word.startswith(key + "=")]
    parent, _, _ = key.rpartition(".")
    try:
        config = composed(name, groups, config_dir, with_hydra=key.startswith("hydra."))
        while parent and OmegaConf.select(config, parent) is None:
            key, parent = parent, parent.rpartition(".")[0]
        beside = OmegaConf.select(config, parent) if parent else config
    except ConfigError:
        beside = None
    there = (
        sorted(str(other) for other in beside if not str(other).startswith("_"))
        if isinstance(beside, DictConfig)
        else []
    )
    where = parent or "the configuration"
    return f"there is no key {key}" + (f": {where} has {', '.join(there)}" if there else "")
