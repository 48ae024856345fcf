"""``mfn cluster``: the photos of a folder by person, and groups with names into a gallery.

``mfn cluster PHOTOS --output OUT`` finds the faces, groups them and writes OUT/index.html with all that belongs to it.
``mfn cluster --enroll OUT/names.csv --gallery FILE`` enrols the groups that got a name there. Photos are only read.
"""

import argparse
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mfn.commands.cluster_output import MAKER, PAGE, Clustered, method, write_clusters
from mfn.commands.recognising import add_detector, add_model, embedder_of, pipeline_of
from mfn.commands.screen import plain_program
from mfn.errors import ConfigError, DataError
from mfn.files.owned_folder import refuse_others
from mfn.images.passed_over import PassedOver
from mfn.progress import counting
from mfn.recognition.album import by_person, look_through
from mfn.recognition.clustering import DEFAULT_FPIR, threshold_of_groups
from mfn.recognition.gallery import Gallery
from mfn.recognition.named_groups import CLUSTERS, enroll_groups, read_clusters, read_names, twice_on_a_photo
from mfn.recognition.picture import picture_files
from mfn.recognition.thresholds import Threshold
from mfn.report.tables import table
from mfn.text import printable

log = logging.getLogger(__name__)

_SHOWN = 10
"""Photos named one by one on the screen."""


def main(arguments: Sequence[str], verb: str = "cluster") -> None:
    """Runs the command."""
    with plain_program():
        options = parser(verb).parse_args(arguments)
        if options.enroll is not None:
            _enroll(options)
        else:
            _cluster(options)


