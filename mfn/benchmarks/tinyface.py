"""TinyFace: faces of about 20x16 pixels, searched for among 157,871 of which most are of strangers.

`Testing_Set` holds `Probe`, `Gallery_Match` and `Gallery_Distractor`, and says in `probe_img_ID_pairs.mat` and
`gallery_match_img_ID_pairs.mat` who is on which image; file names say it too (`PERSON_NUMBER.jpg`). From Cheng, Zhu,
Gong, "Low-Resolution Face Recognition", ACCV 2018.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mfn.benchmarks.found_images import found_images, listed
from mfn.benchmarks.gallery import IdentificationSet
from mfn.benchmarks.mat_lists import read_mat_list
from mfn.benchmarks.places import files_of, own_folder
from mfn.benchmarks.root import checked_options, given_images, given_root
from mfn.errors import DataError
from mfn.files.lines import whole_number
from mfn.images.files import ImageFiles
from mfn.images.folder import find_images
from mfn.images.passed_over import PassedOver

logger = logging.getLogger(__name__)

PROBES, MATCHES, DISTRACTORS = "Probe", "Gallery_Match", "Gallery_Distractor"
RANKS = (1, 5, 10, 20, 50)
_LISTS = {
    PROBES: ("probe_img_ID_pairs.mat", "probe_set", "probe_ids"),
    MATCHES: ("gallery_match_img_ID_pairs.mat", "gallery_set", "gallery_ids"),
}


def read_tinyface(
    root: str | Path | None, allow_missing: bool = False, images: str | None = None, name: str = "tinyface"
) -> IdentificationSet:
    """Reads the test protocol: each probe is searched for among the matches and the distractors; ranks count images.

    All probes have matches, so that there is no rate of strangers who are found (FPIR). Distractors are of nobody,
    whatever their file is called.

    Args:
        root: `Testing_Set`, or a folder above it.
        allow_missing: Leave out images that are not there, instead of raising.
        images: The three folders in another form, as aligned copies; names are those of the lists.
        name: Of the set.

    Raises:
        DataError: Lists, folders or images are missing, or a list says two things of an image.
    """
    checked_options(name, allow_missing, None)
    place = given_root(root, "the folder of TinyFace, with Testing_Set")
    base = _base(place, name)
    home = given_images(images, name) or base
    if home is None:
        raise DataError(
            f"{place} holds no TinyFace: it should have the folder Testing_Set, with {PROBES} and {MATCHES}"
        )
    notes: list[str] = []
    shown = {part: _persons(base or home, own_folder(home, part), part, notes) for part in _LISTS}
    parts = {
        part: found_images([own_folder(home, part)], list(people), f"of {part}", allow_missing)
        for part, people in shown.items()
    }
    notes += [f"{len(found.missing):,} images of {part} are missing: left out" for part, found in parts.items()
              if found.missing]  # fmt: skip
    strangers = _images(own_folder(home, DISTRACTORS))
    if not strangers and not allow_missing:
        raise DataError(
            f"{home} lacks the images of {DISTRACTORS}: the published figures are with them; "
            "benchmark.allow_missing=true judges without"
        )
    if not strangers:
        notes.append(f"judged without {DISTRACTORS}: the published figures are with it")
    probes, matches = ([shown[part][image] for image in parts[part].paths] for part in _LISTS)
    if alone := int(np.count_nonzero(~np.isin(probes, matches))):
        notes.append(f"{alone:,} of {len(probes):,} probes show nobody of {MATCHES}: unknown")
    for note in notes:
        logger.warning("%s: %s", name, note)
    gallery = [*parts[MATCHES].paths.values(), *strangers]
    return IdentificationSet(
        name,
        ImageFiles(name, [*parts[PROBES].paths.values(), *gallery]),
        len(probes) + np.arange(len(gallery)),
        np.arange(len(probes)),
        np.array([*probes, *matches, *(-1 - np.arange(len(strangers)))], np.int64),
        tuple(notes),
        strict=not allow_missing,
        ranks=RANKS,
        by_image=True,
    )


def _base(place: Path, name: str) -> Path | None:
    homes = (place, own_folder(place, name))
    folders = (*homes, *(own_folder(home, "Testing_Set") for home in homes))
    return next((folder for folder in folders if own_folder(folder, PROBES).is_dir()), None)


def _persons(lists: Path, folder: Path, part: str, notes: list[str]) -> dict[str, int]:
    """The person on each image of a part, from its list, otherwise from the names of its files."""
    file, images, people = _LISTS[part]
    path = next(files_of(lists, file), None) or next(files_of(lists.parent, file), None)
    rows = _named(folder) if path is None else read_mat_list(path, images, people)
    shown: dict[str, int] = {}
    for image, person in rows:
        if person < 0:
            raise DataError(f"{path or folder} gives {image} to person {person}; persons are numbers from 0 on")
        if shown.setdefault(image, person) != person:
            raise DataError(f"{path or folder} gives {image} to two persons, {shown[image]} and {person}")
    if len(shown) < len(rows):
        notes.append(f"{len(rows) - len(shown):,} images of {part} are listed twice: each counts once")
    return shown


def _named(folder: Path) -> list[tuple[str, int]]:
    names = [image.relative_to(folder).as_posix() for image in _images(folder)]
    persons = [whole_number(Path(name).name.partition("_")[0]) for name in names]
    if not names:
        raise DataError(f"{folder} holds no images, and there is no list of them")
    if untold := [name for name, person in zip(names, persons, strict=True) if person is None]:
        raise DataError(
            f"{folder} has no list, and {listed(untold)} tell no person: files are called PERSON_NUMBER.jpg"
        )
    return [(name, person) for name, person in zip(names, persons, strict=True) if person is not None]


def _images(folder: Path) -> Sequence[Path]:
    return [folder / image for image in find_images(folder, PassedOver())] if folder.is_dir() else []
