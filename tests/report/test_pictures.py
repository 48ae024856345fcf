from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mfn.evaluation.identification import IdentificationResult
from mfn.evaluation.verification_result import VerificationResult
from mfn.metrics.identification import identify
from mfn.metrics.verification import roc
from mfn.report.curve_points import operating_points
from mfn.report.det import det_curves
from mfn.report.figures import INK, pixels, save_png, svg
from mfn.report.pictures import cmc_curves, roc_curves, score_histograms
from mfn.report.training_pictures import learning_curve


def test_few_points_of_a_curve_say_the_same_as_all() -> None:
    rng = np.random.default_rng(0)
    same = np.arange(4000) % 2 == 0
    curve = roc(rng.normal(size=4000) + same, same)
    far, tar = operating_points(curve, 50)
    assert len(far) <= 50
    assert far[0] == curve.far[curve.far > 0].min()
    assert (far[-1], tar[-1]) == (1, 1)
    for rate, reached in zip(far, tar, strict=True):
        assert reached == max(t for f, t in zip(curve.far, curve.tar, strict=True) if f <= rate)


@pytest.mark.parametrize("draw", [roc_curves, det_curves, score_histograms])
def test_one_figure_is_drawn_as_png_svg_and_pixels(
    draw, judged: VerificationResult, plain_verdict: VerificationResult, tmp_path
) -> None:
    figure = draw([judged, plain_verdict])
    save_png(figure, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert [file.name for file in tmp_path.iterdir()] == ["figure.png"]
    element = svg(figure)
    assert element.startswith("<svg")
    assert "made &lt;b&gt;&amp;$^ up" in element
    assert INK not in element
    shot = pixels(figure)
    assert shot.dtype == np.uint8
    assert shot.shape[2] == 3
    assert shot.std() > 5


def test_perfect_scores_have_curves_too(tmp_path: Path, plain_verdict: VerificationResult) -> None:
    same = np.arange(40) % 2 == 0
    perfect = replace(plain_verdict, curve=roc(same * 1.0, same), scores=same.astype(np.float32), is_same=same, eer=0.0)
    for draw in (roc_curves, det_curves, score_histograms):
        save_png(draw([perfect]), tmp_path / "perfect.png")


def test_cmc_curve_shows_every_gallery() -> None:
    embeddings = np.eye(6, dtype=np.float32)
    result = identify(embeddings, np.arange(6), embeddings[:4], np.arange(4))
    line = cmc_curves([IdentificationResult(name, 4, 4, 6, result) for name in ("near", "centre")]).axes[0].lines[1]
    assert line.get_label() == "centre"
    assert np.array_equal(line.get_ydata(), result.cmc)


def test_a_learning_curve_has_a_panel_for_what_was_measured_alone() -> None:
    line = [(0, 1.0), (10, 0.5)]
    figure = learning_curve({"train/loss": line, "train/embedding_loss": line, "lr-AdamW/head": line})
    drawn = [axes for axes in figure.axes if axes.lines]
    assert [len(axes.lines) for axes in drawn] == [2, 1]
    assert not any(axes.axison for axes in figure.axes if axes not in drawn)
