"""The kept rows as files: an InsightFace pack, or folders."""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from mfn.benchmarks.bin_writer import prepare_bin
from mfn.benchmarks.held_out import FOLDS, held_out_set
from mfn.benchmarks.pairs import possible_pairs
from mfn.errors import ConfigError, DataError
from mfn.images.variants import VARIANTS, variant_draws
from mfn.packs.pack_writer import PackWriter
from mfn.prepare.align_step import jpeg
from mfn.prepare.crops import Crops
from mfn.prepare.folder_writer import FolderWriter
from mfn.prepare.split_step import HELD_OUT, TRAIN, VAL

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PackRules:
    """What is written.

    Attributes:
        format: Pack (``train.rec`` and its companions) | folder (``train/PERSON/name.jpg``).
        materialise: Write virtual copies out as images, for tools that know nothing of ``variants.tsv``.
        quality: Of their JPEGs; all other images are written as they are.
        pairs: At most this many verification pairs of the held-out identities.

    Raises:
        ConfigError: A value out of range.
    """

    format: str = "pack"
    materialise: bool = False
    quality: int = 95
    pairs: int = 6000

    def __post_init__(self) -> None:
        if self.format not in ("pack", "folder"):
            raise ConfigError(f"format={self.format} must be pack or folder")
        if self.pairs < 0:
            raise ConfigError(f"pairs={self.pairs} must be at least 0")


class _Image(NamedTuple):
    position: int
    label: int
    variants: list[str]


def write_files(crops: Crops, folder: Path, size: tuple[int, int], rules: PackRules, seed: int) -> list[str]:
    """Writes every split that has images.

    Args:
        crops: All rows; a row without a split trains. Labels of validation images are those of training.
        folder: Where to.
        size: Height and width for ``property``.
        rules: What to write.
        seed: Of the noise of materialised copies and of the verification pairs.

    Returns:
        Paths of the files written below the folder, sorted; others that lie in it are not among them.

    Raises:
        DataError: No image is left to train on.
    """
    there = set(folder.rglob("*"))
    kept = crops.manifest.kept()
    split = np.where(crops.manifest.split == "", TRAIN, crops.manifest.split)
    parts = {name: crops.take(kept & (split == name)) for name in (TRAIN, VAL, HELD_OUT)}
    if not len(parts[TRAIN]):
        reasons = ", ".join(f"{reason}: {count}" for reason, count in crops.manifest.reasons().items())
        raise DataError(f"no image is left to train on ({reasons}): loosen the rules, or look at the source")
    for name, part in parts.items():
        identities = (part if name == HELD_OUT else parts[TRAIN]).identities
        if len(part):
            _write_split(part, name, identities, folder, size, rules, seed)
    if len(parts[HELD_OUT]):
        _write_pairs(parts[HELD_OUT], folder, rules.pairs, seed)
    written = sorted(path for path in folder.rglob("*") if path.is_file() and path not in there)
    return [path.relative_to(folder).as_posix() for path in written]


def pack_hash(hashes: Mapping[str, str]) -> str:
    """SHA-256 over paths and hashes of the files of a pack, so that two packs can be compared in one line."""
    lines = (f"{content}  {path}\n".encode(errors="surrogateescape") for path, content in hashes.items())
    return hashlib.sha256(b"".join(lines)).hexdigest()


def _write_split(
    part: Crops, name: str, identities: list[str], folder: Path, size: tuple[int, int], rules: PackRules, seed: int
) -> None:
    names = identities if name == TRAIN else None
    writer = (
        PackWriter(folder, size, name=name, label_names=names)
        if rules.format == "pack"
        else FolderWriter(folder / name, identities)
    )
    with writer as out:
        for index, label, variants in _images(part, identities):
            called = str(part.manifest.name[index])
            out.add(label, part.encoded(index), called, () if rules.materialise else variants)
            for variant in variants if rules.materialise else ():
                draws = variant_draws(seed, 0, int(part.manifest.row[index]))
                out.add(
                    label,
                    jpeg(VARIANTS[variant](part.image(index), draws), rules.quality),
                    f"{PurePosixPath(called).with_suffix('')} {variant}",
                )


def _images(part: Crops, identities: list[str]) -> Iterator[_Image]:
    """Images in order of labels, each with its copies."""
    number = {identity: label for label, identity in enumerate(identities)}
    label_of = np.array([number[identity] for identity in part.identities], np.int64)[part.labels]
    is_copy = part.manifest.variant != ""
    copies: dict[int, list[str]] = {}
    for row, variant in zip(part.manifest.row[is_copy].tolist(), part.manifest.variant[is_copy].tolist(), strict=True):
        copies.setdefault(row, []).append(variant)
    originals = np.flatnonzero(~is_copy)
    for index in originals[np.argsort(label_of[originals], kind="stable")].tolist():
        yield _Image(index, int(label_of[index]), copies.get(int(part.manifest.row[index]), []))


def _write_pairs(held_out: Crops, folder: Path, most: int, seed: int) -> None:
    possible = 2 * min(possible_pairs(held_out.labels))
    if min(possible, most) < 2 * FOLDS:
        log.warning("the held-out images make %d pairs, too few for %d folds: no held_out.bin", possible, FOLDS)
        return
    pairs = held_out_set(held_out, np.arange(len(held_out)), most, seed)
    prepare_bin(pairs, folder / f"{HELD_OUT}.bin")
