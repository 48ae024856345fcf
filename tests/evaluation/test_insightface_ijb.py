"""IJB-B and IJB-C against InsightFace's own scripts, restated, on the same made-up set; and where they differ."""

from pathlib import Path

import numpy as np
import pytest

from mfn.benchmarks.ijb import read_ijb
from mfn.evaluation.embedding import embed_images
from mfn.evaluation.ijb import AlignedFaces, pooled, run_ijb
from mfn.evaluation.templates import Templates, pair_cosines, verify_templates
from mfn.metrics.identification import identify
from mfn.metrics.verification import roc
from tests.benchmarks.ijb_files import PEOPLE, SIZE, write_ijb
from tests.evaluation import insightface_ijb as insightface
from tests.evaluation.tiny import tiny_embedder

EMBEDDER = tiny_embedder(SIZE, dim=4)  # of few dimensions, so that it errs


def network(crop: np.ndarray) -> np.ndarray:
    return EMBEDDER.raw(crop[None])[0].numpy()


@pytest.fixture(scope="module", params=["ijbb", "ijbc"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    root = tmp_path_factory.mktemp(request.param)
    write_ijb(root, request.param)
    return root, request.param


def theirs(root: Path, name: str, chosen: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    lines = [line.split() for line in (root / f"meta/{name}_face_tid_mid.txt").read_text().splitlines()]
    templates, media = (np.array([int(line[column]) for line in lines]) for column in (1, 2))
    features = insightface.image_features(root, name, network, np.array(EMBEDDER.contract.template), SIZE)
    return insightface.image2template(insightface.weighted(features, root, name), templates, media, chosen)


def ours(root: Path, name: str) -> Templates:
    ijb = read_ijb(root, name)
    embedded = embed_images(EMBEDDER, AlignedFaces(ijb.source, ijb.landmarks, EMBEDDER.contract), flip="sum")
    return pooled(ijb, embedded, "sum", keep_norm=True, detector_weight=True, media_pooling=True)


def test_templates_and_scores_are_the_same(both: tuple[Path, str]) -> None:
    (rows, ids), templates = theirs(*both), ours(*both)
    assert len(templates.rows) == len(ids) == 3 * PEOPLE
    # Not closer, since matrices are rounded another way, and with them a pixel here and there by one level
    np.testing.assert_allclose(templates.rows[templates.find(ids)], rows, atol=1e-4)
    pairs = np.loadtxt(both[0] / f"meta/{both[1]}_template_pair_label.txt", int)[:, :2]
    np.testing.assert_allclose(
        pair_cosines(templates, templates.find(pairs)), insightface.scores_of(rows, ids, pairs), atol=1e-4
    )


def test_rates_are_the_same_where_the_curve_has_a_point_at_the_far(both: tuple[Path, str]) -> None:
    verified, _ = run_ijb(EMBEDDER, read_ijb(*both))
    pairs = np.loadtxt(both[0] / f"meta/{both[1]}_template_pair_label.txt", int)
    scores, is_same = insightface.scores_of(*theirs(*both), pairs[:, :2]), pairs[:, 2] == 1
    assert list(verified.tar) == [0.1] and np.count_nonzero(~is_same) == 60  # of which 0.1 is 6
    tar, far = insightface.tar_at(is_same, scores, 0.1, thinned=False)
    assert far == pytest.approx(0.1) and verified.tar[0.1] == pytest.approx(tar) and 0 < tar < 1
    for impostors in range(61):
        tar, far = insightface.tar_at(is_same, scores, impostors / 60, thinned=False)
        assert far == pytest.approx(impostors / 60)
        assert verified.curve.at_far(impostors / 60 + 1e-9).tar == pytest.approx(tar)


def test_theirs_takes_the_nearest_far_also_one_above_and_ours_never_more_than_asked() -> None:
    is_same = np.array([1, 0, 1, 1, 0, 1, 0, 0, 1, 0], bool)
    scores = np.linspace(1, 0.1, 10)
    nearest = insightface.tar_at(is_same, scores, 0.15)
    assert nearest == (pytest.approx(0.6), 0.2)  # one impostor of five is accepted, though 0.15 was asked for
    assert roc(scores, is_same).at_far(0.15).tar == pytest.approx(0.2)
    assert roc(scores, is_same).at_far(0.2).tar == pytest.approx(0.6)
    # A rate that the impostor pairs do not support: theirs has a figure, ours has none
    assert insightface.tar_at(is_same, scores, 1e-3) == (pytest.approx(0.2), 0.0)
    templates = Templates(np.eye(4, dtype=np.float32)[:, :4], np.arange(4, dtype=np.int32))
    pairs = np.array([[0, 0], [0, 1], [1, 2], [1, 1]])
    assert verify_templates("few", templates, pairs, np.array([True, False, False, True])).tar == {}


def test_theirs_leaves_points_out_of_the_curve_and_ours_none() -> None:
    """Ten impostors in a row: scikit-learn keeps their ends alone, so that the nearest point may be far away."""
    is_same = np.array([1] + [0] * 10 + [1], bool)
    scores = np.linspace(1, 0, 12)
    assert insightface.tar_at(is_same, scores, 0.6) == (1.0, 1.0)
    assert insightface.tar_at(is_same, scores, 0.6, thinned=False) == (0.5, pytest.approx(0.6))
    assert roc(scores, is_same).at_far(0.6).tar == 0.5


def test_the_restated_curve_is_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for digits in (8, 1):  # with ties
        is_same, scores = rng.random(200) < 0.3, np.round(rng.random(200), digits)
        false, true, _ = metrics.roc_curve(is_same, scores)
        mine = insightface.roc_curve(is_same, scores)
        assert np.array_equal(mine[0], false) and np.array_equal(mine[1], true)


def subjects(root: Path, file: str) -> tuple[np.ndarray, np.ndarray]:
    rows = np.loadtxt(root / "meta" / file, int, delimiter=",", skiprows=1, usecols=(0, 1))
    ids, first = np.unique(rows[:, 0], return_index=True)
    return ids, rows[first, 1]


def test_ranks_in_both_galleries_together_are_the_same(both: tuple[Path, str]) -> None:
    root, name = both
    parts = ("G1", "G2") if name == "ijbc" else ("S1", "S2")
    gallery = [subjects(root, f"{name}_1N_gallery_{part}.csv") for part in parts]
    enrolled, owners = (np.concatenate(side) for side in zip(*gallery, strict=True))
    order = np.argsort(enrolled)
    rows, _ = theirs(root, name, enrolled)
    searched_for, people = subjects(root, f"{name}_1N_probe_mixed.csv")
    probes, _ = theirs(root, name, searched_for)
    tops, _ = insightface.one_to_n(probes, people, rows, owners[order])
    _, searched = run_ijb(EMBEDDER, read_ijb(root, name))
    together = searched[2].result
    assert searched[2].name == f"{name} {'+'.join(parts)}" and together.ranks == pytest.approx(tops)
    assert tops[1] < 1 and together.num_unknown == 0 and together.tpir == {}


def test_fpir_is_of_people_who_are_not_enrolled(both: tuple[Path, str]) -> None:
    """Ours, for each gallery by itself: at most this share of the other gallery's people find anybody (NIST)."""
    root, name = both
    _, searched = run_ijb(EMBEDDER, read_ijb(root, name))
    searched_for, people = subjects(root, f"{name}_1N_probe_mixed.csv")
    probes, _ = theirs(root, name, searched_for)
    for found, part in zip(searched[:2], ("G1", "G2") if name == "ijbc" else ("S1", "S2"), strict=True):
        enrolled, owners = subjects(root, f"{name}_1N_gallery_{part}.csv")
        rows, _ = theirs(root, name, enrolled)
        scores = probes @ rows.T
        known, top = np.isin(people, owners), scores.max(axis=1)
        assert found.result.num_unknown == 6 and found.result.tpir == {}  # one of 6 is more than 0.1
        refused = np.sort(top[~known])[-2]  # one of 6 may pass at 0.2
        right = (owners[scores.argmax(axis=1)] == people) & (top > refused)
        judged = identify(probes, people, rows, owners, fpirs=(0.2,))
        assert judged.tpir[0.2] == pytest.approx(right[known].mean()) and judged.reached[0.2] == pytest.approx(1 / 6)


def test_their_rates_let_one_probe_count_many_times() -> None:
    """Ten people enrolled, each searched for once: nine of them are told apart, and of the last one all are alike."""
    gallery = np.eye(10)
    probes = np.eye(10)
    probes[9] = np.full(10, 1 / np.sqrt(10))
    _, rates = insightface.one_to_n(probes, np.arange(10), gallery, np.arange(10), fars=(0.1, 0.5))
    assert rates == {0.1: 0.9, 0.5: 0.9}  # the five wrong scores that may pass are all of the one probe
    alone = identify(probes, np.arange(10), gallery[:9], np.arange(9), fpirs=(0.5, 1.0))
    assert alone.num_unknown == 1 and list(alone.tpir) == [1.0]  # one stranger supports no rate below 1
