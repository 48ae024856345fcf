import numpy as np
import pytest

from mfn.errors import DataError
from mfn.metrics.templates import pool_templates


def image2template(embeddings: np.ndarray, templates: np.ndarray, media: np.ndarray) -> np.ndarray:
    """InsightFace's definition, written plainly."""
    pooled = []
    for template in np.unique(templates):
        mine = templates == template
        means = [embeddings[mine & (media == medium)].mean(axis=0) for medium in np.unique(media[mine])]
        total = np.sum(means, axis=0)
        pooled.append(total / np.linalg.norm(total))
    return np.array(pooled)


@pytest.fixture
def images() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return (
        random.normal(size=(300, 5)),
        random.integers(20, size=300) * 3,
        random.integers(9, size=300),
        random.random(300),
    )


def test_templates_are_those_of_insightface(images: tuple[np.ndarray, ...]) -> None:
    embeddings, templates, media, detector = images
    rows, names = pool_templates(embeddings, templates, media)
    assert names.tolist() == sorted(set(templates.tolist()))
    assert rows == pytest.approx(image2template(embeddings, templates, media), abs=1e-6)
    weighted, _ = pool_templates(embeddings, templates, media, detector)
    assert weighted == pytest.approx(image2template(embeddings * detector[:, None], templates, media), abs=1e-6)


def test_without_media_all_images_count_alike(images: tuple[np.ndarray, ...]) -> None:
    embeddings, templates, media, _ = images
    rows, _ = pool_templates(embeddings, templates, media, media_pooling=False)
    assert rows == pytest.approx(image2template(embeddings, templates, np.arange(300)), abs=1e-6)


def test_each_image_needs_a_template() -> None:
    with pytest.raises(DataError, match="a template and a medium"):
        pool_templates(np.eye(3), [0, 0], [0, 0])
