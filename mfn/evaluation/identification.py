"""1:N identification on a gallery and probes."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mfn.benchmarks.gallery import IdentificationSet
from mfn.evaluation.embedding import embed_images
from mfn.evaluation.embedding_cache import EmbeddingCache
from mfn.inference.embedder import FaceEmbedder
from mfn.metrics.error_counts import extrapolated_fpir
from mfn.metrics.identification import Identification, centroids, identify
from mfn.metrics.strangers import identify_among
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
        larger: How many people the FPIR is to be extrapolated to, which is a model and no measurement.
    """

    name: str
    gallery: int
    people: int
    probes: int
    result: Identification = field(repr=False)
    notes: tuple[str, ...] = ()
    larger: int | None = None

    def numbers(self) -> dict[str, float]:
        """The figures without the rank curve, flat, for logs and files."""
        figures: dict[str, float] = {"gallery": self.gallery, "people": self.people, "probes": self.probes}
        figures |= self.result.numbers()
        if self.larger is not None:
            figures["extrapolated_to_people"] = self.larger
            for fpir, reached in self.result.reached.items():
                figures[f"fpir_extrapolated_{fpir:.0e}"] = extrapolated_fpir(reached, self.people, self.larger)
        return figures


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
        The result by the nearest image and, where people have several gallery images, by the centroid of each; or, for
        a set of galleries of strangers, the result on each of these.

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
    if people.strangers:
        return _among_strangers(people, unit, row_of, probes)
    enrolled, labels = unit[row_of[gallery]], people.identities[gallery]
    searched = {f"{people.name} nearest": (enrolled, labels)}
    if len(np.unique(labels)) < len(labels):
        searched[f"{people.name} centroid"] = centroids(enrolled, labels)
    found = {
        name: identify(
            unit[row_of[probes]], people.identities[probes], rows, row_labels, people.ranks, by_image=people.by_image
        )
        for name, (rows, row_labels) in searched.items()
    }
    return [
        IdentificationResult(
            name=name,
            gallery=len(rows),
            people=len(np.unique(row_labels)),
            probes=len(probes),
            result=found[name],
            notes=(*people.notes, *lost_images(people, len(gallery), len(probes), found[name])),
        )
        for name, (rows, row_labels) in searched.items()
    ]


def _among_strangers(
    people: IdentificationSet, unit: NDArray[np.float32], row_of: NDArray[np.int64], probes: NDArray[np.int64]
) -> list[IdentificationResult]:
    galleries = {name: row_of[images] for name, images in people.strangers.items()}
    lost = {name: np.count_nonzero(rows < 0) for name, rows in galleries.items()}
    galleries = {name: rows[rows >= 0] for name, rows in galleries.items()}
    labels = people.identities[probes]
    found = identify_among(unit[row_of[probes]], labels, unit, galleries, people.ranks)
    notes = dict.fromkeys(galleries, people.notes)
    for name, count in lost.items():
        if count or len(probes) < len(people.probes):
            unseen = f"{len(people.probes) - len(probes):,} of {len(people.probes):,} probes"
            notes[name] += (f"{count:,} strangers and {unseen} are broken or gave no face: left out",)
    return [
        IdentificationResult(
            name=f"{people.name} {name}",
            gallery=len(galleries[name]) + 1,
            people=len(galleries[name]) + 1,
            probes=len(probes),
            result=result,
            notes=notes[name],
        )
        for name, result in found.items()
    ]


def lost_images(people: IdentificationSet, gallery: int, probes: int, found: Identification) -> tuple[str, ...]:
    """A note where images gave no embedding, in which those lost count as not found.

    Args:
        people: The set.
        gallery: How many of its gallery images were enrolled.
        probes: How many of its probes were searched for.
        found: What came of these.
    """
    if gallery == len(people.gallery) and probes == len(people.probes):
        return ()
    known = np.isin(people.identities[people.probes], people.identities[people.gallery]).sum()
    return (
        f"{len(people.gallery) - gallery:,} of {len(people.gallery):,} gallery images and "
        f"{len(people.probes) - probes:,} of {len(people.probes):,} probes are broken or gave no face; with them "
        f"counted as not found, rank-1 is {100 * found.cmc[0] * found.num_known / known:.2f} %",
    )
