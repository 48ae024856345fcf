"""Embeddings kept on disk, so that a long run that was stopped goes on where it was."""

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mfn.errors import BrokenImageError, DataError
from mfn.evaluation.embedding import ImageEmbeddings, embed_together
from mfn.evaluation.shared_work import send
from mfn.files.atomic import replacing
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.network import TorchNetwork
from mfn.progress import counting
from mfn.ranks import Ranks, from_all
from mfn.sources.content import digests
from mfn.sources.source import ImageSource

log = logging.getLogger(__name__)

_PIXELS = "3: known crops are cut, other sizes refused or resized"
"""How an image comes to the contract's size. Change this with it: older shards then count for nothing."""


@dataclass(frozen=True, slots=True)
class EmbeddingCache:
    """A folder of embeddings in shards, a subfolder for each network, contract and set of views.

    A shard is `DIGEST.npy`, named by the contents of its images in their order (encoded bytes, landmarks, whatever the
    pixels are made from; not their names): float32 (n, V, D), with V views (plain, mirrored). Rows of images that could
    not be embedded are NaN. Shards are written under a temporary name and renamed; one that cannot be read whole is
    made again.

    So the bytes of every image are read and hashed before its shard is taken for its own. On a run that goes on this
    costs the reading of what is done, without decoding; on a first run it costs the hashing alone, since a shard's
    files are then in memory when they are decoded. Times and sizes of files would cost less, and would be wrong for
    files replaced by others of their size and time, as archives unpack them.

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
        flip: str = "none",
        batch_size: int = 32,
        num_workers: int = 0,
        strict: bool = True,
        share: Ranks = Ranks(),  # noqa: B008 - a tuple
    ) -> ImageEmbeddings:
        """The same as `embed_images`, of which only what the folder lacks is done.

        All embeddings are held in memory: 4 D bytes for each view of an image.

        Args:
            embedder: The network with its contract.
            source: Faces.
            flip: ``none``, or a way that needs the mirrored images too.
            batch_size: Images at a time.
            num_workers: Processes that decode.
            strict: Whether an image that cannot be embedded is an error; otherwise it is left out.
            share: Which process this is, among those that all call this; the first reads and writes the folder.

        Raises:
            BrokenImageError: An image of a strict source cannot be decoded.
            DataError: The network gives NaN or infinity for an image of a strict source; or no image can be embedded.
        """
        views = 1 if flip == "none" else 2
        folder = self.folder / fingerprint(embedder, views)
        rows = np.empty((len(source), views, embedder.contract.embedding_dim), np.float32)
        kept = 0
        with counting(len(source), "images", source.name) as count:
            for start in range(0, len(source), self.shard_size):
                shard = rows[start : start + self.shard_size]
                positions = np.arange(start, start + len(shard))
                file = folder / f"{_digest(source, positions)}.npy" if share.rank == 0 else None
                if _kept(file, shard, share):
                    kept += len(shard)
                    count(len(shard), fresh=False)
                    continue
                options = {"flip": flip, "batch_size": batch_size, "num_workers": num_workers, "strict": strict}
                _fill(shard, embed_together(embedder, source, positions, share, count=count, **options), start)
                if file is not None:
                    with replacing(file) as temporary:
                        np.save(temporary, shard, allow_pickle=False)
        if kept:
            log.info("%s: %d of %d images were embedded before, in %s", source.name, kept, len(source), folder)
        broken = np.isnan(rows).any(axis=(1, 2))
        if strict and broken.any():
            raise BrokenImageError(f"{source.describe(int(np.argmax(broken)))}: there is no finite embedding of it")
        if broken.all():
            raise DataError(f"{source.name} holds no image that can be read and embedded")
        whole = np.flatnonzero(~broken)
        taken = rows if len(whole) == len(rows) else rows[whole]
        return ImageEmbeddings(whole, taken[:, 0], taken[:, 1] if views == 2 else None)


def fingerprint(embedder: FaceEmbedder, views: int) -> str:
    """Sixteen digits that change with the network, its contract (but for thresholds) and the views."""
    contract = {name: value for name, value in embedder.contract.to_dict().items() if not name.startswith("threshold")}
    network = embedder.network
    layers = repr(network.module) if isinstance(network, TorchNetwork) else ""  # the weights do not say what uses them
    about = [network.fingerprint, type(network).__name__, layers, contract, views, _PIXELS]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


def _digest(source: ImageSource, positions: NDArray[np.int64]) -> str:
    return hashlib.blake2b(b"".join(digests(source, positions.tolist())), digest_size=16).hexdigest()


def _kept(file: Path | None, shard: NDArray[np.float32], share: Ranks) -> bool:
    """Fills a shard, in all processes, from the file that the first one has; false where there is none."""
    found = file is not None and _read(file, shard)
    if share.size > 1 and (found := from_all(found)[0]):
        send(shard, 0)
    return found


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


def _fill(shard: NDArray[np.float32], embedded: ImageEmbeddings, start: int) -> None:
    shard[:] = np.nan
    shard[embedded.positions - start, 0] = embedded.plain
    if embedded.mirrored is not None:
        shard[embedded.positions - start, 1] = embedded.mirrored
