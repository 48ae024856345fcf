"""Only good faces are enrolled, and names that look wrong are told."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mfn.errors import ConfigError
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.quality import quality_of
from mfn.recognition.enrolment import Enrolment, Gate, enroll
from mfn.recognition.gallery import Gallery
from mfn.recognition.picture import Aligned, Photo
from mfn.recognition.pipeline import FacePipeline
from tests.recognition.made_people import SquareDetector, crop_of, photo_of, squares

NO_GATE = Gate(None, None, None)


def enrolled(
    folder: Path, pictures: list, gallery: Gallery | None = None, **options: object
) -> tuple[Enrolment, Gallery]:
    embedder = squares(folder)
    gallery = gallery or Gallery.open(folder / "g.mfng", embedder)
    pipeline = FacePipeline(SquareDetector(), embedder)
    return enroll(gallery, pipeline, pictures, **options), gallery  # type: ignore[arg-type]


def test_what_is_refused_is_listed_with_its_reason(tmp_path: Path) -> None:
    blurred = np.full((32, 32, 3), 90, np.uint8)
    pictures = [
        ("good", Photo(photo_of(crop_of(1)), "good.png")),
        ("small", Photo(photo_of(crop_of(2), side=16), "small.png")),
        ("nobody", Photo(photo_of(), "nobody.png")),
        ("two", Photo(photo_of(crop_of(3), crop_of(4)), "two.png")),
        ("blurred", Aligned(blurred, "blurred.png")),
        ("gone", tmp_path / "gone.png"),
    ]
    result, gallery = enrolled(tmp_path, pictures, gate=Gate(eye_distance=8))
    assert dict(result.added) == {"good": 1} and [person.name for person in gallery.people()] == ["good"]
    reasons = {each.name: each.reason for each in result.refused}
    assert list(reasons) == ["small", "nobody", "two", "blurred", "gone"]
    for name, words in (
        ("small", "5 pixels between the eyes, 8 wanted"),
        ("nobody", "no face was found"),
        ("two", "2 faces were found"),
        ("blurred", "blurred: sharpness 0"),
        ("gone", "No such file"),
    ):
        assert words in reasons[name]


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        (Gate(score=0.95), "the detector gives 0.90"),
        (Gate(quality=1e6), "of low quality"),
        (Gate(turn=0.0), "turned away"),
        (Gate(sharpness=1e9), "blurred"),
        (Gate(eye_distance=1000), "too small"),
    ],
)
def test_each_measure_can_refuse(tmp_path: Path, gate: Gate, words: str) -> None:
    result, _ = enrolled(tmp_path, [("one", Photo(photo_of(crop_of(1))))], gate=gate)
    assert words in result.refused[0].reason and not result.added
    with pytest.raises(ConfigError):
        Gate(score=-1)


def test_the_quality_that_is_asked_is_the_one_that_curves_are_drawn_by(tmp_path: Path) -> None:
    embedder = squares(tmp_path)
    crops = [crop_of(person) for person in range(6)]
    quality = quality_of(embedder.raw(np.stack(crops)))
    level = float(np.sort(quality)[3])
    pictures = [(f"p{person}", Aligned(crop, f"{person}.png")) for person, crop in enumerate(crops)]
    result, _ = enrolled(tmp_path, pictures, gate=Gate(None, None, None, quality=level * (1 - 1e-6)))
    assert set(result.added) == {f"p{person}" for person in np.flatnonzero(quality >= level)}
    for each in result.refused:
        assert each.quality == pytest.approx(quality[int(each.name[1:])], rel=1e-5) and "of low quality" in each.reason


def test_a_network_that_gives_one_number_is_asked_instead(tmp_path: Path) -> None:
    class Light(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(1))

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.mean(dim=(1, 2, 3))[:, None] * self.scale

    judge = FaceEmbedder(Light(), replace(squares(tmp_path).contract, embedding_dim=1))
    dark, light = crop_of(1) // 4, crop_of(1) // 4 + 150
    pictures = [("dark", Aligned(dark, "dark.png")), ("light", Aligned(light, "light.png"))]
    result, _ = enrolled(tmp_path, pictures, gate=Gate(None, None, None, quality=0.0), judge=judge)
    assert list(result.added) == ["light"] and result.refused[0].quality == pytest.approx(
        quality_of(judge.raw(dark[None]))[0]
    )


@pytest.mark.parametrize("several", ["largest", "central", "skip"])
def test_of_several_faces_the_one_that_is_meant_is_enrolled(tmp_path: Path, several: str) -> None:
    photo = photo_of(crop_of(1), crop_of(2), crop_of(3))
    _, gallery = enrolled(tmp_path, [("middle", Photo(photo))], gate=NO_GATE, several=several)
    if several == "central":
        probe = FacePipeline(None, squares(tmp_path))(Aligned(crop_of(2)))
        assert gallery.identify(probe)[0][0].score > 0.99
    assert len(gallery) == (0 if several == "skip" else 1)


def test_a_second_run_adds_what_is_new(tmp_path: Path) -> None:
    pictures = [(f"person {n % 3}", Aligned(crop_of(n % 3, n))) for n in range(200)]
    first, gallery = enrolled(tmp_path, pictures[:130], gate=NO_GATE)
    second, _ = enrolled(tmp_path, pictures, gallery, gate=NO_GATE)
    assert (first.added.total(), second.known, second.added.total()) == (130, 130, 70)


def test_people_who_are_nearly_one_and_faces_with_wrong_names_are_told(tmp_path: Path) -> None:
    pictures = [(name, Aligned(crop_of(number, shot))) for number, name in enumerate("abc") for shot in range(4)]
    pictures += [("a again", Aligned(crop_of(0, 9))), ("b", Aligned(crop_of(2, 8), "wrong.png"))]
    result, _ = enrolled(tmp_path, pictures, gate=NO_GATE, alike=lambda gallery: 0.7)
    assert {(pair.name, pair.other) for pair in result.alike} & {("a", "a again"), ("a again", "a")}
    assert [(doubt.picture, doubt.name, doubt.other) for doubt in result.doubts] == [("wrong.png", "b", "c")]
    silent, _ = enrolled(tmp_path, pictures, gate=NO_GATE)
    assert not silent.alike and not silent.doubts
