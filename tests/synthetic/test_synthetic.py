"""The synthetic faces: the same for ever, people differ, features lie where aligned crops have them."""

import dataclasses
import multiprocessing
import pickle
from typing import Any

import numpy as np
import pytest

from mfn.errors import ConfigError
from mfn.synthetic.canvas import Canvas
from mfn.synthetic.dataset import SyntheticFaces
from mfn.synthetic.face import draw_face, pose_of
from mfn.synthetic.sampling import sample_identity, sample_shot


def test_labels_shapes_and_names():
    faces = SyntheticFaces(3, 2)
    assert len(faces) == 6
    assert faces.labels.dtype == np.int64
    assert faces.labels.tolist() == [0, 0, 1, 1, 2, 2]
    image = faces.image(5)
    assert (image.shape, image.dtype) == ((112, 112, 3), np.uint8)
    assert faces.describe(5) == "synthetic identity 2 image 1"
    assert len(pickle.dumps(faces)) < 1000


def test_same_pixels_in_another_process():
    faces = SyntheticFaces(4, 2, seed=7)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        elsewhere = pool.map(faces.image, range(8))
    here = SyntheticFaces(4, 2, seed=7)
    assert all(np.array_equal(image, here.image(i)) for i, image in enumerate(elsewhere))


def test_image_depends_on_seed_identity_and_number_only():
    small, large = SyntheticFaces(2, 3), SyntheticFaces(5, 9)
    assert np.array_equal(small.image(1 * 3 + 2), large.image(1 * 9 + 2))


def test_all_images_differ():
    images = [SyntheticFaces(8, 6, seed=seed).image(i) for seed in (0, 1) for i in range(48)]
    images.extend(SyntheticFaces(1, 48, seed=2).image(i) for i in range(48))
    assert len({image.tobytes() for image in images}) == len(images)


def test_people_differ_more_than_photos():
    """Same-identity pairs are the nearer ones once each image's light is taken out."""
    people, photos = 40, 6
    faces = SyntheticFaces(people, photos, seed=3)
    features = np.stack([face_feature(faces.image(i)) for i in range(len(faces))])
    scores = features @ features.T
    same = faces.labels[:, None] == faces.labels
    upper = np.triu(np.ones_like(same), 1)
    genuine, impostor = scores[same & upper], scores[~same & upper]
    better = (genuine[:, None] > impostor[None, ::7]).mean()
    assert better > 0.7


def face_feature(image: np.ndarray) -> np.ndarray:
    """Coarse colours of the face without brightness, colour cast and sideways light, as a unit vector."""
    blocks = np.log1p(image[:, 16:96].astype(np.float64)).reshape(14, 8, 10, 8, 3).mean(axis=(1, 3))
    blocks -= blocks.mean(axis=(0, 1))
    blocks = blocks + blocks[:, ::-1]
    return (blocks / np.linalg.norm(blocks)).ravel()


def test_features_lie_on_the_template():
    """Averaged over people and photos, eyes, nose and mouth lie on InsightFace's five points."""
    template = np.array([(38.29, 51.70), (73.53, 51.50), (56.03, 71.74), (41.55, 92.37), (70.73, 92.20)])
    points = []
    for k in range(300):
        rng = np.random.default_rng(k)
        person = sample_identity(rng)
        shot = sample_shot(rng, True)
        u, v = pose_of(person, shot).coordinates((112, 112))
        smile = person.mouth.smile + shot.smile
        corner, corner_height = (
            person.mouth.half_width * (1 + 0.025 * smile),
            person.mouth.height - 0.4 * smile,
        )
        face = [
            (-person.eyes.distance, person.eyes.height),
            (person.eyes.distance, person.eyes.height),
            (0.0, person.nose.tip),
            (-corner, corner_height),
            (corner, corner_height),
        ]
        nearest = [((u - x) ** 2 + (v - y) ** 2).argmin() for x, y in face]
        points.append([(at % 112, at // 112) for at in nearest])
    assert np.abs(np.mean(points, axis=0) - template).max() < 0.8


def test_pupils_are_dark_where_eyes_should_be():
    faces = SyntheticFaces(120, 1, seed=5)
    mean = np.mean([faces.image(i).mean(axis=2) for i in range(len(faces))], axis=0)
    for column in (38, 73):
        pupil = mean[50:53, column - 1 : column + 2].mean()
        for row, aside in ((51, -9), (51, 9), (60, 0)):
            assert pupil < mean[row, column + aside] - 8


@pytest.mark.parametrize("size", [(112, 112), (56, 56), (224, 224)])
def test_windows_cut_nothing_off(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch):
    """Painting each feature on its window gives what painting it on the whole picture gives."""

    def draw_all() -> np.ndarray:
        images = []
        for k in range(25):
            rng = np.random.default_rng(k)
            identity = sample_identity(rng)
            shot = dataclasses.replace(sample_shot(rng, True), noise=0.0, blur=0.0)
            images.append(draw_face(identity, shot, size, rng))
        return np.stack(images).astype(np.int16)

    windowed = draw_all()
    monkeypatch.setattr(Canvas, "window", lambda self, *box: self)
    assert np.abs(windowed - draw_all()).max() <= 1


def test_other_sizes_show_the_same_face():
    whole, narrow = SyntheticFaces(1, 1).image(0), SyntheticFaces(1, 1, (112, 96)).image(0)
    assert narrow.shape == (112, 96, 3)
    middle = whole[:, 8:104].astype(float)
    assert np.corrcoef(middle[30:100, 20:76].ravel(), narrow[30:100, 20:76].ravel())[0, 1] > 0.95
    half = SyntheticFaces(1, 1, (56, 56)).image(0)
    shrunk = whole.reshape(56, 2, 56, 2, 3).mean(axis=(1, 3))
    assert np.corrcoef(shrunk.ravel(), half.ravel())[0, 1] > 0.95


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"num_identities": 0}, "num_identities"),
        ({"num_identities": 2.5}, "num_identities"),
        ({"images_per_identity": -1}, "images_per_identity"),
        ({"image_size": (112, 8)}, "image_size"),
        ({"image_size": (112,)}, "image_size"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**32}, "seed"),
    ],
)
def test_silly_values_raise(values: dict[str, Any], key: str):
    with pytest.raises(ConfigError, match=key):
        SyntheticFaces(**{"num_identities": 2, "images_per_identity": 2, **values})


@pytest.mark.parametrize("index", [-1, 4])
def test_index_outside_raises(index: int):
    with pytest.raises(IndexError, match=str(index)):
        SyntheticFaces(2, 2).image(index)
