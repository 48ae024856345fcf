"""A stored threshold goes with the mirror setting with which it was measured."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from mfn.errors import ConfigError
from mfn.evaluation.embedding import embed_images
from mfn.evaluation.verification_result import VerificationResult
from mfn.inference.embedder import FaceEmbedder
from mfn.inspection.networks import inspect_checkpoint
from mfn.report import evaluation
from mfn.synthetic.dataset import SyntheticFaces
from tests.commands.evaluating import judge_with, write_files
from tests.small_run import SIZE, save_small_checkpoint


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(tmp_path_factory.mktemp("judging"))


@pytest.mark.slow
def test_a_threshold_says_nothing_about_another_mirror_setting(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    network = save_small_checkpoint(tmp_path)
    drawn: list[float | None] = []
    draw = evaluation.score_histograms

    def noted(results: Sequence[VerificationResult], threshold: float | None) -> Figure:
        drawn.append(threshold)
        return draw(results, threshold)

    monkeypatch.setattr(evaluation, "score_histograms", noted)
    benchmark = ("benchmark=lfw", f"benchmark.root={files / 'packs'}")
    judge_with(tmp_path, tmp_path / "run", *benchmark, "store_threshold=0.1", "flip=sum")
    facts = inspect_checkpoint(network).facts
    assert "flip=sum" in str(facts["threshold"]) and "comparisons of two people" in str(facts["scores"])
    contract = FaceEmbedder.load(network).contract
    measured = contract.measured
    assert measured is not None and measured.flip == "sum" and contract.threshold is not None
    assert measured.impostors > 0 and measured.fmr_at(contract.threshold) < 0.5
    judge_with(tmp_path, tmp_path / "run", *benchmark, "flip=sum")
    assert drawn[0] == drawn[1] is not None and "stored threshold" not in caplog.text
    judge_with(tmp_path, tmp_path / "run", *benchmark, "flip=none")
    assert drawn[2] is None
    assert "the stored threshold is for flip=sum and says nothing about flip=none" in caplog.text


def test_an_embedder_takes_the_mirror_setting_of_its_threshold(tmp_path: Path) -> None:
    embedder, faces = FaceEmbedder.load(save_small_checkpoint(tmp_path)), SyntheticFaces(4, 1, image_size=SIZE)
    images = np.stack([faces.image(index) for index in range(4)])
    for flip in ("none", "sum", "concat"):
        judged = embed_images(embedder, faces, flip=flip).unit(flip)
        np.testing.assert_allclose(embedder(images, flip=flip), judged, atol=1e-5)
    np.testing.assert_array_equal(embedder(images), embedder(images, "none"))
    np.testing.assert_array_equal(embedder(images, True), embedder(images, "sum"))
    with pytest.raises(ConfigError, match="none, sum or concat"):
        embedder(images, "twice")
