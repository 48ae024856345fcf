"""Rates by group, counts and discard curves as they are told: sentences, JSON, pictures and pages."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from mfn.benchmarks.verification import VerificationSet
from mfn.contract import InputContract
from mfn.evaluation.embedding import ImageEmbeddings
from mfn.evaluation.groups import GroupChoice, between, group_reports
from mfn.evaluation.identification import IdentificationResult
from mfn.evaluation.pair_scores import pair_scores
from mfn.evaluation.quality import QualityChoice, quality_curves
from mfn.evaluation.verification_result import VerificationResult
from mfn.metrics.group_rates import Rate
from mfn.metrics.identification import identify
from mfn.report.counts import closed_set_rows, counted, counted_rows, open_set_rows
from mfn.report.det import det_curves
from mfn.report.evaluation import write_report
from mfn.report.figures import pixels
from mfn.report.group_pictures import group_figures
from mfn.report.group_tables import group_rows, group_sentences


@pytest.fixture(scope="module")
def grouped(pairs: VerificationSet, judged: VerificationResult) -> VerificationResult:
    rng = np.random.default_rng(1)
    rows = np.repeat(rng.normal(size=(8, 16)), 5, axis=0) + 0.8 * rng.normal(size=(40, 16))
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = (rows / norms).astype(np.float32)
    told = replace(pairs, groups=None, attributes={"<b>$^": np.where(np.arange(40) < 20, "one $x", "two &")})
    scored = pair_scores(told, np.arange(40), unit)
    found, _ = group_reports(told, np.arange(40), unit, scored, GroupChoice(by=("<b>$^",), fmr=0.1), 20)
    embedded = ImageEmbeddings(np.arange(40), rows.astype(np.float32), None)
    curves, _ = quality_curves(told, embedded, scored, QualityChoice(by=("norm",), fmr=0.1))
    return replace(judged, by_group=found, discards=curves)


@pytest.mark.parametrize(
    ("errors", "comparisons", "said"),
    [
        (0, 3000, "0 of 3,000: below 1e-3 with 95 % confidence (rule of 3)"),
        (12, 3000, "12 of 3,000; 30 errors are needed for ±30 % with 90 % confidence (rule of 30)"),
        (30, 3000, "30 of 3,000: within ±30 % with 90 % confidence (rule of 30)"),
        (0, 0, "no comparisons"),
    ],
    ids=["none", "few", "enough", "nothing"],
)
def test_a_count_says_how_far_it_can_be_trusted(errors: int, comparisons: int, said: str) -> None:
    assert counted(errors, comparisons) == said


def test_counts_are_those_at_the_thresholds(judged: VerificationResult) -> None:
    for row, far in zip(counted_rows(judged), sorted(judged.tar, reverse=True), strict=True):
        wrong = (judged.scores >= judged.thresholds[far]) != judged.is_same
        for name, kind in (("false matches", ~judged.is_same), ("false non-matches", judged.is_same)):
            assert row[name].startswith(f"{np.count_nonzero(wrong & kind):,} of {np.count_nonzero(kind):,}")


def test_a_search_is_told_with_its_gallery_and_larger_ones_are_marked() -> None:
    rng = np.random.default_rng(0)
    gallery = np.eye(20, 32)
    probes = np.concatenate([gallery + 0.3 * rng.normal(size=(20, 32)), rng.normal(size=(50, 32))])
    probes = probes / np.linalg.norm(probes, axis=1, keepdims=True)
    result = identify(probes, np.arange(70), gallery, np.arange(20), fpirs=(0.1,))
    searched = IdentificationResult("one", 20, 20, 70, result, larger=2000)
    (row,) = open_set_rows(searched, searched.larger)
    top = (probes @ gallery.T).max(axis=1)[20:]
    assert row["strangers found"].startswith(f"{np.count_nonzero(top >= result.thresholds[0.1])} of 50")
    assert "FNIR(N=20, R=1, T) %" in row and float(row["FPIR expected for N=2,000 (extrapolated)"]) > 0.9
    assert result.numbers()["fnir_at_fpir_1e-01"] == pytest.approx(1 - result.tpir[0.1])
    assert searched.numbers()["fpir_extrapolated_1e-01"] > 0.9
    assert [each["R"] for each in closed_set_rows(searched)] == ["1", "5", "10"]


def test_groups_too_small_are_named_and_rows_have_counts(grouped: VerificationResult) -> None:
    report = grouped.by_group[0]
    assert [row["group"] for row in group_rows(report)] == ["everybody", "one $x", "two &"]
    sentences = " ".join(group_sentences(report))
    assert "too small for FMR (fewer than 10 people" in sentences and "one $x, two &" in sentences


def test_pictures_and_files_of_a_run_hold_groups_and_curves(
    grouped: VerificationResult, pairs: VerificationSet, tmp_path: Path
) -> None:
    assert sorted(group_figures([grouped])) == ["discard", "groups_1"]
    files = write_report(tmp_path, "net.ckpt", InputContract(), [grouped], {pairs.name: pairs})
    assert {"groups_1.png", "discard.png", "det.png"} <= {file.name for file in files}
    told = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["sets"][grouped.name]
    (rates,) = told["group_rates"]
    assert rates["by"] == "<b>$^" and [row["name"] for row in rates["groups"]] == ["one $x", "two &"]
    row = rates["groups"][0]["fmr"]
    assert row["rate"] == pytest.approx(row["errors"] / row["comparisons"])
    assert told["error_versus_discard"][0]["discard_limit"] == 0.3
    assert told["impostor_pairs"] + told["genuine_pairs"] == told["pairs"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Groups by &lt;b&gt;$^" in page and "<b>$^" not in page and "rule of 30" in page


def test_pictures_of_many_groups_with_long_names_can_be_read(grouped: VerificationResult) -> None:
    (report,) = grouped.by_group
    first, names = report.rates.groups[0], [f"group {n:02}, of people with a name that is very long" for n in range(20)]
    enough = replace(first, fmr=Rate(3, 4000, 2e-4, 3e-3, True), fnmr=Rate(0, 0, None, None, False))
    rows = tuple(replace(enough, name=name) for name in names)
    across = tuple(replace(enough, name=between(one, other)) for one, other in pairwise(names))
    many = replace(report, rates=replace(report.rates, groups=rows, between=across))
    figures = group_figures([replace(grouped, by_group=(many,))])
    assert list(figures) == ["groups_1", "between_groups_1", "discard"]
    for name in ("groups_1", "between_groups_1"):
        figure = figures[name]
        axes = figure.axes[0]
        pixels(figure)
        labels = [text.get_window_extent() for text in axes.get_yticklabels()]
        assert len(labels) == 20 and all(high.y0 > low.y1 for high, low in pairwise(labels))  # from top to bottom
        ticks = [text.get_window_extent() for text in axes.get_xticklabels()]
        assert len(ticks) > 1 and all(one.x1 < other.x0 for one, other in pairwise(ticks))
        assert min(label.x0 for label in labels) >= 0
    assert sum(text.get_text() == "no comparisons" for text in figures["groups_1"].axes[1].texts) == 20


def test_a_det_curve_of_normal_scores_is_a_straight_line(judged: VerificationResult) -> None:
    from statistics import NormalDist

    from mfn.metrics.verification import roc

    quantiles = np.array([NormalDist().inv_cdf((step + 0.5) / 4000) for step in range(4000)])
    scores, same = np.concatenate([quantiles + 2, quantiles]), np.arange(8000) < 4000
    figure = det_curves([replace(judged, curve=roc(scores, same), eer=NormalDist().cdf(-1))])
    line = figure.axes[0].lines[0]
    x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    inner = (x > -2) & (x < 0)
    np.testing.assert_allclose(x[inner] + y[inner], -2, atol=0.05)
