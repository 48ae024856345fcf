"""Faces in folders: one folder per identity."""

import logging
from pathlib import Path

import numpy as np

from mfn.data.copies import read_copies
from mfn.data.image_files import IMAGE_SUFFIXES, ImageFiles
from mfn.data.roots import existing_root
from mfn.errors import DataError
from mfn.ownership import is_prepared

logger = logging.getLogger(__name__)


class FolderDataset(ImageFiles):
    """One folder per identity; raw labels follow the sorted folder names.

    Attributes:
        names: path of each image relative to `root`, with forward slashes.
        copies: which images come again as a variant, after the others; None where nobody asked for them.
        passed_over: path relative to `root`, and reason, of what is there and was not taken for images.

    Args:
        root: folder that holds the identity folders. Other files, and folders without images, are passed
            over.
        virtual_copies: also give the copies listed in `variants.tsv`, to train on; nothing is judged on those.

    Raises:
        DataError: the folder is missing or empty, or no folder in it holds images.
    """

    def __init__(self, root: str | Path, virtual_copies: bool = False) -> None:
        folder = existing_root(root)
        paths, labels, names = [], [], []
        self.passed_over = list[tuple[str, str]]()
        for identity in sorted(entry for entry in folder.iterdir() if entry.is_dir()):
            if is_prepared(identity):
                self.passed_over.append((identity.name, "made by mfn prepare"))
                continue
            found = _images_in(identity)
            if not found:
                logger.warning("%s holds no images; passed over", identity)
                continue
            labels += [len(names)] * len(found)
            names.append(identity.name)
            paths += found
        if not paths:
            raise DataError(_nothing_found(folder))
        self.labels = np.array(labels, np.int64)
        self.label_names: dict[int, str] | None = dict(enumerate(names))
        self.names = [path.relative_to(folder).as_posix() for path in paths]
        self.copies = read_copies(folder, np.array(self.names)) if virtual_copies else None
        if self.copies is not None:
            origins = self.copies.origins
            self.labels = self.labels[origins]
            self.names = [self.names[origin] for origin in origins]
            paths = [paths[origin] for origin in origins]
        super().__init__(folder.name, paths)


def _images_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)


def _nothing_found(folder: Path) -> str:
    wanted = "give a folder with one folder of pictures per person, like NAME/picture.jpg"
    if flat := _images_in(folder):
        return f"{folder} holds {len(flat)} images but no folders of identities: {wanted}"
    if (folder / "train.rec").is_file():
        return f"{folder} holds a RecordIO pack: use data=ms1m, or {wanted}"
    return f"{folder} holds no image in any folder ({', '.join(IMAGE_SUFFIXES)}): {wanted}"
