"""1:N identification on a gallery and probes."""

from dataclasses import dataclass, field

import numpy as np

from mfn.benchmarks.gallery import IdentificationSet
from mfn.evaluation.embedding import embed_images
from mfn.evaluation.embedding_cache import EmbeddingCache
from mfn.inference.embedder import FaceEmbedder
from mfn.metrics.identification import Identification, centroids, identify
from mfn.ranks import Ranks


@dataclass(frozen=True, slots=True)
class IdentificationResult:
    """How well probes find their people in a gallery.

    Attributes:
        name: The set, with the kind of gallery where it was judged with both.
        gallery: Rows searched: images, or one centroid for each person.
        people: People enrolled.
        probes: Probes searched for.
        result: Rank curve, TPIR at each FPIR and mean average precision.
        notes: What to know of the figures, a sentence each.
    """

    name: str
    gallery: int
    people: int
    probes: int
    result: Identification = field(repr=False)
    notes: tuple[str, ...] = ()

    def numbers(self) -> dict[str, float]:
        """The figures without the rank curve, flat, for logs and files."""
        figures: dict[str, float] = {"gallery": self.gallery, "people": self.people, "probes": self.probes}
        return figures | self.result.numbers()


def identify_set(
    embedder: FaceEmbedder,
    people: IdentificationSet,
    *,
    batch_size: int = 32,
    num_workers: int = 0,
    flip: str = "none",
    cache: EmbeddingCache | None = None,
    share: Ranks = Ranks(),  # noqa: B008 - a tuple
) -> list[IdentificationResult]:
    """Embeds gallery and probes once and searches.

    Args:
        embedder: The network with its contract.
        people: Gallery and probes.
        batch_size: Images at a time.
        num_workers: Processes that decode.
        flip: What to do with the mirrored image's embedding: none | sum | concat.
        cache: Where embeddings are kept, so that a stopped run goes on; None: in memory alone.
        share: Which process this is; those beside it embed their part, see :mod:`mfn.evaluation.helping`.

    Returns:
        The result by the nearest image and, where people have several gallery images, by the centroid of each.

    Raises:
        DataError: An image of a strict set cannot be decoded.
    """
    embed = cache.embed if cache else embed_images
    options = {"flip": flip, "batch_size": batch_size, "num_workers": num_workers, "share": share}
    embedded = embed(embedder, people.source, strict=people.strict, **options)
    row_of = np.full(len(people.source), -1)
    row_of[embedded.positions] = np.arange(len(embedded.positions))
    gallery, probes = (part[row_of[part] >= 0] for part in (people.gallery, people.probes))
    unit = embedded.unit(flip)
    enrolled, labels = unit[row_of[gallery]], people.identities[gallery]
    searched = {f"{people.name} nearest": (enrolled, labels)}
    if len(np.unique(labels)) < len(labels):
        searched[f"{people.name} centroid"] = centroids(enrolled, labels)
    return [
        IdentificationResult(
            name=name,
            gallery=len(rows),
            people=len(np.unique(row_labels)),
            probes=len(probes),
            result=identify(unit[row_of[probes]], people.identities[probes], rows, row_labels),
            notes=people.notes,
        )
        for name, (rows, row_labels) in searched.items()
    ]
