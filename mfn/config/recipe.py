"""Which recipe a run takes: the one that was named, or the one for the size of its pack."""

from collections.abc import Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from mfn.config.command_line import CommandLine, key_of
from mfn.config.compose import composed
from mfn.config.quoting import quoted_override
from mfn.config.sources import open_source
from mfn.errors import ConfigError

SMALL_PACK = 100_000
"""Data sets below this many images get ``experiment=small``, others ``experiment=paper``."""

WHY = "why_experiment"
"""Key that keeps the reason beside the choice."""
_DATA = ("data", "source", "image_size", "seed")
"""Keys that say what the data is."""
_GROUPS = ("head", "optimizer", "scheduler")
"""Groups of which recipes say something."""


def recipe_for(line: CommandLine, jobs: Sequence[Sequence[str]]) -> list[str]:
    """The overrides that choose a recipe where nobody named one: the experiment, and why.

    Args:
        line: As typed.
        jobs: The overrides of each job; one unless it is a sweep.

    Raises:
        ConfigError: The jobs of a sweep train on data of different size.
        MfnError: The data is missing or damaged.
    """
    if line.value("experiment") is not None:
        return []
    found: dict[str, str] = {}
    for overrides in dict.fromkeys(tuple(word for word in job if _is_about_data(word)) for job in jobs):
        config = composed("train", overrides, line.config_dir)
        if not {"root", "sources"} & config.data.keys():
            continue  # synthetic faces, which the default recipe is for
        count = image_count(open_source(config))
        name, than = ("small", "fewer than") if count < SMALL_PACK else ("paper", "at least")
        found.setdefault(name, f"{count:,} images are {than} {SMALL_PACK:,}")
    if len(found) > 1:
        raise ConfigError(
            f"the sweep trains on data of different size ({' and '.join(found.values())}), for which there are "
            f"different recipes: name one, as experiment={min(found)}, or sweep over each by itself"
        )
    return [word for name, why in found.items() for word in (f"experiment={name}", quoted_override(WHY, why))]


def image_count(source: object) -> int:
    """Images of a source; virtual copies of them do not count."""
    copies = getattr(source, "copies", None)
    return len(source) if copies is None else int((copies.codes == 0).sum())  # type: ignore[arg-type]


def recipe_sentence(config: DictConfig) -> str:
    """One sentence: which recipe the running job took and why, and what of it fits what was chosen beside it."""
    if not HydraConfig.initialized():
        return "no recipe: the configuration was given as it is"
    choices = HydraConfig.get().runtime.choices
    name, recipe = choices.get("experiment"), choices.get("recipe")
    if recipe is None:
        return f"experiment={name}: it names no recipe, so every part has its own defaults"
    why = f" ({config.why_experiment}; name another to change it)" if config.get("why_experiment") else ""
    known = [group for group in _GROUPS if _is_known(recipe, group, choices[group])]
    own = [f"{group}={choices[group]}" for group in _GROUPS if group not in known]
    says = ", ".join(f"{group}={choices[group]}" for group in known) or "none of the parts chosen"
    others = f"; their own defaults have {', '.join(own)}" if own else ""
    return f"experiment={name}{why}: its recipe sets {says}{others}"


def _is_about_data(word: str) -> bool:
    return key_of(word).partition(".")[0] in _DATA


def _is_known(recipe: str, group: str, choice: str) -> bool:
    """Whether a recipe has a file for a choice, in our configuration or the user's."""
    path = f"recipe/{recipe}/{group}/{choice}.yaml"
    folders = [Path(of.path) for of in HydraConfig.get().runtime.config_sources if of.schema == "file"]
    return any((folder / path).is_file() for folder in folders)
