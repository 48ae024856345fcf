"""Keys of ``conf/evaluate.yaml`` that do nothing beside the others, told before anything is read."""

from omegaconf import DictConfig, OmegaConf

from mfn.config.compose import CONF
from mfn.config.evaluate import EvaluateSettings
from mfn.errors import ConfigError


def check_idle(composed: DictConfig, config: EvaluateSettings) -> None:
    """Makes sure that every key of photos, groups and quality that was changed has a part to play.

    Args:
        composed: The composed configuration.
        config: The same, checked.

    Raises:
        ConfigError: One has none.
    """
    if config.align == "none" and (idle := changed_keys(composed, "photos")):
        raise ConfigError(
            f"photos.{idle[0]} is of photos, and align=none takes aligned crops: set align=mtcnn or align=yunet, or "
            "leave it out"
        )
    for part, key, needs, there in (
        ("groups", "bins", "by", config.groups.by),
        ("groups", "comparisons", "by, gap or same", config.groups.by or config.groups.gap or config.groups.same),
        ("groups", "gap_bins", "gap", config.groups.gap),
        ("quality", "discard", "by", config.quality.by),
        ("quality", "fmr", "by", config.quality.by),
    ):
        if key in changed_keys(composed, part) and not there:
            raise ConfigError(f"{part}.{key} does nothing without {part}.{needs}: name a column there, or leave it out")


def changed_keys(composed: DictConfig, part: str, command: str = "evaluate") -> list[str]:
    """The keys of a part of a command's configuration that are not as usual."""
    usual = OmegaConf.select(OmegaConf.load(CONF / f"{command}.yaml"), part)
    return [key for key, value in composed[part].items() if usual.get(key) != value]
