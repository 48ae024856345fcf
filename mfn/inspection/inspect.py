"""From a path to what lies there."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from mfn.benchmarks.places import ANY, files_of
from mfn.checkpoint.folder_names import folder_at
from mfn.errors import BrokenImageError, DataError
from mfn.images.folder import find_images
from mfn.images.passed_over import PassedOver
from mfn.inference.suffixes import CHECKPOINT, LAYER_ORDER, RUNTIMES
from mfn.inspection.faces import (
    inspect_folder,
    inspect_images,
    inspect_list,
    inspect_lmdb,
    inspect_pack,
    inspect_parquet,
    inspect_shards,
    inspect_tfrecord,
)
from mfn.inspection.inspection import Inspection
from mfn.inspection.pairs import inspect_bin, inspect_pairs
from mfn.inspection.pixels import spread
from mfn.packs.lmdb.place import databases_in, is_database
from mfn.packs.pack_files import find_pack, packs_in
from mfn.packs.parquet.places import holds_tables
from mfn.report.contact_sheet import write_contact_sheet
from mfn.sources.shard_places import holds_shards
from mfn.sources.tfrecord_dataset import shards_in

SAMPLE = 1000


def _network(path: Path, _: int) -> Inspection:
    from mfn.inspection.networks import inspect_network  # PyTorch, which takes longer to import than a pack to look at

    return inspect_network(path)


def _checkpoint(path: Path, _: int) -> Inspection:
    from mfn.inspection.networks import inspect_checkpoint

    return inspect_checkpoint(path)


_FILES: dict[str, Callable[[Path, int], Inspection]] = {
    ".rec": inspect_pack,
    ".idx": inspect_pack,
    ".lst": inspect_list,
    ".tar": inspect_shards,
    ".bin": inspect_bin,
    ".xz": inspect_bin,
    ".csv": inspect_pairs,
    ".txt": inspect_pairs,
    **dict.fromkeys((*RUNTIMES, LAYER_ORDER), _network),
    **dict.fromkeys((CHECKPOINT, ".pt", ".pth"), _checkpoint),
}


def inspect(path: str | Path, look_at_all: bool = False) -> Inspection:
    """Tells what a file or folder is.

    Args:
        path: An InsightFace pack (its folder, its `.rec` or its `.lst`), a folder of identities, tar shards, an LMDB
            pack, Parquet or TFRecord files or their folder, a `.bin` verification pack, a list or CSV of pairs or its
            folder, a checkpoint or an exported network.
        look_at_all: Decode all images, not 1,000 spread over the set.

    Raises:
        DataError: Nothing is there, it is of no known kind, or too damaged to be read.
        CheckpointError: The same for networks.
    """
    place = Path(path).expanduser()
    most = np.iinfo(np.int64).max if look_at_all else SAMPLE
    if not place.exists():
        raise DataError(f"there is nothing at {path}")
    if folder_at(place):
        return _checkpoint(place, most)
    if place.is_dir():
        return _inspect_directory(place, most)
    if shards_in(place):  # of any suffix, as faces.tfrecord-00000-of-00010
        return inspect_tfrecord(place, most)
    if is_database(place):
        return inspect_lmdb(place, most)
    if holds_tables(place):
        return inspect_parquet(place, most)
    look = _FILES.get(place.suffix.lower())
    if look is None:
        known = ", ".join((*_FILES, ".tfrecord", ".lmdb", ".parquet"))
        raise DataError(f"{path} is of no kind that is known here: {known} or a folder of faces")
    return look(place, most)


def show(inspection: Inspection, path: Path, most: int = 100) -> None:
    """Writes a contact sheet of up to `most` images spread over the set.

    Raises:
        DataError: There are no images, as in a network.
    """
    source = inspection.images
    if source is None:
        raise DataError(f"{inspection.path} is a {inspection.kind} and holds no images to show")
    chosen: list[int] = spread(len(source), most).tolist()
    captions = inspection.captions or [str(index) for index in range(len(source))]
    images: list[np.ndarray | None] = []
    for index in chosen:
        try:
            images.append(source.image(index))
        except BrokenImageError:
            images.append(None)
    write_contact_sheet(path, images, [captions[index] for index in chosen])


def _inspect_directory(folder: Path, most: int) -> Inspection:
    if packs := packs_in(folder):
        return inspect_pack(find_pack(folder) or packs[0], most)
    if holds_shards(folder):
        return inspect_shards(folder, most)
    if databases_in(folder):
        return inspect_lmdb(folder, most)
    if holds_tables(folder):
        return inspect_parquet(folder, most)
    if shards_in(folder):
        return inspect_tfrecord(folder, most)
    for pairs in files_of(folder, *ANY):
        return inspect_pairs(pairs, most)
    parted = folder / "train"  # as `mfn prepare` writes folders
    people = parted if parted.is_dir() and any(folder.glob("train/*/")) else folder
    try:
        return inspect_folder(people, most)
    except DataError:
        if any("/" in name for name in find_images(people, PassedOver()) or ("/",)):
            raise  # it is no flat folder of images either
        return inspect_images(folder, most)
