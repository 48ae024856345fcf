"""What the page answers: from photo files to HTML. One photo at a time is worked on, whoever asks."""

import functools
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Concatenate, ParamSpec

import numpy as np
from markupsafe import Markup

from mfn.align.choose import choose_face
from mfn.errors import BrokenImageError, MfnError
from mfn.recognition.clustering import grouped
from mfn.recognition.gallery import Gallery
from mfn.recognition.naming import named
from mfn.recognition.picture import Aligned, Photo
from mfn.recognition.pipeline import FacePipeline, Found, Seen
from mfn.recognition.thresholds import DIFFERENT, SAME, Threshold
from mfn.recognition.verification import UNDECIDED, Compared, Shown, compared
from mfn.serving.demo.pictures import crop_html, photo_html
from mfn.serving.demo.scores import score_histogram
from mfn.serving.photo import strangers_pixels
from mfn.text import printable

P = ParamSpec("P")

MOST_PHOTOS = 100
_VERDICTS = {SAME: "The same person", DIFFERENT: "Different people", UNDECIDED: "No answer"}
_KINDS = {SAME: "same", DIFFERENT: "different"}


def _in_turn(
    answer: Callable[Concatenate["Demo", P], Markup],
) -> Callable[Concatenate["Demo", P], Markup]:
    """One answer at a time, and an error of mfn is an answer too."""

    @functools.wraps(answer)
    def guarded(demo: "Demo", *arguments: P.args, **words: P.kwargs) -> Markup:
        with demo.turn:
            try:
                return answer(demo, *arguments, **words)
            except MfnError as error:
                return problem(str(error))

    return guarded


@dataclass(frozen=True, slots=True)
class Demo:
    """Everything that answers.

    Attributes:
        pipeline: Finds and embeds.
        pair: The threshold of two photos.
        among: Tells the threshold of a gallery.
        groups: Tells the threshold of so many faces among themselves.
        gallery: The people of "Find"; None without.
        by: What faces are compared with, see `mfn.recognition.gallery.Gallery.identify`.
        band: Cosines this near to a threshold are not sure.
        most_pixels: That a photo may have.
        aligned: Pictures are crops.
        turn: Held while one answer is made.
    """

    pipeline: FacePipeline
    pair: Threshold
    among: Callable[[Gallery], Threshold]
    groups: Callable[[int], Threshold]
    gallery: Gallery | None
    by: str
    band: float
    most_pixels: int
    aligned: bool
    turn: threading.Lock = field(default_factory=threading.Lock)

    @_in_turn
    def preview(self, file: str | None) -> Markup:
        """A photo as it was sent, turned as its camera says."""
        if file is None:
            return Markup("")
        return photo_html(self._photo(file).pixels, [], name=_name(file))

    @_in_turn
    def compare(self, first: str | None, second: str | None, several: str) -> Markup:
        """Whether two photos show one person."""
        if first is None or second is None:
            return problem("Choose two photos first.")
        seen = [self._seen(file) for file in (first, second)]
        faces = [_meant(each, several) for each in seen]
        sides = [
            Shown(each, face, "" if face else f"{each.name}: no face was found")
            for each, face in zip(seen, faces, strict=True)
        ]
        found = compared(sides[0], sides[1], self.pair.cosine, self.band)
        photos = Markup("").join(_with_faces(each, face) for each, face in zip(seen, faces, strict=True))
        crops = Markup("").join(_crop(face) for face in faces if face is not None)
        measured = self.pipeline.embedder.contract.measured
        return Markup("{}{}{}{}{}").format(
            self._verdict(found),
            Markup('<div class="mfn-two">{}</div>').format(photos),
            Markup('<div class="mfn-crops">{}</div>').format(crops),
            score_histogram(measured, self.pair.cosine, found.similarity),
            Markup('<p class="mfn-small">{}</p>').format(_sentence(self.pair)),
        )

    @_in_turn
    def find(self, file: str | None) -> Markup:
        """Who of the gallery is on a photo."""
        if self.gallery is None:
            return problem("There is no gallery: start with --gallery FILE.")
        if file is None:
            return problem("Choose a photo first.")
        seen = self._seen(file)
        if not seen.found:
            return problem(f"{seen.name}: no face was found")
        if not self.gallery.comparisons():
            return problem("Nobody is in the gallery yet: mfn enroll puts people in.")
        threshold = self.among(self.gallery)
        names = named(self.gallery, seen.found, threshold.cosine, by=self.by, band=self.band)
        assert seen.pixels is not None
        labels = [printable(each.name) for each in names]
        kinds = ["known" if each.is_known else "unknown" for each in names]
        photo = photo_html(seen.pixels, [face.box for face in seen.found], labels, kinds, seen.name)
        rows = Markup("").join(
            Markup("<li>{}<div><strong>{}</strong>{}</div></li>").format(
                crop_html(face.crop),
                label,
                Markup("").join(
                    Markup("<span>{} <i>{}</i></span>").format(printable(match.name), f"{match.score:.2f}")
                    for match in each.matches
                ),
            )
            for face, each, label in zip(seen.found, names, labels, strict=True)
        )
        return Markup('{}<ul class="mfn-people">{}</ul><p class="mfn-small">{}</p>').format(
            photo, rows, _sentence(threshold)
        )

    @_in_turn
    def group(self, files: Sequence[str] | None) -> Markup:
        """Photos by person."""
        if not files:
            return problem("Choose some photos first.")
        if len(files) > MOST_PHOTOS:
            return problem(f"At most {MOST_PHOTOS} photos at a time: mfn cluster takes whole folders.")
        faces: list[tuple[str, Found]] = []
        photos: list[str] = []
        empty: list[str] = []
        for number, file in enumerate(files):
            try:
                seen = self._seen(file)
            except BrokenImageError as error:
                empty.append(str(error))
                continue
            faces += [(seen.name, face) for face in seen.found]
            photos += [str(number)] * len(seen.found)
            if not seen.found:
                empty.append(f"{seen.name}: no face was found")
        if not faces:
            return problem("; ".join(empty))
        threshold = self.groups(len(faces))
        group_of = grouped(np.stack([face.embedding for _, face in faces]), photos, threshold.cosine)
        blocks, alone = [], []
        for group in range(int(group_of.max()) + 1):
            members = [faces[row] for row in np.flatnonzero(group_of == group)]
            if len(members) == 1:
                alone += members
            else:
                blocks.append(_group(f"Person {group + 1}: {len(members)} photos", members))
        if alone:
            blocks.append(_group("On one photo only", alone))
        missed = Markup('<p class="mfn-small">{}</p>').format("; ".join(empty)) if empty else ""
        return Markup('{}{}<p class="mfn-small">{}</p>').format(Markup("").join(blocks), missed, _sentence(threshold))

    def _verdict(self, found: Compared) -> Markup:
        words = _VERDICTS.get(found.answer, "Not sure")
        if found.similarity is None:
            return problem(f"No answer: {found.problem}")
        kind = _KINDS.get(found.answer, "unsure")
        return Markup('<p class="mfn-verdict mfn-{}"><strong>{}</strong> similarity {}</p>').format(
            kind, words, f"{found.similarity:.2f}"
        )

    def _photo(self, file: str) -> Photo:
        return Photo(strangers_pixels(Path(file).read_bytes(), _name(file), self.most_pixels), _name(file))

    def _seen(self, file: str) -> Seen:
        photo = self._photo(file)
        picture = Aligned(photo.pixels, photo.name) if self.aligned else photo
        return Seen(photo.name, self.pipeline(picture), photo.pixels)


