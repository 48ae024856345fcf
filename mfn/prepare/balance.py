"""Evening out identities: thinning large ones, doubling small ones virtually, dropping those too small."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np

from mfn.errors import ConfigError
from mfn.images.variants import VARIANTS
from mfn.prepare.identity_keys import identity_keys
from mfn.prepare.manifest import Manifest
from mfn.sources.identities import map_labels, select_images

TOO_FEW, THINNED = "identity has too few images", "identity has too many images"


@dataclass(frozen=True, slots=True)
class Band:
    """Identities with above < n <= upto images, and the variants in which each of these comes again.

    Attributes:
        above: Highest number of images that is below the band.
        upto: Highest number of images in the band; None has no limit.
        copies: Names of `mfn.images.variants.VARIANTS`, one copy of every image for each.

    Raises:
        ConfigError: An empty band or an unknown variant.
    """

    above: int
    upto: int | None
    copies: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.above < 0 or (self.upto is not None and self.upto <= self.above):
            raise ConfigError(f"balance.bands: {self} holds no number of images; above must be below upto")
        if unknown := set(self.copies) - set(VARIANTS):
            raise ConfigError(
                f"balance.bands: no variant {', '.join(sorted(unknown))}; there are {', '.join(VARIANTS)}"
            )
        if len(set(self.copies)) < len(self.copies):
            raise ConfigError(f"balance.bands: {self} names a variant twice")

    def __str__(self) -> str:
        return f"band {self.above} < n <= {self.upto}"


@dataclass(frozen=True, slots=True)
class BalanceRules:
    """What is done with an identity of n images.

    Attributes:
        min_images: Identities with fewer are dropped.
        max_images: Identities with more keep a seeded pick of this many and get no copies; None keeps all.
        bands: In any order; where there are any they cover every n from `min_images` to `max_images` once, so that a
            number nobody thought of is not passed over in silence.

    Raises:
        ConfigError: A value out of range, a gap or an overlap.
    """

    min_images: int = 1
    max_images: int | None = None
    bands: Sequence[Band] = ()

    def __post_init__(self) -> None:
        if self.min_images < 1:
            raise ConfigError(f"balance.min_images={self.min_images} must be at least 1")
        if self.max_images is not None and self.max_images < self.min_images:
            raise ConfigError(f"balance.max_images={self.max_images} must not be below min_images={self.min_images}")
        ordered = sorted(self.bands, key=lambda band: band.above)
        for lower, upper in pairwise(ordered):
            if lower.upto != upper.above:
                what = "overlaps" if lower.upto is None or lower.upto > upper.above else "leaves a gap to"
                raise ConfigError(f"balance.bands: {lower} {what} {upper}; each must end where the next begins")
        if ordered and (ordered[0].above, ordered[-1].upto) != (self.min_images - 1, self.max_images):
            raise ConfigError(
                f"balance.bands go from above {ordered[0].above} upto {ordered[-1].upto}, but min_images and "
                f"max_images ask for above {self.min_images - 1} upto {self.max_images}"
            )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Reads the keys of `conf/balance`; each band is a mapping of `above`, `upto` and `copies`.

        Raises:
            ConfigError: An unknown or missing key, or values that make no rules.
        """
        try:
            bands = [Band(band["above"], band["upto"], tuple(band.get("copies", ()))) for band in config["bands"]]
            return cls(config["min_images"], config["max_images"], bands)
        except (KeyError, TypeError) as error:
            raise ConfigError(
                f"balance: {error} does not fit; it takes min_images, max_images and bands, a list of "
                "{above: 90, upto: 200, copies: [hsv]}"
            ) from None


def balance(manifest: Manifest, rules: BalanceRules, seed: int) -> Manifest:
    """Drops and thins out identities, and puts each image's copies behind it.

    n counts the images that are still kept. Copies are rows with a variant's name; those of an earlier balance are
    left out first. What happens to one identity is a function of its name, its images and the seed.
    """
    images = manifest.take(manifest.variant == "")
    rows = np.flatnonzero(images.kept())
    labels = identity_keys(images.identity[rows])
    classes, label_map = map_labels(labels)
    count = np.zeros(len(images), np.int64)
    count[rows] = np.bincount(classes, minlength=label_map.size)[classes]
    images = images.drop(count < rules.min_images, TOO_FEW)
    picked = np.zeros(len(images), bool)
    picked[rows[select_images(labels, rules.min_images, rules.max_images, seed)]] = True
    return _with_copies(images.drop(~picked, THINNED), count, rules.bands)


def _with_copies(images: Manifest, count: np.ndarray, bands: Sequence[Band]) -> Manifest:
    rows, variants = [np.arange(len(images))], [np.full(len(images), "")]
    for band in bands:
        upto = np.inf if band.upto is None else band.upto
        chosen = np.flatnonzero(images.kept() & (count > band.above) & (count <= upto))
        for name in band.copies:
            rows.append(chosen)
            variants.append(np.full(chosen.size, name))
    all_rows = np.concatenate(rows)
    order = np.argsort(all_rows, kind="stable")
    return images.take(all_rows[order]).replace(variant=np.concatenate(variants)[order])
