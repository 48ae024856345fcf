"""IJB-B and IJB-C in the layout of InsightFace's evaluation: templates of several images, 1:1 pairs and 1:N galleries.

`meta/` holds text files and `loose_crop/` the images, each cut out loosely around a face:

    ijbc_face_tid_mid.txt             image template media
    ijbc_name_5pts_score.txt          image x1 y1 ... x5 y5 score, in the same order
    ijbc_template_pair_label.txt      template template label (1: one person)
    ijbc_1N_gallery_G1.csv, _G2.csv   TEMPLATE_ID,SUBJECT_ID,... (S1 and S2 for IJB-B)
    ijbc_1N_probe_mixed.csv           TEMPLATE_ID,SUBJECT_ID,...
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfn.benchmarks.found_images import listed
from mfn.benchmarks.ijb_tables import Subjects, read_faces, read_subjects, read_template_pairs
from mfn.benchmarks.root import checked_options, given_root
from mfn.errors import DataError
from mfn.images.files import ImageFiles

logger = logging.getLogger(__name__)

IJB_GALLERIES = {"ijbb": ("S1", "S2"), "ijbc": ("G1", "G2")}


@dataclass(frozen=True, eq=False)
class IjbSet:
    """One of the IJB benchmarks; N images, one for each face found.

    Attributes:
        name: Ijbb or ijbc.
        source: The images as they are, not aligned.
        landmarks: float32 (N, 5, 2), x and y in pixels of the image.
        scores: float32 (N,), how sure the detector was of each face.
        templates: int64 (N,), the template each image belongs to.
        media: int64 (N,), the photo or video it comes from.
        pairs: int32 (P, 2), templates to compare.
        is_same: bool (P,).
        galleries: By name.
        probes: Searched for in each gallery.
        missing: Images that were not there; templates may have lost all of theirs.
        notes: What to know of the figures, a sentence each.
    """

    name: str
    source: ImageFiles
    landmarks: np.ndarray
    scores: np.ndarray
    templates: np.ndarray
    media: np.ndarray
    pairs: np.ndarray
    is_same: np.ndarray
    galleries: dict[str, Subjects]
    probes: Subjects
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_ijb(root: str | Path, name: str = "ijbc", allow_missing: bool = False) -> IjbSet:
    """Reads the protocol; images are decoded when asked for.

    Args:
        root: The folder that holds `meta` and `loose_crop`, or the one above, with `IJBC` or `IJBB` in it.
        name: Ijbb or ijbc.
        allow_missing: Judge on the images that are there.

    Raises:
        DataError: A file is missing or a line is not as it should be; images are missing.
    """
    if name not in IJB_GALLERIES:
        raise DataError(f"{name} is none of the IJB sets {', '.join(IJB_GALLERIES)}")
    checked_options(name, allow_missing, None)
    folder = _folder(given_root(root, "the folder that holds meta and loose_crop"), name)
    prefix = str(folder / "meta" / name)
    logger.info("%s: reading the protocol in %s", name, folder / "meta")
    faces = read_faces(f"{prefix}_name_5pts_score.txt", f"{prefix}_face_tid_mid.txt")
    pairs, is_same = read_template_pairs(f"{prefix}_template_pair_label.txt")
    files = _files(folder / "loose_crop", faces.images, allow_missing)
    there = files != ""
    if there.all() and not (known := np.isin(pairs, faces.templates.astype(np.int32)).all(axis=1)).all():
        raise DataError(f"{prefix}_template_pair_label.txt pairs templates without images: {pairs[~known][0].tolist()}")
    return IjbSet(
        name=name,
        source=ImageFiles(name, [folder / "loose_crop" / file for file in files[there]]),
        landmarks=faces.landmarks[there],
        scores=faces.scores[there],
        templates=faces.templates[there],
        media=faces.media[there],
        pairs=pairs,
        is_same=is_same,
        galleries={part: read_subjects(f"{prefix}_1N_gallery_{part}.csv") for part in IJB_GALLERIES[name]},
        probes=read_subjects(f"{prefix}_1N_probe_mixed.csv"),
        missing=tuple(faces.images[~there]),
        notes=_odd_pairs(name, pairs),
    )


def _odd_pairs(name: str, pairs: np.ndarray) -> tuple[str, ...]:
    """A note of pairs of a template with itself and of repeats, which count as in the published protocol."""
    first, second = np.sort(pairs.astype(np.int64), axis=1).T
    selves, different = int((first == second).sum()), np.unique(first * (int(pairs.max()) + 1) + second).size
    if not selves and different == len(pairs):
        return ()
    repeats = len(pairs) - different
    note = f"of {len(pairs):,} pairs {selves:,} are of a template with itself and {repeats:,} repeat others: they count"
    logger.warning("%s: %s", name, note)
    return (note,)


def _folder(root: Path, name: str) -> Path:
    for folder in (root, root / name.upper(), root / name):
        if (folder / "meta").is_dir():
            return folder
    raise DataError(f"{root} holds no folder 'meta', neither itself nor in {name.upper()}; give the root of {name}")


def _files(folder: Path, images: np.ndarray, allow_missing: bool) -> np.ndarray:
    """The file of each image, also of another ending or case, "" where there is none, str as objects (N,)."""
    # One listing of the folder instead of half a million questions
    files = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    exact, alike = set(files), {Path(file).stem.casefold(): file for file in files}
    found = [image if image in exact else alike.get(Path(image).stem.casefold(), "") for image in images]
    lost = [image for image, file in zip(images, found, strict=True) if not file]
    if lost and (len(lost) == images.size or not allow_missing):
        raise DataError(
            f"{folder} lacks {len(lost)} of the {images.size} images of the protocol: {listed(lost)}; "
            "benchmark.allow_missing=true goes on with those that are there"
        )
    return np.array(found, object)
