"""The step that looks at faces with a network: lists for a person to decide on, and dropping where told to."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfn.errors import ConfigError
from mfn.files.atomic import replacing
from mfn.prepare.crops import Crops
from mfn.prepare.manifest import Manifest
from mfn.prepare.outliers import centre_scores, merged, nearest_centre, similar_identities
from mfn.prepare.quality_gate import Seen

OUTLIER = "unlike its identity"
OUTLIERS_FILE, SIMILAR_FILE = "outliers.csv", "similar_identities.csv"


@dataclass(frozen=True, slots=True)
class SuspectRules:
    """Cosines, in the scale of the network that is used.

    Seen with a network of 99.5 % on LFW, on 12,046 images of 1,458 celebrities, 2 % of them given a wrong name: all but
    0.4 % of these lay below 0.3, with 3.8 % of the others, among them strangers and pictures without a face; below 0.2
    lay 96 % and 2.6 %. Of 231 people cut in two, all but one had halves above 0.65.

    Attributes:
        list_below: Images whose cosine to the others of their identity is lower are listed.
        drop_below: ... and lower than this are dropped; None drops none.
        list_above: Pairs of identities whose centres have at least this cosine are listed.
        merge_above: ... and at least this become one identity; None merges none.

    Raises:
        ConfigError: What is dropped or merged would not be listed.
    """

    list_below: float = 0.3
    drop_below: float | None = None
    list_above: float = 0.6
    merge_above: float | None = None

    def __post_init__(self) -> None:
        if self.drop_below is not None and self.drop_below > self.list_below:
            raise ConfigError(f"suspects.drop_below={self.drop_below} must not be above list_below={self.list_below}")
        if self.merge_above is not None and self.merge_above < self.list_above:
            raise ConfigError(f"suspects.merge_above={self.merge_above} must not be below list_above={self.list_above}")


def check_identities(crops: Crops, seen: Seen, rules: SuspectRules, folder: Path) -> Manifest:
    """Writes ``outliers.csv`` and ``similar_identities.csv``; drops images, merges identities where the rules say so.

    Identities are compared as they are without the images that are dropped.

    Args:
        crops: All rows.
        seen: What a network made of those that are kept.
        rules: What is listed, dropped and merged.
        folder: Where the lists go.

    Returns:
        The rows in their order; ordered by identity anew where identities were merged.
    """
    manifest = crops.manifest
    rows, embeddings = seen.rows, seen.embedded.unit("none")
    labels = crops.labels[rows]

    scores = centre_scores(embeddings, labels)
    _write_outliers(folder / OUTLIERS_FILE, crops, rows, embeddings, scores, rules.list_below)
    if rules.drop_below is not None:
        is_outlier = scores < rules.drop_below
        dropped = np.zeros(len(manifest), bool)
        dropped[rows[is_outlier]] = True
        manifest = manifest.drop(np.isin(manifest.row, manifest.row[dropped]), OUTLIER)
        embeddings, labels = embeddings[~is_outlier], labels[~is_outlier]

    similar = similar_identities(embeddings, labels, rules.list_above)
    _write_similar(folder / SIMILAR_FILE, crops, similar.pairs, similar.scores, labels)
    if rules.merge_above is not None:
        one_person = similar.pairs[similar.scores >= rules.merge_above]
        identity = np.array(crops.identities)[merged(crops.labels, one_person)]
        manifest = manifest.replace(identity=identity)
        manifest = manifest.take(np.argsort(np.unique(identity, return_inverse=True)[1], kind="stable"))
    return manifest


def _write_outliers(
    path: Path, crops: Crops, rows: np.ndarray, embeddings: np.ndarray, scores: np.ndarray, below: float
) -> None:
    listed = np.flatnonzero(scores < below)
    listed = listed[np.argsort(scores[listed], kind="stable")]
    nearest, alike = nearest_centre(embeddings, crops.labels[rows], listed)
    names = [*crops.identities, ""]  # nobody is -1
    table = crops.manifest.take(rows[listed])
    lines = zip(table.name, table.identity, scores[listed], [names[label] for label in nearest], alike, strict=True)
    _write_csv(path, ("name", "identity", "cosine", "looks_like", "cosine_to_that"), lines)


def _write_similar(path: Path, crops: Crops, pairs: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> None:
    counts = np.bincount(labels, minlength=len(crops.identities))
    lines = (
        (score, crops.identities[first], counts[first], crops.identities[second], counts[second])
        for (first, second), score in zip(pairs.tolist(), scores, strict=True)
    )
    _write_csv(path, ("cosine", "identity", "images", "other_identity", "other_images"), lines)


def _write_csv(path: Path, header: Sequence[str], lines: Iterable[Iterable[object]]) -> None:
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([f"{cell:.4f}" if isinstance(cell, np.floating) else cell for cell in line] for line in lines)
