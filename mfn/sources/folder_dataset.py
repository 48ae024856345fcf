"""Faces in folders: one folder per identity."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mfn.errors import ConfigError, DataError
from mfn.images.copies import read_copies
from mfn.images.files import IMAGE_SUFFIXES, ImageFiles
from mfn.images.folder import find_images
from mfn.images.passed_over import PassedOver
from mfn.sources.roots import existing_root
from mfn.text import printable

logger = logging.getLogger(__name__)

_PARTS = {
    *("train", "training", "trainval", "val", "valid", "validation", "dev", "test", "testing", "eval"),
    "held_out",
}
"""Folders into which a data set is divided."""


class FolderDataset(ImageFiles):
    """One folder per identity; raw labels follow the sorted folder names.

    Attributes:
        names: Path of each image relative to `root`, with forward slashes.
        copies: Which images come again as a variant, after the others; None where nobody asked for them.
        passed_over: What in the folder is no image of a person.

    Args:
        root: Folder that holds the identity folders; what counts as an image is said by `find_images`. Images in
            deeper folders are their identity's too.
        virtual_copies: Also give the copies listed in `variants.tsv`, to train on; nothing is judged on those.
        person_level: Which folder below `root` names the identity: 2 for GROUP/PERSON/picture.jpg.

    Raises:
        ConfigError: A value out of range.
        DataError: The folder is missing or empty, no folder in it holds images, or it is divided into train, val ...
    """

    def __init__(self, root: str | Path, virtual_copies: bool = False, person_level: int = 1) -> None:
        if person_level < 1:
            raise ConfigError(f"data.person_level={person_level} must be at least 1: the folder right below root")
        folder = existing_root(root)
        self.passed_over = PassedOver()
        try:
            found = find_images(folder, self.passed_over)
        except OSError as error:
            raise DataError(
                f"{root} cannot be opened ({error.strerror}): give the folder that holds the data"
            ) from None
        people: dict[str, int] = {}
        labels, names = [], []
        for name in found:
            parts = name.split("/", person_level)
            if len(parts) <= person_level:
                self.passed_over.add(name, "images in no person's folder")
                continue
            person = "/".join(parts[:-1])
            labels.append(people.setdefault(person, len(people)))
            names.append(name)
        if not names:
            raise DataError(_nothing_found(folder, found))
        _warn_of_deeper(folder, names, person_level)
        self.labels = np.array(labels, np.int64)
        self.label_names: dict[int, str] | None = dict(enumerate(people))
        self.copies = read_copies(folder, np.array(names)) if virtual_copies else None
        if self.copies is not None:
            origins = self.copies.origins
            self.labels = self.labels[origins]
            names = [names[origin] for origin in origins]
        self.names = names
        if sentence := self.passed_over.sentence():
            logger.info("%s: passed over %s", printable(str(root)), sentence)
        super().__init__(folder.name, names, folder)


def _warn_of_deeper(folder: Path, names: Sequence[str], level: int) -> None:
    """Tells of images in deeper folders, where another folder might be the person's.

    Raises:
        DataError: The folder is divided into train, val ...
    """
    deeper = [name for name in names if name.count("/") > level]
    if not deeper:
        return
    flat = {name.split("/", 1)[0] for name in names if name.count("/") == 1}
    tops = {name.split("/", 1)[0] for name in names}
    example = deeper[0].split("/")
    if level == 1 and not flat and all(top.casefold() in _PARTS for top in tops):
        parts = sorted(tops, key=lambda top: (top.casefold() not in ("train", "training"), top))
        raise DataError(
            f"{folder} is divided into {' and '.join(parts)}, which are no people: did you mean {folder / parts[0]}?"
        )
    logger.warning(
        "%s: %d of %d images lie in deeper folders, such as %s, which counts as %s; if %s is the person, set "
        "data.person_level=%d (source.person_level=%d to prepare them)%s",
        *(printable(str(folder)), len(deeper), len(names), printable(deeper[0]), printable("/".join(example[:level]))),
        *(printable(example[level]), level + 1, level + 1),
        f", or give the folder {printable(str(folder / example[0]))}" if len(tops) == 1 else "",
    )


def _nothing_found(folder: Path, images: Sequence[str]) -> str:
    wanted = "give a folder with one folder of pictures per person, like NAME/picture.jpg"
    if images:
        return f"{folder} holds {len(images)} images but no folders of identities: {wanted}"
    names = sorted(path.name for path in folder.iterdir())
    if pack := next((name for name in names if name.lower().endswith(".rec")), None):
        return f"{folder} holds a RecordIO pack ({pack}): use data=ms1m (source=pack to prepare it), or {wanted}"
    if any(name.lower().endswith(".tar") for name in names):
        return f"{folder} holds tar shards: use data=webdataset (source=webdataset to prepare them), or {wanted}"
    if any(".tfrecord" in name for name in names):
        return f"{folder} holds TFRecord files: use data=tfrecord (source=tfrecord to prepare them), or {wanted}"
    return f"{folder} holds no image in any folder ({', '.join(IMAGE_SUFFIXES)}): {wanted}"
