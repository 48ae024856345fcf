from pathlib import Path

import numpy as np
import pytest

from mfn.align.similarity import similarity_transform
from mfn.contract import ARCFACE_112
from mfn.errors import DataError

TEMPLATE = np.array(ARCFACE_112)


def umeyama(points: np.ndarray, template: np.ndarray) -> np.ndarray:
    """The transform as the paper writes it, with singular values (Umeyama 1991, equations 34 to 43)."""
    z, w = points - points.mean(0), template - template.mean(0)
    u, d, vt = np.linalg.svd(w.T @ z / len(z))
    s = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = u @ np.diag(s) @ vt
    scale = (d * s).sum() / z.var(0).sum()
    shift = template.mean(0) - scale * rotation @ points.mean(0)
    return np.column_stack([scale * rotation, shift])


def test_matches_scikit_image(shared: Path) -> None:
    with np.load(shared / "oracles/align.npz") as oracle:
        ours = similarity_transform(oracle["landmarks"], oracle["template"])
        np.testing.assert_allclose(ours, oracle["matrix"], rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(similarity_transform(oracle["landmarks"][3], oracle["template"]), ours[3])


def test_matches_umeyama_even_where_mirroring_would_fit_better() -> None:
    points = np.random.default_rng(0).normal(100, 40, (50, 5, 2))
    points[::2, :, 0] = 112 - points[::2, :, 0]
    points[1] = TEMPLATE * [-1, 1]
    expected = np.stack([umeyama(face, TEMPLATE) for face in points])
    np.testing.assert_allclose(similarity_transform(points, TEMPLATE), expected, rtol=1e-9, atol=1e-9)


def test_undoes_a_similarity() -> None:
    angle, scale, shift = 0.7, 3.5, [40.0, -9.0]
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = similarity_transform(TEMPLATE @ (scale * rotation).T + shift, TEMPLATE)
    np.testing.assert_allclose(matrix[:, :2], rotation.T / scale, atol=1e-12)
    assert np.linalg.det(matrix[:, :2]) > 0


def test_the_template_itself_stays() -> None:
    np.testing.assert_allclose(similarity_transform(TEMPLATE, TEMPLATE), np.eye(2, 3), atol=1e-12)


@pytest.mark.parametrize(
    "face", [np.full((5, 2), 3.0), np.where(TEMPLATE > 90, np.nan, TEMPLATE), np.full((5, 2), np.inf)]
)
def test_degenerate_landmarks_are_refused_by_number(face: np.ndarray) -> None:
    with pytest.raises(DataError, match="face 1 "):
        similarity_transform(np.stack([TEMPLATE, face]), TEMPLATE)
    with pytest.raises(DataError, match="face 0 "):
        similarity_transform(face, TEMPLATE)


@pytest.mark.parametrize("shape", [(5,), (4, 2), (2, 5, 3), (1, 1, 5, 2)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="got"):
        similarity_transform(np.ones(shape), TEMPLATE)


def test_no_faces_give_no_matrices() -> None:
    assert similarity_transform(np.empty((0, 5, 2)), TEMPLATE).shape == (0, 2, 3)
