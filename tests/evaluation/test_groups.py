"""Groups of a judged set: what is asked for, what the set brings, and what cannot be said."""

from pathlib import Path

import numpy as np
import pytest

from mfn.benchmarks.attributes import read_attributes
from mfn.errors import DataError
from mfn.evaluation.embedding import ImageEmbeddings
from mfn.evaluation.groupings import gap_groups, image_groups, same_groups
from mfn.evaluation.groups import GroupChoice, group_reports
from mfn.evaluation.pair_scores import pair_scores
from mfn.evaluation.quality import QualityChoice, quality_curves
from tests.evaluation.test_verification_result import PEOPLE, embeddings, toy_set

GENDER = np.where(PEOPLE % 2, "m", "f")


def reports(choice: GroupChoice, **fields: object):
    pairs = toy_set(identities=PEOPLE, **fields)
    scored = pair_scores(pairs, np.arange(100), embeddings())
    return group_reports(pairs, np.arange(100), embeddings(), scored, choice, 20)


def test_groups_are_of_images_and_of_two_crossed_columns() -> None:
    young = np.where(PEOPLE < 10, "12", "55")
    found, notes = reports(GroupChoice(by=("g", "age"), bins=(18,), fmr=0.1), attributes={"g": GENDER, "age": young})
    assert [row.name for row in found[0].rates.groups] == ["f, <18", "f, >=18", "m, <18", "m, >=18"]
    every = [*found[0].rates.groups, *found[0].rates.between]
    assert sum(row.fmr.comparisons for row in every) == 100 and sum(row.fnmr.comparisons for row in every) == 100
    assert found[0].rates.overall.fmr.errors == 10 and found[0].unknown == 0 and not notes


def test_all_comparisons_support_rates_that_the_pairs_do_not() -> None:
    pairs, notes = reports(GroupChoice(by=("g",), fmr=1e-3), attributes={"g": GENDER})
    assert not pairs and "100 impostor comparisons are too few" in notes[0]
    found, notes = reports(GroupChoice(by=("g",), fmr=1e-3, comparisons="all"), attributes={"g": GENDER})
    assert not notes and found[0].rates.overall.fmr.comparisons == 20 * 19 // 2 * 25
    assert found[0].rates.overall.fmr.value == pytest.approx(1e-3, rel=0.3)


def test_the_stored_threshold_and_the_groups_of_pairs_are_judged_too() -> None:
    labels = np.where(np.arange(200) < 100, "kin", "strangers")
    found, _ = reports(GroupChoice(fmr=0.1, stored=0.9), groups=labels)
    assert [(each.by, each.at) for each in found] == [
        ("group of the pair", "FMR 0.1 over everybody"),
        ("group of the pair", "the stored threshold"),
    ]
    assert found[1].threshold == 0.9 and [row.name for row in found[1].rates.groups] == ["kin", "strangers"]


def test_images_of_no_known_group_count_for_everybody_alone(tmp_path: Path) -> None:
    known = np.where(PEOPLE < 5, "", GENDER)
    found, notes = reports(GroupChoice(by=("g",), fmr=0.1), attributes={"g": known})
    assert "25 of 100 images" in notes[0] and found[0].unknown > 0
    (tmp_path / "a.csv").write_text("identity,g\nnobody,f\n")
    with pytest.raises(DataError, match="names none of the persons of toy"):
        reports(GroupChoice(by=("g",), table=read_attributes(tmp_path / "a.csv")))
    with pytest.raises(DataError, match="nothing says age of the images of toy: known are g"):
        reports(GroupChoice(by=("age",)), attributes={"g": GENDER})


def test_pairs_are_grouped_by_how_far_apart_and_by_what_they_share() -> None:
    pairs = np.array([[0, 1], [0, 2], [1, 3]])
    gap = gap_groups("age", np.array(["10", "12", "40", ""]), pairs, (5, 20))
    assert gap.names == ("<5", "5 to <20", ">=20") and gap.codes.tolist() == [0, 2, -1]
    kin = same_groups("family", np.array(["a", "a", "b", ""]), pairs)
    assert kin.names == ("same family", "other family") and kin.codes.tolist() == [0, 1, -1]
    with pytest.raises(DataError, match="'old' is none"):
        gap_groups("age", np.array(["old", "1"]), np.array([[0, 1]]))
    with pytest.raises(DataError, match="edges of bins must rise"):
        gap_groups("age", np.array(["1", "2"]), np.array([[0, 1]]), (3, 3))


def test_numbers_go_into_quarters_and_words_stay_words() -> None:
    quarters = image_groups({"age": np.arange(100).astype(str)})
    assert len(quarters.names) == 4 and np.ptp(np.bincount(quarters.codes)) <= 1
    assert image_groups({"glasses": np.array(["0", "1", "0"])}).names == ("0", "1")
    with pytest.raises(DataError, match="make 60 groups"):
        image_groups({"name": np.array([f"n{number}" for number in range(60)])})


def test_quality_by_norm_and_by_column(tmp_path: Path) -> None:
    pairs, rows = toy_set(identities=PEOPLE), embeddings()
    scored = pair_scores(pairs, np.arange(100), rows)
    good = np.full(100, 5.0)
    refused = np.sort(scored.cosines[~scored.is_same])[-11]
    threshold = scored.cosines[scored.cosines > refused].min()
    wrong = scored.is_same & (scored.cosines < threshold)
    good[pairs.pairs[wrong].ravel()] = 1.0  # the images of false non-matches have short embeddings
    embedded = ImageEmbeddings(np.arange(100), (rows * good[:, None]).astype(np.float32), None)
    (curve,), _ = quality_curves(pairs, embedded, scored, QualityChoice(by=("norm",), limit=0.9, fmr=0.1))
    assert curve.threshold == pytest.approx(float(threshold)) and curve.curve.errors == wrong.sum() > 0
    assert curve.curve.rates[-1] == 0 and curve.curve.gain is not None and curve.curve.gain > 0.2
    none, notes = quality_curves(pairs, embedded, scored, QualityChoice(by=("norm",), fmr=1e-3))
    assert not none and "too few" in notes[0]
    with pytest.raises(DataError, match=r"quality.by=sharp is neither .* needs quality.file"):
        quality_curves(pairs, embedded, scored, QualityChoice(by=("sharp",), fmr=0.1))
