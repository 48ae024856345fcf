"""An embedder and a verification set to a result."""

from mfn.benchmarks.verification import VerificationSet
from mfn.evaluation.embedding import embed_images
from mfn.evaluation.embedding_cache import EmbeddingCache
from mfn.evaluation.pair_scores import pair_scores
from mfn.evaluation.verification_result import VerificationResult, verification_result
from mfn.inference.embedder import FaceEmbedder
from mfn.metrics.insightface import pca_accuracy


def evaluate_verification(
    embedder: FaceEmbedder,
    pairs: VerificationSet,
    *,
    batch_size: int = 32,
    num_workers: int = 0,
    flip: str = "none",
    samples: int = 0,
    pca: int | None = None,
    cache: EmbeddingCache | None = None,
) -> VerificationResult:
    """Embeds every image once and judges the pairs.

    Args:
        embedder: The network with its contract.
        pairs: The verification set.
        batch_size: Images at a time.
        num_workers: Processes that decode.
        flip: What to do with the mirrored image's embedding: none | sum | concat.
        samples: Draws of the bootstrap for confidence intervals; 0 leaves them out.
        pca: Also judge after a PCA to this many components, fitted inside the folds.
        cache: Where embeddings are kept, so that a stopped run goes on; None: in memory alone.

    Raises:
        DataError: An image of a strict set cannot be decoded.
    """
    embed = cache.embed if cache else embed_images
    embedded = embed(
        embedder, pairs.source, flip=flip, batch_size=batch_size, num_workers=num_workers, strict=pairs.strict
    )
    unit = embedded.unit(flip)
    scored = pair_scores(pairs, embedded.positions, unit)
    reduced = None
    if pca is not None:
        first, second = (unit[scored.rows[:, side]] for side in (0, 1))
        reduced = pca_accuracy(first, second, scored.is_same, scored.fold_of, pca).mean
    return verification_result(pairs, scored, norm=embedded.norm, pca_accuracy=reduced, samples=samples)
