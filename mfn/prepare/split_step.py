"""Which of the kept images train and which judge."""

from dataclasses import dataclass

import numpy as np

from mfn.errors import ConfigError
from mfn.prepare.identity_keys import identity_keys
from mfn.prepare.manifest import Manifest
from mfn.sources.identities import split_identities, split_images

TRAIN, VAL, HELD_OUT = "train", "val", "held_out"


@dataclass(frozen=True, slots=True)
class SplitShares:
    """Shares that do not train.

    Attributes:
        val_fraction: Share of each training identity's images, never its last one; the older projects had 0.005 and
            0.1.
        held_out_identities: Share of the identities, with all their images.

    Raises:
        ConfigError: A share that is not from 0 to below 1.
    """

    val_fraction: float = 0.0
    held_out_identities: float = 0.0

    def __post_init__(self) -> None:
        for key in ("val_fraction", "held_out_identities"):
            if not 0 <= getattr(self, key) < 1:
                raise ConfigError(f"split.{key}={getattr(self, key)} must be a share from 0 to below 1")


def split(manifest: Manifest, shares: SplitShares, seed: int) -> Manifest:
    """Fills the column `split` of the kept rows, and takes virtual copies of images that judge out of the table.

    Shares are of images, not of copies: a copy goes where its image goes.
    """
    is_image = manifest.kept() & (manifest.variant == "")
    rows = np.flatnonzero(is_image)
    labels = identity_keys(manifest.identity[rows])
    is_held_out = split_identities(labels, shares.held_out_identities, seed)
    is_val = np.zeros(rows.size, bool)
    is_val[~is_held_out] = split_images(labels[~is_held_out], shares.val_fraction, seed)

    column = np.where(manifest.kept(), TRAIN, "").astype("<U8")
    column[rows[is_val]] = VAL
    column[rows[is_held_out]] = HELD_OUT
    judges = np.isin(manifest.row, manifest.row[rows[is_val | is_held_out]])
    return manifest.replace(split=column).take(is_image | ~manifest.kept() | ~judges)
