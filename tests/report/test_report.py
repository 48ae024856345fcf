import json
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from mfn.evaluation.verify import cosines, verdict
from mfn.report.history import read_history
from mfn.report.pictures import learning_curve, roc_curves
from mfn.report.sweep import SweepSummary, sweep_rows
from mfn.report.tables import table


def test_history_joins_the_parts_of_a_resumed_run(tmp_path: Path) -> None:
    for version, rows in {0: "10,,3.0\n20,,2.0\n20,0.6,\n", 1: "20,,1.5\n30,0.7,1.0\n"}.items():
        folder = tmp_path / "csv" / f"version_{version}"
        folder.mkdir(parents=True)
        (folder / "metrics.csv").write_text("step,val/held_out/accuracy,train/loss\n" + rows)
    history = read_history(tmp_path)
    assert history["train/loss"] == [(10, 3.0), (20, 1.5), (30, 1.0)]
    assert history["val/held_out/accuracy"] == [(20, 0.6), (30, 0.7)]
    learning_curve(history, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 10_000


def test_verdict_supports_only_the_fars_that_its_pairs_can_show(tmp_path: Path) -> None:
    embeddings = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    pairs = np.random.default_rng(1).integers(0, 60, (200, 2))
    is_same = np.arange(200) % 2 == 0
    scores = cosines(embeddings, pairs)
    assert scores[7] == pytest.approx(embeddings[pairs[7, 0]] @ embeddings[pairs[7, 1]], abs=1e-6)
    judged = verdict("random", scores, is_same, folds=10)
    assert set(judged.tar) == {0.1, 0.01}
    assert judged.genuine == pytest.approx(scores[is_same].mean())
    roc_curves([judged], tmp_path / "roc.png")
    assert (tmp_path / "roc.png").stat().st_size > 5_000


@pytest.mark.parametrize(("mode", "order"), [("max", ["head=b", "head=a"]), ("min", ["head=a", "head=b"])])
def test_a_sweep_ends_with_its_jobs_best_first(tmp_path: Path, mode: str, order: list[str]) -> None:
    for number, (head, value) in enumerate({"a": 0.8, "b": 0.9}.items()):
        job = tmp_path / str(number)
        job.mkdir()
        summary = {
            "metric": "val/held_out/accuracy",
            "mode": mode,
            "value": value,
            "overrides": [f"head={head}"],
            "steps": 10,
            "seconds": 3.2,
            "checkpoint": "best.ckpt",
        }
        (job / "summary.json").write_text(json.dumps(summary))
    assert [row["job"] for row in sweep_rows(tmp_path)] == order
    SweepSummary().on_multirun_end(OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path)}}}))
    assert (tmp_path / "sweep.csv").read_text().splitlines()[1].startswith(order[0])
    assert (tmp_path / "sweep.png").stat().st_size > 5_000


def test_table_shows_every_cell() -> None:
    text = table("Title", [{"name": "a", "share": 0.123456}, {"name": None, "note": "late"}])
    assert "late" in text
    assert "Title" in text
    assert "0.1235" in text
    assert "-" in text.splitlines()[-1]
