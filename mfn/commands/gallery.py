"""``mfn gallery``: what to do with the people of a gallery."""

import argparse
import dataclasses
import logging
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.lib.npyio import NpzFile

from mfn.commands.recognising import (
    add_detector,
    add_json,
    add_model,
    embedder_of,
    in_words,
    pipeline_of,
    write_csv,
)
from mfn.commands.screen import plain_program
from mfn.errors import ConfigError, DataError
from mfn.files.ownership import write_json, writing
from mfn.progress import counting
from mfn.recognition.face_row import BOX, person_name
from mfn.recognition.gallery import Gallery
from mfn.recognition.migration import embedded_anew
from mfn.recognition.quality import Quality
from mfn.report.tables import table
from mfn.text import printable

log = logging.getLogger(__name__)

_SHOWN = 50


def main(arguments: Sequence[str], verb: str = "gallery") -> None:
    """Runs the command."""
    with plain_program():
        options = parser(verb).parse_args(arguments)
        run: Callable[[argparse.Namespace], None] = options.run
        run(options)


def parser(verb: str = "gallery") -> argparse.ArgumentParser:
    """What there is to type."""
    words = argparse.ArgumentParser(f"mfn {verb}", description=__doc__)
    verbs = words.add_subparsers(required=True, metavar="WHAT")

    def what(name: str, run: Callable[[argparse.Namespace], None], about: str) -> argparse.ArgumentParser:
        part = verbs.add_parser(name, help=about, description=about)
        part.set_defaults(run=run)
        part.add_argument("--gallery", type=Path, required=True, metavar="FILE")
        return part

    part = what("list", _list, "people and how many faces each has, and which network they belong to")
    part.add_argument("--csv", type=Path, help="write one line a face: name, source, quality")
    add_json(part)
    what("remove", _remove, "people, for good").add_argument("names", nargs="+", metavar="NAME")
    part = what("rename", _rename, "one person; two of one name become one")
    part.add_argument("old", metavar="NAME")
    part.add_argument("new", metavar="NEW")
    part = what("merge", _merge, "people of other galleries of the same network into this one")
    part.add_argument("others", nargs="+", type=Path, metavar="OTHER")
    part = what("export", _export, "names and vectors for other programs")
    part.add_argument("output", type=Path, metavar="FILE.npz", help="names (N,) and vectors float32 (N, D)")
    part = what("migrate", _migrate, "embed everybody anew under another network, from kept crops or photos")
    part.add_argument("--photos", type=Path, help="folder that the photos have moved to")
    part.add_argument("--drop", action="store_true", help="leave out the faces that cannot be embedded anew")
    add_model(part)
    add_detector(part)
    return words


def _list(options: argparse.Namespace) -> None:
    with in_words(options), Gallery.open(options.gallery) as gallery:
        people, contract = gallery.people(), gallery.contract
        if options.csv is not None:
            columns = ["name", "source", *(field.name for field in dataclasses.fields(Quality)), *BOX]
            rows = [{"name": face.name, "source": face.source, **face.quality} for face in gallery.faces()]
            write_csv(options.csv, [{key: row.get(key, "") for key in columns} for row in rows], columns)
        if options.json is not None:
            about = {"network": gallery.fingerprint, "flip": gallery.flip, "dim": gallery.dim}
            write_json(options.json, {**about, "people": [dataclasses.asdict(person) for person in people]})
        rows = [{"name": printable(person.name), "faces": person.images} for person in people[:_SHOWN]]
        more = f" (the first {_SHOWN}; --csv and --json write all)" if len(people) > _SHOWN else ""
        log.info(table(f"{len(people)} people{more}", rows))
        network = {
            "network": gallery.fingerprint,
            "embedding": gallery.dim,
            "crops": f"{contract.height}x{contract.width}",
            "flip": gallery.flip,
            "faces": sum(person.images for person in people),
        }
        log.info(table(str(gallery.path), [network]))


def _remove(options: argparse.Namespace) -> None:
    with Gallery.open(options.gallery) as gallery:
        people = {person.name for person in gallery.people()}
        if missing := [name for name in options.names if person_name(name) not in people]:
            raise DataError(
                f"{options.gallery} has nobody named {missing[0]!r}: nobody was removed, `mfn gallery list` tells names"
            )
        for name in dict.fromkeys(options.names):
            log.info("%s: %d faces removed", printable(name), gallery.remove(name))


def _rename(options: argparse.Namespace) -> None:
    with Gallery.open(options.gallery) as gallery:
        gallery.rename(options.old, options.new)
        log.info("%s is %s now", printable(options.old), printable(options.new))


def _merge(options: argparse.Namespace) -> None:
    with Gallery.open(options.gallery) as gallery:
        for place in options.others:
            if place.exists() and place.samefile(options.gallery):
                raise ConfigError(f"{place} is the gallery itself: give another one")
            with Gallery.open(place) as other:
                log.info("%s: %d faces added", place, gallery.merge(other))


def _export(options: argparse.Namespace) -> None:
    if options.output.suffix != ".npz":
        raise ConfigError(f"{options.output}: the file's name must end in .npz")
    with Gallery.open(options.gallery) as gallery:
        faces = gallery.faces()
        if not faces:
            raise DataError(f"{options.gallery} is empty: there is nothing to export")
        arrays = {
            "names": np.array([face.name for face in faces]),
            "sources": np.array([face.source for face in faces]),
            "vectors": np.stack([face.vector for face in faces]),
            "network": np.array(gallery.fingerprint),
        }
        with writing(options.output, _is_exported) as temporary:
            with temporary.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
            temporary.chmod(0o600)
        log.info("written: %s, %d faces of %d people", options.output, len(faces), len(gallery))


def _is_exported(path: Path) -> bool:
    try:
        there = np.load(path, allow_pickle=False)
        with there if isinstance(there, NpzFile) else nullcontext():
            return {"names", "sources", "vectors", "network"} == set(getattr(there, "files", ()))
    except (OSError, ValueError, EOFError, BadZipFile):
        return False


def _migrate(options: argparse.Namespace) -> None:
    embedder = embedder_of(options)
    with Gallery.open(options.gallery) as gallery:
        pipeline = pipeline_of(options, embedder)
        total = sum(person.images for person in gallery.people())
        with counting(total, "faces", "migrating") as told:
            found = embedded_anew(gallery, pipeline, photos=options.photos, told=told)
        rows = [
            {"name": printable(name), "photo": printable(source), "reason": reason}
            for name, source, reason in found.lost
        ]
        if rows:
            log.warning(table(f"{len(rows)} faces cannot be embedded anew", rows[:_SHOWN]))
        if rows and not options.drop:
            raise DataError(
                f"{options.gallery} stays as it was: --photos DIR says where photos are now, --drop leaves these out"
            )
        if rows and not found.rows:
            raise DataError(
                f"{options.gallery} stays as it was: none of its faces can be embedded anew, see --photos DIR"
            )
        gallery.rewritten(embedder, pipeline.flip, found.rows, found.of)
        log.info("%s: %d faces of %d people under the new network", gallery.path, len(found.rows), len(gallery))
