"""What there is to type after a script's name."""

from pathlib import Path
from textwrap import fill

from omegaconf import OmegaConf

from mfn.about import called
from mfn.config.compose import CONF

_FLAGS = (
    "--cfg job shows what a command line comes to, -m runs one job for each of several values, --config-dir DIR adds\n"
    "choices of your own, --hydra-help tells Hydra's other flags."
)


def help_text(name: str, config_dir: str | None = None) -> str:
    """The groups with their choices, and the keys of a configuration with what they are.

    Args:
        name: Of the configuration, as ``train``.
        config_dir: A configuration folder of the user's own.
    """
    text = (CONF / f"{name}.yaml").read_text(encoding="utf-8")
    folders = [CONF, *([] if config_dir is None else [Path(config_dir)])]
    groups = {group: _choices(group, folders) for group in _groups(text)}
    width = max(map(len, groups))
    indent = " " * (width + 4)
    listed = "\n".join(
        fill(", ".join(choices), 118, initial_indent=f"  {group:{width}}  ", subsequent_indent=indent)
        for group, choices in groups.items()
    )
    keys = text.partition("\n\n")[2].partition("\nhydra:")[0].strip()
    first = text.partition("\n")[0].removeprefix("# ").replace(f"python {name}.py", called(name))
    return (
        f"{first}\n\nGroups:\n{listed}\n\nKeys, beside those of the choices (group.key=value):\n\n{keys}\n\n{_FLAGS}\n"
    )


def _groups(text: str) -> list[str]:
    """The groups of the defaults list that are there to choose from, in their order."""
    entries = OmegaConf.create(text).defaults
    named = [str(key) for entry in entries if OmegaConf.is_dict(entry) for key in entry]
    return [group for group in named if " " not in group and "@" not in group]


def _choices(group: str, folders: list[Path]) -> list[str]:
    return sorted({file.stem for folder in folders for file in (folder / group).glob("*.yaml")} - {"base"})