def problem(sentence: str) -> Markup:
    """A sentence in the place of an answer."""
    return Markup('<p class="mfn-verdict mfn-problem" role="alert">{}</p>').format(sentence[:1].upper() + sentence[1:])


def _meant(seen: Seen, several: str) -> Found | None:
    assert seen.pixels is not None
    return choose_face(seen.found, seen.pixels.shape[:2], several)


def _with_faces(seen: Seen, meant: Found | None) -> Markup:
    assert seen.pixels is not None
    kinds = ["meant" if face is meant else "other" for face in seen.found]
    return photo_html(seen.pixels, [face.box for face in seen.found], kinds=kinds, name=seen.name)


def _crop(face: Found) -> Markup:
    quality = face.quality
    size = "" if math.isnan(quality.eye_distance) else f", {quality.eye_distance:.0f} px between the eyes"
    return crop_html(face.crop, f"quality {quality.overall:.2f}{size}")


def _group(title: str, members: Sequence[tuple[str, Found]]) -> Markup:
    middle = np.mean([face.embedding for _, face in members], axis=0)
    ordered = sorted(members, key=lambda each: -float(each[1].embedding @ middle))  # the most typical first
    tiles = Markup("").join(crop_html(face.crop, name) for name, face in ordered)
    return Markup('<h3>{}</h3><div class="mfn-tiles">{}</div>').format(title, tiles)


def _sentence(threshold: Threshold) -> str:
    words = threshold.sentence()
    return f"{words[:1].upper()}{words[1:]}." + (f" {threshold.warning}." if threshold.warning else "")


def _name(file: str) -> str:
    return printable(Path(file).name)
