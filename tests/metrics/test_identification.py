"""Identification against the full matrix of scores, sorted probe by probe."""

import numpy as np
import pytest

from mfn.errors import DataError
from mfn.metrics import identification
from mfn.metrics.identification import centroids, identify
from mfn.metrics.scores import unit


def people(seed: int = 0, single: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Probes of 30 people, of whom a gallery in no order has 20."""
    random = np.random.default_rng(seed)
    means = random.normal(size=(30, 8))

    def images(labels: np.ndarray) -> np.ndarray:
        return unit((means[labels] + 0.9 * random.normal(size=(len(labels), 8))).astype(np.float32))

    gallery_labels = random.permutation(20) if single else random.permutation(np.arange(90) % 20)
    probe_labels = random.integers(30, size=200)
    return images(probe_labels), 10 * probe_labels, images(gallery_labels), 10 * gallery_labels


def slow_identify(
    probes: np.ndarray, probe_labels: np.ndarray, gallery: np.ndarray, gallery_labels: np.ndarray, fpir: float
) -> tuple[list[int], float, float]:
    """Rank of each known probe, mean average precision, TPIR."""
    ranks, precisions, known_tops, unknown_tops = [], [], [], []
    for probe, label in zip(probes, probe_labels, strict=True):
        order = np.argsort(-(gallery @ probe))
        found = gallery_labels[order].tolist()
        top = float((gallery @ probe).max())
        if label not in found:
            unknown_tops.append(top)
            continue
        ranks.append(1 + list(dict.fromkeys(found)).index(label))
        hits = [place for place, one in enumerate(found, start=1) if one == label]
        precisions.append(np.mean([count / place for count, place in enumerate(hits, start=1)]))
        known_tops.append(top)
    tpir = 0.0
    for threshold in known_tops:
        if np.mean(np.array(unknown_tops) >= threshold) <= fpir:
            right = [rank == 1 and top >= threshold for rank, top in zip(ranks, known_tops, strict=True)]
            tpir = max(tpir, float(np.mean(right)))
    return ranks, float(np.mean(precisions)), tpir


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("cells", [1, 90 * 64, 1 << 25])
def test_numbers_are_those_of_a_full_sort(single: bool, cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identification, "BLOCK_CELLS", cells)
    case = people(single=single)
    result = identify(*case, ranks=(1, 5, 50), fpirs=(0.1, 0.3))
    ranks, mean_precision, tpir = slow_identify(*case, fpir=0.1)
    assert result.cmc == pytest.approx([np.mean([rank <= k for rank in ranks]) for k in range(1, 21)])
    assert result.ranks == {1: result.cmc[0], 5: result.cmc[4], 50: 1}
    assert 0.2 < result.ranks[1] < result.ranks[5] < 1
    assert result.map == pytest.approx(mean_precision)
    assert result.tpir[0.1] == pytest.approx(tpir)
    assert 0.05 < result.tpir[0.1] < result.tpir[0.3] < result.ranks[1]
    assert (result.num_known, result.num_unknown, result.num_identities) == (len(ranks), 200 - len(ranks), 20)


def test_thresholds_keep_to_the_rate_and_are_the_lowest_that_do() -> None:
    probes, labels, gallery, gallery_labels = people()
    result = identify(probes, labels, gallery, gallery_labels, fpirs=(0.1,))
    tops = (probes @ gallery.T).max(1)[~np.isin(labels, gallery_labels)]
    threshold = result.thresholds[0.1]
    assert (tops >= threshold).mean() <= 0.1 < (tops >= tops[tops < threshold].max()).mean()


def test_rates_that_too_few_unknown_probes_support_are_left_out() -> None:
    probes, labels, gallery, gallery_labels = people()
    assert list(identify(probes, labels, gallery, gallery_labels, fpirs=(1e-3, 1e-1)).tpir) == [1e-1]
    known = np.isin(labels, gallery_labels)
    closed = identify(probes[known], labels[known], gallery, gallery_labels)
    assert closed.tpir == closed.thresholds == {}
    assert closed.numbers()["rank_1"] == closed.ranks[1]


def test_ties_count_against_us() -> None:
    one = np.array([[1.0, 0.0]])
    result = identify(one, [0], np.repeat(one, 3, axis=0), [0, 1, 1])
    assert result.cmc.tolist() == [0, 1]
    assert result.map == pytest.approx(1 / 3)


def test_centroids_are_mean_directions() -> None:
    random = np.random.default_rng(0)
    embeddings, labels = random.normal(size=(50, 6)), random.choice([3, 8, 5], 50)
    rows, names = centroids(embeddings, labels)
    assert names.tolist() == [3, 5, 8]
    for row, name in zip(rows, names, strict=True):
        mean = np.mean([e / np.linalg.norm(e) for e in embeddings[labels == name]], axis=0)
        assert row == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)


def test_a_gallery_of_centroids_finds_more_than_one_of_images() -> None:
    probes, labels, gallery, gallery_labels = people()
    nearest = identify(probes, labels, gallery, gallery_labels)
    averaged = identify(probes, labels, *centroids(gallery, gallery_labels))
    assert averaged.num_identities == nearest.num_identities
    assert averaged.ranks[1] > nearest.ranks[1]


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(DataError, match="no probe shows anybody"):
        identify(np.eye(2), [7, 8], np.eye(2), [0, 1])
    with pytest.raises(DataError, match="one label each"):
        identify(np.eye(2), [0], np.eye(2), [0, 1])
    with pytest.raises(DataError, match="not finite"):
        identify(np.eye(2), [0, 1], np.full((2, 2), np.nan), [0, 1])
