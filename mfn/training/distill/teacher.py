"""The network that teaches: run beside the one that learns, or once before and read from a file."""

import hashlib
import json
import logging
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from mfn.data.datamodule import FaceDataModule
from mfn.data.flip import HorizontalFlip
from mfn.data.transfer import pinned, sent
from mfn.errors import ConfigError, MfnError
from mfn.files.atomic import replacing
from mfn.inference.embedder import FaceEmbedder
from mfn.progress import counting

log = logging.getLogger(__name__)


class SeenBatch(Protocol):
    """What a teacher needs of a batch: uint8 RGB (N, H, W, 3), int64 (N,), bool (N,)."""

    images: Tensor
    indices: Tensor
    mirrored: Tensor


class Teacher:
    """An embedder of any kind that looks at the very images the student sees.

    It is no module: no checkpoint, optimiser, average or other process knows it.

    Args:
        embedder: The network with its own contract, which may differ in colours and range.
        name: For messages.

    Attributes:
        dim: Length of its embeddings.
    """

    def __init__(self, embedder: FaceEmbedder, name: str) -> None:
        self.embedder = embedder
        self.name = name
        self.dim = embedder.contract.embedding_dim
        self._is_finite: Tensor | None = None

    def check_size(self, image_size: tuple[int, int]) -> None:
        """Raises ``ConfigError`` unless it takes images of this height and width."""
        wanted = (self.embedder.contract.height, self.embedder.contract.width)
        if wanted != tuple(image_size):
            raise ConfigError(
                f"teacher={self.name} wants images of {wanted[0]}x{wanted[1]}, the network learns on "
                f"{image_size[0]}x{image_size[1]}: set image_size=[{wanted[0]},{wanted[1]}], or teacher_cache=FOLDER, "
                "for which the teacher sees them at its own size"
            )

    def to(self, device: torch.device) -> None:
        """Moves it beside the student, where it is PyTorch's."""
        self.embedder.to(device)

    def __call__(self, batch: SeenBatch) -> Tensor:
        """Embeddings of a batch, float32 (N, D), without gradient.

        Raises:
            MfnError: They are not finite; on a device nobody waits to know, and `check` tells.
        """
        with torch.no_grad():
            embeddings = self.embedder.raw(batch.images).float()
        if embeddings.device.type == "cpu":
            return _finite(embeddings, self.name)
        so_far = torch.isfinite(embeddings).all()
        self._is_finite = so_far if self._is_finite is None else self._is_finite & so_far
        return embeddings

    def check(self) -> None:
        """Raises ``MfnError`` where embeddings of this run were not finite; waits for the device."""
        if self._is_finite is not None:
            _finite(torch.where(self._is_finite, 0.0, torch.nan), self.name)


class CachedTeacher(Teacher):
    """A teacher that was asked once, for each image and its mirror image.

    Args:
        embedder: See ``Teacher``.
        name: Likewise.
        folder: Where its answers are kept, as ``TEACHER_DATA.npy``, float32 (images, 2, D).
    """

    def __init__(self, embedder: FaceEmbedder, name: str, folder: Path) -> None:
        super().__init__(embedder, name)
        self.folder = folder
        self._rows = np.zeros(0, np.int64)
        self._answers = np.zeros((0, 2, 0), np.float32)

    def check_size(self, image_size: tuple[int, int]) -> None:
        """It sees images at its own size."""

    def prepare(self, data: FaceDataModule) -> None:
        """Asks the teacher, unless its answers for this data are there.

        Args:
            data: Set up.

        Raises:
            ConfigError: The augmentation changes more than mirroring does, which no file can foresee.
            MfnError: An answer is not finite.
        """
        steps = data.augment.transforms if data.augment else []
        if any(not isinstance(step, HorizontalFlip) for step in steps):
            raise ConfigError(
                "teacher_cache holds the teacher's answers for an image and its mirror image alone: set augment=flip "
                "or augment=none, or teacher_cache=null, for which the teacher sees each augmented image"
            )
        contract = self.embedder.contract
        key = json.dumps([data.fingerprint, contract.to_dict(), data.fit.rule], sort_keys=True)
        of_data = hashlib.sha256(key.encode()).hexdigest()[:12]
        path = self.folder / f"{self.embedder.network.fingerprint}_{of_data}.npy"
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            if not path.is_file():
                self._ask(data, path)
        self._answers = np.load(path, mmap_mode="r")
        self._rows = _rows(data)

    def _ask(self, data: FaceDataModule, path: Path) -> None:
        rows = _rows(data)
        contract = self.embedder.contract
        shape = (len(data.train_positions), 2, self.dim)
        with replacing(path) as temporary, counting(shape[0], "images", f"teacher {self.name}") as count:
            answers = np.lib.format.open_memmap(temporary, "w+", np.float32, shape)
            answers[:] = np.nan  # of images that cannot be read
            for batch in data.images_as_they_are((contract.height, contract.width)):
                for mirrored, images in enumerate((batch.images, batch.images.flip(2))):
                    found = _finite(self.embedder.raw(images).float().cpu(), self.name)
                    answers[rows[batch.indices.numpy()], mirrored] = found.numpy()
                count(len(batch.indices))
            answers.flush()
            del answers
        log.info("the teacher's answers are kept in %s", path)

    def __call__(self, batch: SeenBatch) -> Tensor:
        """Its answers for a batch, float32 (N, D)."""
        answers = self._answers[self._rows[batch.indices.cpu().numpy()], batch.mirrored.cpu().numpy().astype(np.int64)]
        return sent(_finite(pinned(answers), self.name), batch.images.device)


def _rows(data: FaceDataModule) -> np.ndarray:
    """The row of each position of the source among the images that train, -1 for others."""
    rows = np.full(len(data.source), -1)
    rows[data.train_positions] = np.arange(len(data.train_positions))
    return rows


def _finite(embeddings: Tensor, name: str) -> Tensor:
    if not bool(torch.isfinite(embeddings).all()):
        raise MfnError(
            f"teacher={name} gives embeddings that are not finite: judge it with mfn evaluate, or take another"
        )
    return embeddings


def open_teacher(
    name: str, cache: str | None, image_size: tuple[int, int], stated: dict[str, Any] | None = None
) -> Teacher:
    """A teacher by its file or the name it was fetched under.

    Raises:
        CheckpointError: It cannot be read.
        ConfigError: It takes images of another size.
    """
    embedder = FaceEmbedder.load(name, stated)
    teacher = Teacher(embedder, name) if cache is None else CachedTeacher(embedder, name, Path(cache))
    teacher.check_size(image_size)
    return teacher
