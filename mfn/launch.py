"""Between the command line and Hydra: what a user means but does not want to spell out.

``ckpt_path=last`` stands for the newest run, its folder and its own overrides. A pack on disk without a named
experiment gets the recipe for its size.
"""

import logging
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from mfn.errors import CheckpointError, ConfigError
from mfn.failures import unwrapped

SMALL_PACK = 100_000
"""Packs below this many images get ``experiment=small``, others ``experiment=paper``."""

log = logging.getLogger(__name__)


def complete_arguments(arguments: list[str], config_dir: Path, outputs: Path) -> list[str]:
    """The command line with what it implies.

    Args:
        arguments: What the user typed after the script's name.
        config_dir: Folder of the Hydra groups.
        outputs: Where runs are kept.

    Returns:
        Arguments for Hydra.

    Raises:
        CheckpointError: ``ckpt_path`` names no checkpoint of a run.
        DataError: The data is missing or damaged.
    """
    named = dict(argument.split("=", 1) for argument in arguments if "=" in argument and argument[0] != "-")
    if named.get("ckpt_path", "null") != "null":
        return resume_arguments(arguments, named["ckpt_path"], outputs)
    if any(argument.startswith("-") and argument not in ("-m", "--multirun") for argument in arguments):
        return arguments
    config = composed([argument for argument in arguments if argument[0] != "-"], config_dir)
    if "experiment" in named or "root" not in config.data:
        return arguments
    require_root(config)
    with unwrapped():
        count = len(instantiate(config.data.source))
    recipe = "small" if count < SMALL_PACK else "paper"
    log.info("%d images: experiment=%s (name another to change it)", count, recipe)
    return [*arguments, f"experiment={recipe}"]


def composed(arguments: list[str], config_dir: Path) -> DictConfig:
    """The configuration that a command line comes to, apart from what it sweeps over.

    Raises:
        ConfigError: A key or a choice does not exist.
    """
    try:
        parsed = OverridesParser.create().parse_overrides(arguments)
        fixed = [str(override.input_line) for override in parsed if not override.is_sweep_override()]
        with initialize_config_dir(str(config_dir), version_base="1.3"):
            return compose("train", fixed)
    except HydraException as error:
        raise ConfigError(" ".join(str(error).partition("Config search path")[0].split())) from error


def resume_arguments(arguments: list[str], ckpt_path: str, outputs: Path) -> list[str]:
    """The overrides of the run a checkpoint belongs to, then the new ones, in the folder of that run.

    Args:
        arguments: What the user typed; a key given again replaces the run's.
        ckpt_path: ``last`` or a path; quotes that Hydra would take off are allowed.
        outputs: Where to look for the newest ``last.ckpt``.

    Raises:
        CheckpointError: There is no such checkpoint.
    """
    checkpoint = newest_checkpoint(outputs) if ckpt_path == "last" else Path(ckpt_path.strip("'\""))
    if not checkpoint.is_file():
        raise CheckpointError(f"ckpt_path={ckpt_path}: there is no such file")
    run = checkpoint.resolve().parent.parent
    saved = run / ".hydra" / "overrides.yaml"
    before = list(OmegaConf.load(saved)) if saved.is_file() else []
    fresh = [argument for argument in arguments if not argument.startswith("ckpt_path=")]
    replaced = {_key(argument) for argument in fresh}
    kept = [str(a) for a in before if _key(str(a)) not in replaced | {"ckpt_path", "hydra.run.dir"}]
    return [*kept, *fresh, f"ckpt_path={_quoted(checkpoint.resolve())}", f"hydra.run.dir={_quoted(run)}"]


def require_root(config: DictConfig) -> None:
    """Asks for the one key that has no default.

    Raises:
        ConfigError: ``data.root`` is not given.
    """
    if OmegaConf.is_missing(config.data, "root"):
        raise ConfigError("data.root must be given, as in data.root=DIR")


def newest_checkpoint(outputs: Path) -> Path:
    """The newest ``last.ckpt`` of all runs.

    Raises:
        CheckpointError: There is none.
    """
    found = sorted(outputs.glob("**/checkpoints/last.ckpt"), key=lambda file: file.stat().st_mtime)
    if not found:
        raise CheckpointError(f"ckpt_path=last: there is no last.ckpt of an earlier run under {outputs}")
    return found[-1]


def _key(argument: str) -> str:
    return argument.partition("=")[0].lstrip("+~")


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "\\'") + "'"