def parser(verb: str = "cluster") -> argparse.ArgumentParser:
    """What there is to type."""
    words = argparse.ArgumentParser(
        f"mfn {verb}", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words.add_argument("photos", nargs="?", type=Path, metavar="PHOTOS", help="folder of photos, with those below it")
    words.add_argument("--output", type=Path, default=Path("clusters"), help="folder to write; clusters without")
    group = words.add_argument_group("groups")
    group.add_argument("--threshold", type=float, help="cosine of their means from which two groups are one person")
    group.add_argument(
        "--fpir",
        type=float,
        help=f"or the chance of a face to be that much like a stranger of the folder; {DEFAULT_FPIR} without",
    )
    group.add_argument("--min-photos", type=int, default=2, help="on fewer photos nobody makes a group; 2 without")
    group.add_argument("--all-faces", action="store_true", help="also group faces that are very small or blurred")
    group = words.add_argument_group("names")
    group.add_argument("--enroll", type=Path, metavar="NAMES.csv", help="enrol the groups that got a name in this file")
    group.add_argument("--gallery", type=Path, metavar="FILE", help="with --enroll: the gallery they go to")
    group.add_argument("--keep-crops", action="store_true", help="with --enroll: keep the aligned faces in it too")
    add_model(words)
    add_detector(words)
    return words


def _cluster(options: argparse.Namespace) -> None:
    if options.photos is None:
        raise ConfigError("name a folder of photos, or give --enroll NAMES.csv --gallery FILE")
    if options.gallery is not None or options.keep_crops:
        raise ConfigError("--gallery and --keep-crops go with --enroll OUTPUT/names.csv")
    if options.min_photos < 2:
        raise ConfigError(f"--min-photos must be at least 2, got {options.min_photos}: one photo makes no group")
    root, passed_over = options.photos.absolute(), PassedOver()
    if not options.photos.is_dir():
        raise DataError(f"there is no folder at {printable(str(options.photos))}: name a folder of photos")
    _keep_apart(root, options.output)
    refuse_others(options.output, MAKER)
    embedder = embedder_of(options)
    pipeline = pipeline_of(options, embedder)

    def chosen(faces: int) -> Threshold:
        return threshold_of_groups(
            embedder.contract, faces, flip=pipeline.flip, threshold=options.threshold, fpir=options.fpir
        )

    chosen(2)  # what makes no sense is told before the work
    names = [path.relative_to(root).as_posix() for path in picture_files([root], passed_over)]
    if sentence := passed_over.sentence():
        log.info("passed over %s", sentence)
    with counting(len(names), "photos") as count:
        album = look_through(pipeline, root, names, aligned=options.aligned, told=count)
    faces = sum(options.all_faces or not face.poor for face in album.faces)
    threshold = chosen(faces)
    if threshold.warning:
        log.warning("%s", threshold.warning)
    with counting(faces, "faces", "grouping") as count:
        grouping = by_person(album, threshold.cosine, min_photos=options.min_photos, poor=options.all_faces, told=count)
    settings = {
        "model": str(options.model or ""),
        "flip": pipeline.flip,
        "detector": "" if options.aligned else options.detector,
        "aligned": options.aligned,
        "all_faces": options.all_faces,
        "min_photos": options.min_photos,
    }
    found = Clustered(root, album, grouping, threshold, settings)
    write_clusters(options.output, found)
    _tell(found, options.output, faces)


def _tell(found: Clustered, output: Path, faces: int) -> None:
    album, grouping = found.album, found.grouping
    for problem in list(album.broken.values())[:_SHOWN]:
        log.warning("%s", problem)
    if len(album.broken) > _SHOWN:
        log.warning("and %d more photos that cannot be read, all of them in %s", len(album.broken) - _SHOWN, CLUSTERS)
    row = {
        "photos": album.photos,
        "broken": len(album.broken),
        "without a face": len(album.empty),
        "faces": len(album.faces),
        "groups": len(grouping.groups),
        "too poor": len(album.faces) - faces,
        "faces in them": sum(len(group.faces) for group in grouping.groups),
    }
    log.info(table("People", [row]))
    if not album.faces:
        log.info("No face was found.")
    elif not grouping.groups:
        log.info("There are no groups: nobody is on two photos, as far as the network can tell.")
    else:
        log.info("%s", method(found))
    log.info("%s", output / PAGE)


def _keep_apart(photos: Path, output: Path) -> None:
    """Makes sure that pictures of one run are no photos of the next.

    Raises:
        DataError: The output lies in the folder of photos.
    """
    if output.resolve().is_relative_to(photos.resolve()):
        raise DataError(f"--output {output} lies in the folder of photos, where nothing is written: name another place")


def _enroll(options: argparse.Namespace) -> None:
    if options.gallery is None:
        raise ConfigError("--enroll needs --gallery FILE")
    clusters = read_clusters(options.enroll.with_name(CLUSTERS))
    names = read_names(options.enroll, clusters.groups)
    root = clusters.folder if options.photos is None else options.photos
    if not root.is_dir():
        raise DataError(f"the photos are not at {printable(str(root))} any more: name their folder before --enroll")
    options.aligned = clusters.aligned
    if not clusters.aligned and clusters.detector != options.detector:
        log.warning(
            "these faces were found with --detector %s and are looked for with --detector %s",
            *(printable(clusters.detector), options.detector),
        )
    for photo, name in twice_on_a_photo(clusters, names):
        log.warning("%s: %s is two faces of this photo", printable(photo), printable(name))
    embedder = embedder_of(options)
    with Gallery.open(options.gallery, embedder, flip=options.flip) as gallery:
        pipeline = pipeline_of(options, embedder, gallery.flip)
        photos = {face.photo for number in names for face in clusters.groups[number]}
        with counting(len(photos), "photos") as count:
            result = enroll_groups(
                gallery, pipeline, clusters, names, root=root, keep_crops=options.keep_crops, told=count
            )
    for refused in result.refused[:_SHOWN]:
        log.warning("%s (%s): %s", refused.picture, refused.name, refused.reason)
    if len(result.refused) > _SHOWN:
        log.warning("and %d more faces that were not enrolled", len(result.refused) - _SHOWN)
    groups = Counter(names.values())
    rows = [
        {"person": printable(name), "groups": groups[name], "new faces": result.added[name]} for name in sorted(groups)
    ]
    log.info(table(f"{options.gallery}: {result.known} faces were there already, {len(result.refused)} refused", rows))
