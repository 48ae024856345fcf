"""An embedder and a verification set to a verdict."""

import numpy as np

from mfn.data.verification import VerificationSet, verification_loader
from mfn.evaluation.verify import Verdict, pair_scores, verdict
from mfn.inference.embedder import FaceEmbedder


def judge(
    embedder: FaceEmbedder,
    pairs: VerificationSet,
    batch_size: int = 32,
    num_workers: int = 0,
    flip: bool = False,
) -> Verdict:
    """Embeds every image once and scores the pairs.

    Args:
        embedder: The network with its contract.
        pairs: The verification set.
        batch_size: Images at a time.
        num_workers: Processes that decode.
        flip: Add the mirrored image's embedding.

    Raises:
        DataError: An image of a strict set cannot be decoded.
    """
    size = (embedder.contract.height, embedder.contract.width)
    loader = verification_loader(pairs, size, batch_size, num_workers)
    batches = [(batch.indices.numpy(), embedder(batch.images, flip)) for batch in loader if len(batch.indices)]
    positions, embeddings = (np.concatenate(part) for part in zip(*batches, strict=True))
    return verdict(pairs.name, *pair_scores(pairs, positions, embeddings), pairs.folds)
