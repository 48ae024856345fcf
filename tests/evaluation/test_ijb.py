from pathlib import Path

import numpy as np
import pytest

from mfn.align.warp import align_face
from mfn.benchmarks.ijb import IjbSet, read_ijb
from mfn.benchmarks.ijb_tables import Subjects
from mfn.errors import BrokenImageError, DataError
from mfn.evaluation.embedding_cache import EmbeddingCache
from mfn.evaluation.ijb import AlignedFaces, run_ijb
from mfn.evaluation.templates import Templates, search_gallery, verify_templates
from mfn.synthetic.dataset import SyntheticFaces
from tests.benchmarks.ijb_files import PEOPLE, SIZE, template_of, write_ijb
from tests.evaluation.tiny import tiny_embedder

EMBEDDER = tiny_embedder(SIZE)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ijb") / "IJBC"
    write_ijb(root)
    return root


def pooled_slowly(
    ijb: IjbSet, flip: str, keep_norm: bool, detector_weight: bool, media_pooling: bool
) -> dict[int, np.ndarray]:
    """Template embeddings by plain loops, step by step as InsightFace's ijb_11.py goes."""
    features = []
    for index in range(len(ijb.source)):
        crop = align_face(ijb.source.image(index), ijb.landmarks[index], EMBEDDER.contract)
        plain, mirrored = EMBEDDER.raw(crop[None])[0].numpy(), EMBEDDER.raw(crop[None, :, ::-1].copy())[0].numpy()
        feature = {"none": plain, "sum": plain + mirrored, "concat": np.concatenate([plain, mirrored])}[flip]
        feature = feature if keep_norm else feature / np.linalg.norm(feature)
        features.append(feature * (ijb.scores[index] if detector_weight else 1))
    templates = {}
    for template in np.unique(ijb.templates):
        total = 0
        for medium in np.unique(ijb.media[ijb.templates == template]):
            rows = np.flatnonzero((ijb.templates == template) & (ijb.media == medium))
            frames = np.stack([features[row] for row in rows])
            total = total + (frames.mean(0) if media_pooling else frames.sum(0))
        templates[int(template)] = total / np.linalg.norm(total)
    return templates


@pytest.mark.parametrize(
    ("flip", "keep_norm", "detector_weight", "media_pooling"),
    [("sum", True, True, True), ("none", False, False, True), ("concat", True, True, False)],
)
def test_both_protocols_against_plain_loops(
    root: Path, flip: str, keep_norm: bool, detector_weight: bool, media_pooling: bool
) -> None:
    ijb = read_ijb(root)
    options = {
        "flip": flip, "keep_norm": keep_norm, "detector_weight": detector_weight, "media_pooling": media_pooling,
    }  # fmt: skip
    verified, searched = run_ijb(EMBEDDER, ijb, **options)
    templates = pooled_slowly(ijb, **options)

    scores = np.array([templates[a] @ templates[b] for a, b in ijb.pairs.tolist()])
    assert (verified.pairs, verified.left_out, verified.missing) == (2 * PEOPLE**2, 0, ())
    assert list(verified.tar) == [1e-1]  # 60 impostor pairs
    strictest = np.sort(scores[~ijb.is_same])[::-1][6]
    assert verified.tar[1e-1] == pytest.approx(np.mean(scores[ijb.is_same] > strictest))
    assert strictest < verified.thresholds[1e-1]
    assert verified.numbers()["tar_at_far_1e-01"] == verified.tar[1e-1]

    assert [found.name for found in searched] == ["ijbc G1", "ijbc G2", "ijbc G1+G2"]
    for found, people in zip(searched, ([0, 2, 4], [1, 3, 5], range(6)), strict=True):
        assert (found.gallery, found.people, found.probes) == (len(people), len(people), 2 * PEOPLE)
        gallery = np.stack([templates[template_of(person, 0)] for person in people])
        firsts = [
            people[int(np.argmax(gallery @ templates[template_of(person, number)]))] == person
            for person in people
            for number in (1, 2)
        ]
        assert found.result.ranks[1] == pytest.approx(np.mean(firsts))
        assert found.result.num_unknown == 2 * (PEOPLE - len(people))


def test_faces_are_aligned_back_to_what_was_drawn(root: Path) -> None:
    ijb = read_ijb(root)
    faces = AlignedFaces(ijb.source, ijb.landmarks, EMBEDDER.contract)
    drawn = SyntheticFaces(PEOPLE, 6, SIZE)
    assert len(faces) == 36 and faces.describe(3) == ijb.source.paths[3]
    for index in (0, 17, 35):
        difference = np.abs(faces.image(index).astype(int) - drawn.image(index))
        assert difference.mean() < 8  # twice interpolated
        assert difference.mean() < np.abs(faces.image(index).astype(int) - drawn.image((index + 6) % 36)).mean() / 2


def test_a_stopped_run_goes_on_and_ends_the_same(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = run_ijb(EMBEDDER, read_ijb(root))
    cache = EmbeddingCache(tmp_path, shard_size=10)
    ijb = read_ijb(root)
    image, seen = ijb.source.image, []

    def fails(index: int) -> np.ndarray:
        if index == 15:
            raise KeyboardInterrupt
        return image(index)

    def counted(index: int) -> np.ndarray:
        seen.append(index)
        return image(index)

    monkeypatch.setattr(ijb.source, "image", fails)
    with pytest.raises(KeyboardInterrupt):
        run_ijb(EMBEDDER, ijb, cache)
    monkeypatch.setattr(ijb.source, "image", counted)
    resumed, _ = run_ijb(EMBEDDER, ijb, cache)
    assert seen == list(range(10, 36))
    assert resumed.numbers() == pytest.approx(whole.numbers(), abs=1e-5)
    moved = ijb.landmarks + 1
    run_ijb(EMBEDDER, type(ijb)(**{**vars(ijb), "landmarks": moved}), cache)
    assert len(seen) == 26 + 36


def test_templates_without_images_are_counted(tmp_path: Path) -> None:
    faces = write_ijb(tmp_path)
    for face in faces[:3]:  # the first person's gallery template
        (tmp_path / "loose_crop" / face.image).unlink()
    (tmp_path / "loose_crop" / faces[5].image).write_bytes(b"no picture")  # and the second probe
    ijb = read_ijb(tmp_path, allow_missing=True)
    with pytest.raises(BrokenImageError, match=r"6\.png"):
        run_ijb(EMBEDDER, ijb)
    verified, searched = run_ijb(EMBEDDER, ijb, strict=False)
    assert (verified.pairs, verified.left_out) == (72 - 12 - 5, 12 + 5)
    assert verified.missing[:3] == ("1.png", "2.png", "3.png") and verified.missing[3].endswith("6.png")
    assert (searched[0].gallery, searched[0].probes, searched[0].result.num_known) == (2, 11, 4)


def test_templates_are_found_by_id() -> None:
    rows = np.eye(3, dtype=np.float32)
    templates = Templates.of(rows, np.array([7, 2, 5]))
    assert templates.find(np.array([5, 2, 6, 7, 99])).tolist() == [2, 1, -1, 0, -1]
    verified = verify_templates(
        "few", templates, np.array([[7, 7], [2, 5], [2, 6], [5, 5]]), np.array([True, False, True, True])
    )
    assert (verified.pairs, verified.left_out, verified.area) == (3, 1, 1.0)
    nobody = Subjects(np.array([99]), np.array([1]))
    with pytest.raises(DataError, match="few: no template"):
        search_gallery("few", templates, nobody, nobody)
