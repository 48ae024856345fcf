"""What the keys ``check`` of ``conf/export.yaml`` ask for."""

from dataclasses import replace

import numpy as np
from omegaconf import DictConfig

from mfn.commands.idle_keys import changed_keys
from mfn.config.export import ExportSettings
from mfn.contract import InputContract
from mfn.errors import ConfigError
from mfn.evaluation.alignment import SAMPLE, warn_of_unaligned
from mfn.export.check import CheckFaces
from mfn.export.check_faces import attributes, check_faces, grouped


def check_idle(composed: DictConfig, config: ExportSettings) -> None:
    """Makes sure that every key that is about the check has a part to play.

    Args:
        composed: The composed configuration.
        config: The same, checked.

    Raises:
        ConfigError: One has none; or a key that it needs is missing.
    """
    check = config.check
    if check.root is None:
        idle = [f"check.{key}" for key in changed_keys(composed, "check", "export")]
        idle += [] if config.limits.max_tar_drop is None else ["limits.max_tar_drop"]
        if idle:
            raise ConfigError(
                f"{idle[0]} does nothing without check.root=DIR: name a pack or a folder, or leave it out"
            )
    if check.by and check.groups is None:
        raise ConfigError("check.by does nothing without check.groups=FILE.csv: name it, or leave check.by out")
    if check.groups is not None and not check.by:
        raise ConfigError("check.groups is given but no column: name one or two in check.by=[...], or leave it out")


def faces_to_check_on(
    config: ExportSettings, contract: InputContract, calibration: np.ndarray | None
) -> CheckFaces | None:
    """The faces of ``check.root``, in groups where these are wanted; None where it is not given.

    Args:
        config: Of the command.
        contract: Of the network.
        calibration: Faces that are left out, uint8 RGB (N, H, W, 3).

    Raises:
        ConfigError: The CSV lacks a column.
        MfnError: The faces, or what the CSV says of them, do not do.
    """
    check = config.check
    if check.root is None:
        return None
    table = None if check.groups is None else attributes(check.groups, check.by)
    faces, images = check_faces(check.root, contract, check.faces, config.seed, config.fit, calibration)
    if config.check_alignment:
        spread = faces.images[:: max(1, len(faces.images) // SAMPLE)][:SAMPLE]
        warn_of_unaligned({f"check.root={check.root}": spread}, contract)
    return faces if table is None else replace(faces, groups=grouped(table, images, check.by))
