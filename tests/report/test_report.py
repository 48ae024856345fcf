from dataclasses import replace
from pathlib import Path

from mfn.evaluation.verification_result import VerificationResult
from mfn.report.figures import save_png
from mfn.report.history import read_history
from mfn.report.tables import table, verification_row
from mfn.report.training_pictures import learning_curve


def test_history_joins_the_parts_of_a_resumed_run(tmp_path: Path) -> None:
    for version, rows in {0: "10,,3.0\n20,,2.0\n20,0.6,\n", 1: "20,,1.5\n30,0.7,1.0\n"}.items():
        folder = tmp_path / "csv" / f"version_{version}"
        folder.mkdir(parents=True)
        (folder / "metrics.csv").write_text("step,val/held_out/accuracy,train/loss\n" + rows)
    history = read_history(tmp_path)
    assert history["train/loss"] == [(10, 3.0), (20, 1.5), (30, 1.0)]
    assert history["val/held_out/accuracy"] == [(20, 0.6), (30, 0.7)]
    save_png(learning_curve(history), tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 10_000


def test_table_shows_every_cell() -> None:
    text = table("Title", [{"name": "a", "share": 0.123456}, {"name": None, "note": "late"}])
    assert "late" in text
    assert "Title" in text
    assert "0.1235" in text
    assert "-" in text.splitlines()[-1]


def test_verdict_row_shows_interval_grid_and_unit(
    judged: VerificationResult, plain_verdict: VerificationResult
) -> None:
    low, high = judged.intervals["accuracy"]
    assert verification_row(judged)["accuracy %"] == f"{100 * judged.accuracy:.2f} ({100 * low:.2f}-{100 * high:.2f})"
    assert "±" in str(verification_row(plain_verdict)["accuracy %"])
    assert "grid %" not in verification_row(replace(judged, grid_accuracy=judged.accuracy))
    assert verification_row(replace(judged, grid_accuracy=0.5))["grid %"] == "50.00"
    assert verification_row(replace(judged, threshold=0.5), "angle")["angle"] == "60.000"
    assert "TAR@1e-1 %" in verification_row(judged)


def test_verdict_row_counts_what_was_left_out_and_what_says_nothing(plain_verdict: VerificationResult) -> None:
    assert {"left out", "odd pairs"}.isdisjoint(verification_row(plain_verdict))
    row = verification_row(replace(plain_verdict, left_out=3, odd={"self_pairs": 2, "repeated_pairs": 3}))
    assert (row["left out"], row["odd pairs"]) == (3, 5)
