"""MegaFace's first challenge: one photo of a celebrity (FaceScrub) among up to a million strangers.

`facescrub_features_list.json` holds the probes, `{"path": [...], "id": [...]}`, `megaface_features_list.json_1000000_1`
and its like so many strangers, `{"path": [...]}`; InsightFace's test pack has plain lists (`facescrub_lst`,
`megaface_lst`) and the noise found in both (`facescrub_noises.txt`, `megaface_noises.txt`). From
Kemelmacher-Shlizerman et al., "The MegaFace Benchmark", CVPR 2016, and Deng et al., "ArcFace", CVPR 2019.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from mfn.benchmarks.face_lists import FaceList, read_face_list, read_noises
from mfn.benchmarks.found_images import FoundImages, found_images
from mfn.benchmarks.gallery import IdentificationSet
from mfn.benchmarks.paired_files import numbered
from mfn.benchmarks.places import files_of, own_folder
from mfn.benchmarks.root import checked_options, given_root
from mfn.errors import ConfigError, DataError
from mfn.images.files import ImageFiles

logger = logging.getLogger(__name__)

_PROBE_LISTS = ("facescrub_features_list.json", "facescrub_uncropped_features_list.json", "facescrub_lst")
_STRANGER_LISTS = ("megaface_features_list.json", "megaface_lst")
_SIZED = "megaface_features_list.json_"
_IMAGES = {
    "facescrub": ("facescrub_images", "facescrub", "FaceScrub_aligned", "facescrub_aligned"),
    "megaface": ("megaface_images", "megaface", "MegaFace_aligned", "megaface_aligned", "FlickrFinal2"),
}
_BELOW = ("", "templatelists", "devkit/templatelists", "data", "devkit")


def read_megaface(
    root: str | Path | None,
    allow_missing: bool = False,
    noisy: Literal["leave_out", "keep"] = "leave_out",
    name: str = "megaface",
) -> IdentificationSet:
    """Reads lists of probes and strangers in the form of MegaFace; rank 1 among 10 to 1,000,000 strangers.

    Each list of strangers is a gallery of its own. Where there is one alone its first 10, 100, ... are galleries too,
    counted before noise is taken out.

    Args:
        root: The folder of the lists, or one above; images lie in `facescrub_images` and `megaface_images` or the like.
        allow_missing: Leave out images that are not there, instead of raising.
        noisy: What becomes of the images that the lists of noise name. InsightFace's script keeps a noisy probe as the
            mean of its person and puts a noisy stranger where nobody is near; here both are left out.
        name: Of the set.

    Raises:
        ConfigError: There is no such `noisy`.
        DataError: A list or images are missing, or a list is not as it should be.
    """
    checked_options(name, allow_missing, None)
    if noisy not in ("leave_out", "keep"):
        raise ConfigError(f"benchmark.{name}.noisy={noisy} must be leave_out or keep")
    place = given_root(root, "the folder of MegaFace, with the lists of its devkit")
    folders = [home / below for home in dict.fromkeys((place, own_folder(place, name))) for below in _BELOW]
    notes: list[str] = []
    probes = read_face_list(_first(folders, _PROBE_LISTS, place), notes, people=True)
    galleries = {size: read_face_list(path, notes) for size, path in _sized(folders, place).items()}
    if len(galleries) == 1:
        galleries = _first_of(*galleries.popitem())
    if noisy == "leave_out":
        probes = probes.without(read_noises(_noises(folders, "facescrub", notes), 1), 1, notes)
        noise = read_noises(_noises(folders, "megaface", notes), 3)
        galleries = {size: strangers.without(noise, 3, notes) for size, strangers in galleries.items()}
    galleries = _without_probes(probes, galleries, notes)
    every = list(dict.fromkeys(image for strangers in galleries.values() for image in strangers.images))
    seen = _found(folders, "facescrub", list(probes.images), allow_missing, notes)
    others = _found(folders, "megaface", every, allow_missing, notes)
    people = numbered([probes.images[image] for image in seen.paths])
    if alone := int(np.count_nonzero(np.bincount(people)[people] == 1)):
        notes.append(f"{alone:,} of {len(people):,} probes are the only image of their person: nothing to search for")
    for note in notes:
        logger.warning("%s: %s", name, note)
    at = {image: len(seen.paths) + number for number, image in enumerate(others.paths)}
    return IdentificationSet(
        name,
        ImageFiles(name, [*seen.paths.values(), *others.paths.values()]),
        len(seen.paths) + np.arange(len(others.paths)),
        np.arange(len(seen.paths)),
        np.concatenate([people, -1 - np.arange(len(others.paths))]),
        tuple(dict.fromkeys(notes)),
        strangers={
            size: np.array([at[image] for image in strangers.images if image in at], np.int64)
            for size, strangers in galleries.items()
        },
    )


def _first(folders: Iterable[Path], names: Iterable[str], place: Path) -> Path:
    found = next((file for name in names for folder in folders for file in files_of(folder, name)), None)
    if found is None:
        raise DataError(f"{place} holds none of {', '.join(names)}: give the folder of MegaFace's lists")
    return found


def _sized(folders: list[Path], place: Path) -> dict[str, Path]:
    """The lists of strangers by how many they are to hold, the smallest first."""
    found: dict[tuple[int, int], Path] = {}
    for folder in folders:
        for file in sorted(folder.glob(f"{_SIZED}*")):
            size, _, turn = file.name.removeprefix(_SIZED).partition("_")
            if size.isascii() and size.isdigit() and (turn.isdigit() or not turn):
                found.setdefault((int(turn or 1), int(size)), file)
    if not found:
        return {"": _first(folders, _STRANGER_LISTS, place)}
    return {f"{size:,}" + (f" (set {turn})" if turn > 1 else ""): found[turn, size] for turn, size in sorted(found)}


def _first_of(name: str, strangers: FaceList) -> dict[str, FaceList]:
    """The first 10, 100 ... of a list, and all."""
    images = list(strangers.images)
    sizes = [10**power for power in range(1, 10) if 10**power < len(images)]
    parts = {f"{size:,}": strangers.only(images[:size]) for size in sizes}
    return parts | {name or f"{len(images):,}": strangers}


def _noises(folders: Iterable[Path], what: str, notes: list[str]) -> Path | None:
    file = next((file for folder in folders for file in files_of(folder, f"{what}_noises.txt")), None)
    if file is None:
        notes.append(f"there is no {what}_noises.txt: figures of the field are without the noise that it names")
    return file


def _without_probes(probes: FaceList, galleries: Mapping[str, FaceList], notes: list[str]) -> dict[str, FaceList]:
    """The strangers, without those that a list gives to a person of the probes."""
    people = set(probes.images.values())
    mine = {image for strangers in galleries.values() for image, person in strangers.images.items() if person in people}
    if mine:
        notes.append(f"{len(mine):,} strangers have the id of a probe's person: left out")
    kept = {size: strangers.only([image for image in strangers.images if image not in mine])
            for size, strangers in galleries.items()}  # fmt: skip
    if empty := next((size for size, strangers in kept.items() if not strangers.images), None):
        raise DataError(f"the gallery of {empty} strangers is empty once noise and probes are taken out")
    return kept


def _found(folders: list[Path], what: str, images: list[str], allow_missing: bool, notes: list[str]) -> FoundImages:
    roots = list(_roots(folders, what))
    found = found_images(roots, images, f"of {what}", allow_missing)
    if not found.paths:
        raise DataError(f"{', '.join(map(str, roots))} hold none of the {len(images):,} images of {what}")
    if found.missing:
        notes.append(f"{len(found.missing):,} of {len(images):,} images of {what} are missing: left out")
    return found


def _roots(folders: Iterable[Path], what: str) -> Iterator[Path]:
    there = list(dict.fromkeys(folder.resolve() for folder in folders if folder.is_dir()))
    inner = (own_folder(folder, name) for folder in there for name in _IMAGES[what])
    yield from dict.fromkeys((*(folder for folder in inner if folder.is_dir()), *there))
