"""What a process beside the first one does for a benchmark: it embeds its part of the images, and judges nothing."""

from typing import TypedDict

from mfn.benchmarks.gallery import IdentificationSet
from mfn.benchmarks.ijb import IjbSet
from mfn.benchmarks.preconditions import Benchmark
from mfn.benchmarks.verification import VerificationSet
from mfn.evaluation.embedding import embed_images
from mfn.evaluation.embedding_cache import EmbeddingCache
from mfn.evaluation.ijb import AlignedFaces
from mfn.inference.embedder import FaceEmbedder
from mfn.ranks import Ranks


class Embedding(TypedDict):
    """How images are embedded, see :func:`mfn.evaluation.embedding.embed_images`."""

    flip: str
    batch_size: int
    num_workers: int
    share: Ranks


def embed_part(
    benchmark: Benchmark, embedder: FaceEmbedder, cache: EmbeddingCache | None, embedding: Embedding
) -> None:
    """Embeds this process's part of a benchmark, as the first process asks of it.

    Args:
        benchmark: Of any kind.
        embedder: The network with its contract.
        cache: Where the first process keeps embeddings, None where it does not.
        embedding: As in the first process.

    Raises:
        MfnError: As in the first process.
    """
    embed = cache.embed if cache else embed_images
    match benchmark:
        case VerificationSet() | IdentificationSet():
            embed(embedder, benchmark.source, strict=benchmark.strict, **embedding)
        case IjbSet():
            faces = AlignedFaces(benchmark.source, benchmark.landmarks, embedder.contract)
            embed(embedder, faces, **embedding)
