"""Faces in folders: one folder per identity."""

import logging
from pathlib import Path

import numpy as np

from mfn.data.image_files import IMAGE_SUFFIXES, ImageFiles
from mfn.data.roots import existing_root
from mfn.errors import DataError

logger = logging.getLogger(__name__)


class FolderDataset(ImageFiles):
    """One folder per identity; raw labels follow the sorted folder names.

    Args:
        root: folder that holds the identity folders. Other files, and folders without images, are passed
            over.

    Raises:
        DataError: the folder is missing or empty, or no folder in it holds images.
    """

    def __init__(self, root: str | Path) -> None:
        folder = existing_root(root)
        paths, labels, names = [], [], []
        for identity in sorted(entry for entry in folder.iterdir() if entry.is_dir()):
            found = _images_in(identity)
            if not found:
                logger.warning("%s holds no images; passed over", identity)
                continue
            labels += [len(names)] * len(found)
            names.append(identity.name)
            paths += found
        if not paths:
            raise DataError(_nothing_found(folder))
        super().__init__(folder.name, paths)
        self.labels = np.array(labels, np.int64)
        self.label_names: dict[int, str] | None = dict(enumerate(names))


def _images_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)


def _nothing_found(folder: Path) -> str:
    wanted = "data.root must hold one folder of pictures per person, like NAME/picture.jpg"
    if flat := _images_in(folder):
        return f"{folder} holds {len(flat)} images but no folders of identities: {wanted}"
    if (folder / "train.rec").is_file():
        return f"{folder} holds a RecordIO pack: use data=ms1m, or {wanted}"
    return f"{folder} holds no image in any folder ({', '.join(IMAGE_SUFFIXES)}): {wanted}"
