"""Values that only some choice of a sweep knows, as ``-m scheduler=multistep,staircase scheduler.gamma=0.5``."""

from omegaconf import OmegaConf

from mfn.config.command_line import CommandLine, key_of
from mfn.config.compose import CONF, composed
from mfn.config.request import groups_in


def for_every_job(name: str, line: CommandLine) -> CommandLine:
    """A sweep's command line that Hydra takes wherever each of its jobs is taken.

    Hydra composes a sweep once without what is swept, where a value may belong to a choice that is not there yet. Such
    a value becomes a sweep over itself alone, so that it is looked at in the jobs only.

    Args:
        name: Of the configuration, as ``train``.
        line: Of which every job is known to compose.
    """
    if not line.multirun:
        return line
    groups = groups_in([CONF, *([] if line.config_dir is None else [line.config_dir])])
    chosen, values = [], []
    for word, override in zip(line.overrides, line.parsed(), strict=True):
        if not override.is_sweep_override():
            (chosen if key_of(word) in groups else values).append(word)
    there = composed(name, chosen, line.config_dir)
    alone = {word: _alone(word) for word in values if not _is_taken(there, word)}
    return CommandLine.parse([*line.flags, *(alone.get(word, word) for word in line.overrides)])


def _is_taken(config: object, word: str) -> bool:
    if word[:1] in "+~" or (key := key_of(word)).startswith(("hydra.", "hydra/")):
        return True
    parent, _, last = key.rpartition(".")
    node = OmegaConf.select(config, parent, default=None) if parent else config  # type: ignore[arg-type]
    return OmegaConf.is_dict(node) and last in node  # type: ignore[operator]


def _alone(word: str) -> str:
    key, _, value = word.partition("=")
    return f"{key}=choice({value})"
