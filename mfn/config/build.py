"""Configuration to objects: only what may be made, with values that fit.

A `_target_` in a configuration names code. Those of mfn's own configuration and what the user writes on the command
line or in a configuration folder of their own are trusted; nothing that is read from another file gets here.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache, partial
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from mfn.about import optional
from mfn.config.arguments import fitting
from mfn.config.failures import resolving
from mfn.errors import ConfigError, MfnError, first_line

OURS = ("mfn.", "torch.optim.", "lightning.", "albumentations.", "pytorch_metric_learning.")
"""Packages of which anything may be made."""
OPTIONAL = {"pytorch_metric_learning": "metric-learning"}
"""Those that one of our extras installs."""
_TARGET = re.compile(r"_target_['\"]?\s*[:=]\s*['\"]?([\w.]+)")
_named: set[str] = set()


def build(node: DictConfig, **given: Any) -> Any:
    """What a node with a `_target_` describes, and what the nodes in it describe.

    Args:
        node: Of a composed configuration.
        **given: Further arguments, which the configuration does not know.

    Raises:
        ConfigError: The target may not be made, does not exist, or a value does not fit it.
        MfnError: What the target itself raises.
    """
    key = str(node._get_full_key(None))
    with resolving():
        plain: Any = OmegaConf.to_container(node, resolve=True)
    values = _checked({name: plain[name] for name in plain if name not in given}, key, named_by_user(), given)
    return _made(values, key, given)


def check_values(node: DictConfig, *given: str) -> None:
    """Makes sure that a node, and those in it, can be built, as far as can be told without doing it.

    Args:
        node: With a `_target_`.
        *given: Names of arguments that come from elsewhere.

    Raises:
        ConfigError: A target may not be made or does not exist, or a value does not fit it.
    """
    with resolving():
        plain: Any = OmegaConf.to_container(node, resolve=True)
    values = {name: plain[name] for name in plain if name not in given}
    _checked(values, str(node._get_full_key(None)), named_by_user(), dict.fromkeys(given))


def build_all(nodes: DictConfig, **given: Any) -> dict[str, Any]:
    """Each node of a group, such as `callbacks`, by name; entries that hold nothing to make are left out."""
    return {str(name): build(node, **given) for name, node in nodes.items() if isinstance(node, DictConfig)}


def trust(overrides: Iterable[str], config_dir: str | None) -> None:
    """Lets a command make what its user names, from before Hydra has it.

    Args:
        overrides: As typed.
        config_dir: A configuration folder of the user's own.
    """
    _named.update(_TARGET.findall("\n".join(overrides)))
    if config_dir is not None:
        _named.update(targets_in(Path(config_dir)))


def named_by_user() -> set[str]:
    """Targets that the running command's own overrides and configuration folders name."""
    if not HydraConfig.initialized():
        return _named
    hydra = HydraConfig.get()
    found = _named | set(_TARGET.findall("\n".join(hydra.overrides.task)))
    for source in hydra.runtime.config_sources:
        if source.provider in ("command-line", "hydra.searchpath in command-line", "main") and source.schema == "file":
            found |= targets_in(Path(source.path))
    return found


@cache
def targets_in(folder: Path) -> frozenset[str]:
    """All targets that the YAML files of a configuration folder name."""
    files = [*folder.rglob("*.yaml"), *folder.rglob("*.yml")]
    texts = (file.read_text(encoding="utf-8", errors="replace") for file in files)
    return frozenset(name for text in texts for name in _TARGET.findall(text))


def _checked(plain: Any, key: str, trusted: Collection[str], given: Mapping[str, Any] | None = None) -> Any:
    """The same plain values, those of each target converted to what its parameters want."""
    if isinstance(plain, list):
        return [_checked(item, f"{key}[{index}]", trusted) for index, item in enumerate(plain)]
    if not isinstance(plain, dict):
        return plain
    checked = {name: _checked(value, f"{key}.{name}", trusted) for name, value in plain.items()}
    return fitting(_located(plain, key, trusted), checked, key, given or ()) if "_target_" in plain else checked


def _made(checked: Any, key: str, given: Mapping[str, Any] | None = None) -> Any:
    """What checked values describe. Hydra's own `instantiate` would look for references in each text once more."""
    if isinstance(checked, list):
        return [_made(item, f"{key}[{index}]") for index, item in enumerate(checked)]
    if not isinstance(checked, dict):
        return checked
    parts = {name: _made(value, f"{key}.{name}") for name, value in checked.items()}
    if "_target_" not in parts:
        return parts
    make = resolve_name(parts["_target_"])
    arguments = {name: value for name, value in parts.items() if not name.startswith("_")}
    if parts.get("_partial_"):
        make = partial(partial, make)
    try:
        return make(*parts.get("_args_", ()), **arguments, **(given or {}))
    except MfnError:
        raise
    except Exception as error:  # constructors of other libraries raise what they like
        raise ConfigError(f"{key}: {first_line(error)}") from error


def _located(plain: Mapping[str, Any], key: str, trusted: Collection[str]) -> Any:
    target = plain["_target_"]
    if not isinstance(target, str) or not (target.startswith(OURS) or target in trusted):
        ours = ", ".join(part.rstrip(".") for part in OURS)
        raise ConfigError(
            f"{key} would make {target!r}: only parts of {ours}, and what you name on the command line or in a folder "
            "given with --config-dir, are made"
        )
    if (package := target.partition(".")[0]) in OPTIONAL:
        optional(package, f"{key}: {target} needs a package", OPTIONAL[package], ConfigError)
    try:
        return resolve_name(target)
    except Exception as error:  # an import may raise anything
        raise ConfigError(f"{key}: {target} cannot be found ({first_line(error)})") from error
