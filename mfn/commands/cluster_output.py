"""The folder that ``mfn cluster`` writes: tables, a page, a contact sheet for each group, and a file for names."""

import base64
import csv
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from mfn.about import mfn_version
from mfn.files.owned_folder import replacing_folder
from mfn.images.decode import decode_rgb
from mfn.recognition.album import Album, AlbumFace, Group, Grouping, rows_of
from mfn.recognition.named_groups import CLUSTERS, NAMES, NAMES_HEADER
from mfn.recognition.thresholds import Threshold
from mfn.report.cluster_page import ClusterPage, FaceShown, GroupShown, render_clusters
from mfn.report.contact_sheet import write_contact_sheet
from mfn.text import printable

MAKER = "mfn cluster"
TABLE, PAGE = "clusters.csv", "index.html"
_ON_PAGE, _OF_GROUP, _OTHERS, _ON_SHEET = 6000, (3, 24), 200, 400
"""Faces: on the page in all, of one group at least and at most, in no group, and on a contact sheet."""


@dataclass(frozen=True, slots=True)
class Clustered:
    """All there is to write.

    Attributes:
        root: The photos' folder.
        album: Its faces.
        grouping: By person.
        threshold: That was used.
        settings: How the faces were found and embedded, for the record.
    """

    root: Path
    album: Album
    grouping: Grouping
    threshold: Threshold
    settings: dict[str, Any]


def write_clusters(output: Path, found: Clustered) -> None:
    """Writes the folder, in place of an earlier one that nobody changed.

    Raises:
        DataError: There is something that mfn did not write, or it cannot be written.
    """
    album, groups = found.album, found.grouping.groups
    digits = len(str(len(groups)))
    sheets = {group.number: f"group-{group.number:0{digits}}.png" for group in groups}
    with replacing_folder(output, MAKER) as folder:
        _write_table(folder / TABLE, rows_of(album, found.grouping))
        (folder / CLUSTERS).write_text(json.dumps(_record(found), indent=1), encoding="utf-8")
        (folder / NAMES).write_text(
            "".join(f"{line}\n" for line in (NAMES_HEADER, *(f"{group.number}," for group in groups))), encoding="utf-8"
        )
        for group in groups:
            _write_sheet(folder / sheets[group.number], album, group)
        page = render_clusters(_page(output, found, sheets))
        (folder / PAGE).write_text(page, encoding="utf-8", errors="backslashreplace")


def _write_table(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("photo", "face", "x", "y", "width", "height", "group", "score", "poor"))
        for row in rows:
            # A spreadsheet takes what begins like this for a formula; with ./ it is the same path
            name = printable(row["photo"])
            row["photo"] = f"./{name}" if name.startswith(("=", "+", "-", "@")) else name
            writer.writerow("" if value is None else value for value in row.values())


def _record(found: Clustered) -> dict[str, Any]:
    album = found.album
    faces: dict[int | None, list[dict[str, Any]]] = {None: []}
    for row in rows_of(album, found.grouping):
        faces.setdefault(row["group"], []).append(row)
    return {
        "made_by": MAKER,
        "version": mfn_version(),
        "folder": str(found.root),
        **found.settings,
        "threshold": round(found.threshold.cosine, 6),
        "threshold_fmr": found.threshold.fmr,
        "threshold_source": found.threshold.source,
        "photos": album.photos,
        "photos_without_faces": album.empty,
        "broken_photos": album.broken,
        "groups": [
            {"group": group.number, "photos": group.photos, "faces": faces[group.number]}
            for group in found.grouping.groups
        ],
        "others": faces[None],
    }


def _write_sheet(path: Path, album: Album, group: Group) -> None:
    shown = list(zip(group.faces, group.scores, strict=True))[:_ON_SHEET]
    faces = [album.faces[row] for row, _ in shown]
    captions = [
        f"{printable(face.photo).rpartition('/')[2]}\n{score:.2f}"
        for face, (_, score) in zip(faces, shown, strict=True)
    ]
    write_contact_sheet(path, [_pixels(face) for face in faces], captions)


def _pixels(face: AlbumFace) -> np.ndarray:
    return decode_rgb(face.jpeg)


def _page(output: Path, found: Clustered, sheets: dict[int, str]) -> ClusterPage:
    album, grouping = found.album, found.grouping
    least, most = _OF_GROUP
    of_group = min(most, max(least, _ON_PAGE // max(1, len(grouping.groups))))

    def shown(rows: Sequence[int], scores: Iterable[float | None]) -> list[FaceShown]:
        start = os.path.realpath(output)
        return [
            FaceShown(
                photo=album.faces[row].photo,
                link=_link(found.root / album.faces[row].photo, start),
                image=base64.b64encode(album.faces[row].jpeg).decode(),
                score=score,
                doubt=score is not None and score < found.threshold.cosine,
            )
            for row, score in zip(rows, scores, strict=True)
        ]

    groups = []
    for group in grouping.groups:
        # The most and the least typical: what does not belong there shows among the latter
        kept = list(zip(group.faces, group.scores, strict=True))
        if len(kept) > of_group:
            kept = [*kept[: of_group - of_group // 3], *kept[-(of_group // 3) :]]
        faces = shown([row for row, _ in kept], [score for _, score in kept])
        groups.append(GroupShown(group.number, group.photos, len(group.faces), sheets[group.number], faces))
    others = grouping.others[:_OTHERS]
    counts = {
        "Photos": album.photos,
        "Faces": len(album.faces),
        "Groups": len(groups),
        "In no group": len(grouping.others),
        "Too poor to group": sum(bool(album.faces[row].poor) for row in grouping.others),
        "Without a face": len(album.empty),
        "Broken": len(album.broken),
    }
    return ClusterPage(
        title=found.root.name or str(found.root),
        counts={name: count for name, count in counts.items() if count or name in ("Photos", "Faces", "Groups")},
        method=method(found),
        names=printable(str(output / NAMES)),
        groups=groups,
        others=shown(others, [None] * len(others)),
        others_count=len(grouping.others),
        lists={"Photos that cannot be read": list(album.broken.values()), "Photos without a face": album.empty},
    )


def method(found: Clustered) -> str:
    """How the groups came to be."""
    return (
        f"Two groups became one where the cosine of their means was {found.threshold.cosine:.3f} or more "
        f"({found.threshold.source}) and no photo has a face in both."
    )


def _link(photo: Path, start: str) -> str:
    """The address of a photo from the page; every byte that could mean something else is written as a number."""
    try:
        place = Path(os.path.relpath(os.path.realpath(photo), start)).as_posix()
    except ValueError:  # another drive of Windows
        return photo.absolute().as_uri()
    return quote(os.fsencode(place))
