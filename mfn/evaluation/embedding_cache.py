"""Embeddings kept on disk, so that a long run that was stopped goes on where it was."""

import hashlib
import json
import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mfn.data.source import ImageSource
from mfn.data.subset import Subset
from mfn.errors import BrokenImageError
from mfn.evaluation.embedding import Embedded, embed_images
from mfn.files import replacing
from mfn.inference.embedder import FaceEmbedder

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EmbeddingCache:
    """A folder of embeddings in shards, a subfolder for each network, contract and source.

    A shard is `000000000.npy`, named by its first image: float32 (n, V, D), with V views (plain, mirrored). Rows of
    broken images are NaN. Shards are written under a temporary name and renamed; one that cannot be read whole is
    made again.

    Attributes:
        folder: Where it lies.
        shard_size: Images in a shard; the most that a stopped run loses.
    """

    folder: Path
    shard_size: int = 4096

    def embed(
        self,
        embedder: FaceEmbedder,
        source: ImageSource,
        *,
        source_key: str = "",
        flip: str = "none",
        batch_size: int = 32,
        num_workers: int = 0,
        strict: bool = True,
    ) -> Embedded:
        """The same as `embed_images`, of which only what the folder lacks is done.

        All embeddings are held in memory: 4 D bytes for each view of an image.

        Args:
            embedder: The network with its contract.
            source: Faces.
            source_key: Whatever else the pixels depend on than the descriptions of the images, such as landmarks.
            flip: ``none``, or a way that needs the mirrored images too.
            batch_size: Images at a time.
            num_workers: Processes that decode.
            strict: Whether a broken image is an error; otherwise it is left out.

        Raises:
            BrokenImageError: An image of a strict source cannot be decoded.
            DataError: No image of a shard can.
        """
        views = 1 if flip == "none" else 2
        folder = self.folder / fingerprint(embedder, source, source_key, views, self.shard_size)
        rows = np.empty((len(source), views, embedder.contract.embedding_dim), np.float32)
        shards = {start: rows[start : start + self.shard_size] for start in range(0, len(source), self.shard_size)}
        todo = {start: shard for start, shard in shards.items() if not _read(_file(folder, start), shard)}
        if len(todo) < len(shards):
            log.info("%s: %d of %d shards are in %s", source.name, len(shards) - len(todo), len(shards), folder)
        done, total, started = 0, sum(map(len, todo.values())), time.perf_counter()
        for start, shard in todo.items():
            part = Subset(source.name, source, np.arange(start, start + len(shard)))
            embedded = embed_images(
                embedder, part, flip=flip, batch_size=batch_size, num_workers=num_workers, strict=strict
            )
            _fill(shard, embedded)
            with replacing(_file(folder, start)) as temporary:
                np.save(temporary, shard, allow_pickle=False)
            done += len(shard)
            _tell(source.name, done, total, started)
        broken = np.isnan(rows).any(axis=(1, 2))
        if strict and broken.any():
            raise BrokenImageError(f"{source.describe(int(np.argmax(broken)))}: there is no finite embedding of it")
        whole = np.flatnonzero(~broken)
        kept = rows if len(whole) == len(rows) else rows[whole]
        return Embedded(whole, kept[:, 0], kept[:, 1] if views == 2 else None)


def fingerprint(embedder: FaceEmbedder, source: ImageSource, source_key: str, views: int, shard_size: int) -> str:
    """Sixteen digits that change with the network, its contract (but for thresholds) and the list of images."""
    contract = {name: value for name, value in embedder.contract.to_dict().items() if not name.startswith("threshold")}
    digest = hashlib.sha256()
    fit = repr(getattr(source, "fit", None))
    about = [embedder.network.fingerprint, contract, source.name, len(source), source_key, views, shard_size, fit]
    digest.update(json.dumps(about, sort_keys=True).encode())
    for index in range(len(source)):
        digest.update(source.describe(index).encode(errors="surrogateescape") + b"\n")
    return digest.hexdigest()[:16]


def _file(folder: Path, start: int) -> Path:
    return folder / f"{start:09d}.npy"


def _read(path: Path, shard: NDArray[np.float32]) -> bool:
    """Fills a shard from its file; false where there is none or it is torn."""
    try:
        stored = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        return False
    except (OSError, ValueError, EOFError) as error:
        log.warning("%s is damaged (%s) and is made again", path, error)
        return False
    if stored.shape != shard.shape or stored.dtype != shard.dtype:
        log.warning("%s holds %s %s, not %s, and is made again", path, stored.dtype, stored.shape, shard.shape)
        return False
    shard[:] = stored
    return True


def _fill(shard: NDArray[np.float32], embedded: Embedded) -> None:
    shard[:] = np.nan
    shard[embedded.positions, 0] = embedded.plain
    if embedded.mirrored is not None:
        shard[embedded.positions, 1] = embedded.mirrored


def _tell(name: str, done: int, total: int, started: float) -> None:
    rate = done / (time.perf_counter() - started)
    left = timedelta(seconds=round((total - done) / rate))
    log.info("%s: %d of %d images embedded, %.0f images/s, %s left", name, done, total, rate, left)
