"""Sweepers and launchers that only one of our extras installs."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from packaging.version import Version

from mfn.about import install_command, optional
from mfn.errors import ConfigError


class Plugin(NamedTuple):
    """A plugin of Hydra's.

    Attributes:
        module: That imports all it needs; Hydra itself imports less.
        oldest: Version that takes our configuration.
        extra: That installs it.
    """

    module: str
    oldest: str
    extra: str


PLUGINS: Mapping[str, Plugin] = {
    "hydra-optuna-sweeper": Plugin("hydra_plugins.hydra_optuna_sweeper._impl", "1.4.0rc3", "sweep"),
    "hydra-joblib-launcher": Plugin("hydra_plugins.hydra_joblib_launcher._core", "1.2.0", "sweep"),
    "hydra-submitit-launcher": Plugin("submitit", "1.2.0", "sweep-slurm"),
    "hydra-ray-launcher": Plugin("hydra_plugins.hydra_ray_launcher._core", "1.4.0rc3", "sweep-ray"),
}
"""By the names of their distributions, to which those of their packages are alike."""


def check_plugin(target: str, chosen: str) -> None:
    """Makes sure that what a sweep was given is installed.

    Args:
        target: The class that is to be made.
        chosen: What was typed for it, as ``hydra/launcher=joblib``.

    Raises:
        ConfigError: It is missing, or too old.
    """
    package = target.split(".")[1] if target.startswith("hydra_plugins.") else ""
    if (plugin := PLUGINS.get(name := package.replace("_", "-"))) is None:
        return
    needs = f"{chosen} needs {name} {plugin.oldest} or newer"
    try:
        found = version(name)
    except PackageNotFoundError:
        raise ConfigError(f"{needs}, which is not installed: {install_command(plugin.extra)}") from None
    if Version(found) < Version(plugin.oldest):
        raise ConfigError(f"{needs}, and {found} is installed: {install_command(plugin.extra)}")
    optional(plugin.module, f"{chosen} needs what {name} needs", plugin.extra, ConfigError)
