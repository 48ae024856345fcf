"""The page that shows the people of a photo folder: one HTML file, for a desk, a phone and the dark."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from mfn.report.page import page_environment


@dataclass(frozen=True, slots=True)
class FaceShown:
    """A face on the page.

    Attributes:
        photo: Name for people.
        link: Address of the photo, safe to put into a page.
        image: The face, a JPEG in base64.
        score: Cosine to the rest of its group; None in no group.
        doubt: It is less than the threshold asks.
    """

    photo: str
    link: str
    image: str
    score: float | None = None
    doubt: bool = False


@dataclass(frozen=True, slots=True)
class GroupShown:
    """A person.

    Attributes:
        number: Of the group.
        photos: How many photos it has.
        count: How many faces.
        sheet: Address of the contact sheet.
        faces: Those to show, which may be fewer.
    """

    number: int
    photos: int
    count: int
    sheet: str
    faces: Sequence[FaceShown]


@dataclass(frozen=True, slots=True)
class ClusterPage:
    """All that the page tells.

    Attributes:
        title: Name of the folder.
        counts: The figures at the top.
        method: How the groups came to be, in whole sentences.
        names: Path of the file for names.
        groups: The people.
        others: Faces in no group, which may be fewer than there are.
        others_count: How many there are.
        lists: What else to list, by heading.
    """

    title: str
    counts: Mapping[str, int]
    method: str
    names: str
    groups: Sequence[GroupShown]
    others: Sequence[FaceShown] = ()
    others_count: int = 0
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def marks_doubt(self) -> bool:
        """Whether a face stands in the colour of doubt."""
        return any(face.doubt for group in self.groups for face in group.faces)


def render_clusters(page: ClusterPage) -> str:
    """The page as one HTML document without scripts. Names come from files and are escaped."""
    environment = page_environment()
    environment.filters["short"] = _short
    return environment.get_template("cluster.html").render(page=page)


def _short(photo: str) -> str:
    """The end of a path that still says which photo it is."""
    path = PurePosixPath(photo)
    return f"{path.parent.name}/{path.stem}" if path.parent.name else path.stem
