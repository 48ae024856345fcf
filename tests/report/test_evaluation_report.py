import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mfn.benchmarks.verification import VerificationSet
from mfn.contract import InputContract
from mfn.evaluation.contract_report import ContractReport, Fit
from mfn.evaluation.identification import IdentificationResult
from mfn.evaluation.templates import TemplateVerification
from mfn.evaluation.verification_result import VerificationResult
from mfn.metrics.identification import identify
from mfn.report.evaluation import write_report
from mfn.report.html import short_name
from mfn.report.worst import worst_false_accepts, worst_false_rejects


@pytest.fixture(scope="module")
def identified() -> IdentificationResult:
    embeddings = np.eye(6, dtype=np.float32)
    return IdentificationResult(
        "people nearest", 4, 4, 6, identify(embeddings, np.arange(6), embeddings[:4], np.arange(4))
    )


@pytest.fixture(scope="module")
def run(
    tmp_path_factory,
    judged: VerificationResult,
    plain_verdict: VerificationResult,
    identified: IdentificationResult,
    pairs: VerificationSet,
) -> Path:
    folder = tmp_path_factory.mktemp("run")
    templates = TemplateVerification(
        "ijb", 9, 3, 1, ("x.jpg",), judged.area, judged.eer, judged.tar, judged.thresholds, judged.curve
    )
    declared, other = Fit("as declared", 0.99, 0.7, 0.0, 0.0, 0.0), Fit("BGR", 0.98, 0.65, 0.0, -0.05, 0.01)
    files = write_report(
        folder,
        "models/<s>net.ckpt",
        InputContract(threshold=0.25, threshold_far=1e-3),
        [judged, plain_verdict, templates, identified],
        {pairs.name: pairs},
        ContractReport(30, declared, (other,), ("no mean",)),
        {"flip": "sum", "pca": None},
    )
    assert all(file.exists() for file in files)
    assert sorted(file.name for file in files) == sorted(file.name for file in folder.iterdir())
    return folder


def test_html_needs_nothing_else_and_escapes_names(run: Path) -> None:
    page = (run / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"<script|<link|@import|src=\"(?!data:)|url\((?!#)", page)
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http://www.w3.org/1999/xlink", "")
    assert not any(name in page for name in ("<s>net", "<b>&", "<u>1", "<i>person"))
    for text in ("made &lt;b&gt;&amp;$^ up", "&lt;s&gt;net.ckpt", "gone/&lt;u&gt;1.png", "&lt;i&gt;person", "flip"):
        assert text in page


def test_html_lets_sentences_wrap_and_names_no_setting_that_is_none(run: Path) -> None:
    page = (run / "report.html").read_text(encoding="utf-8")
    cells = re.findall(r"<td( class=\"words\")?>([^<]+)</td>", page)
    counted = [wraps for wraps, text in cells if "rule of" in text]
    assert counted and all(counted)
    assert not any(wraps for wraps, text in cells if len(text) < 20)
    assert "<dt>flip</dt>" in page and "<dt>pca</dt>" not in page


def test_html_shows_the_worst_pairs_of_the_sets_it_knows(run: Path, judged: VerificationResult) -> None:
    page = (run / "report.html").read_text(encoding="utf-8")
    wrong = [
        find(judged.scores, judged.is_same, judged.threshold)[0] for find in (worst_false_accepts, worst_false_rejects)
    ]
    assert page.count("data:image/jpeg") == 2 * sum(map(len, wrong)) > 0
    assert f"<b>{judged.scores[wrong[0][0]]:.3f}</b>" in page
    assert "On 30 pairs" in page
    assert "no mean" in page


def test_numbers_are_the_verdicts(run: Path, judged: VerificationResult, identified: IdentificationResult) -> None:
    content = json.loads((run / "report.json").read_text(encoding="utf-8"))
    assert content["sets"][judged.name].items() >= judged.numbers().items()
    assert content["sets"][judged.name]["missing"] == ["gone/<u>1.png"]
    assert content["sets"][judged.name]["groups"]["one"]["pairs"] == judged.groups["one"].pairs
    assert content["identification"]["people nearest"] == identified.numbers()
    assert content["flip"] == "sum"
    assert InputContract.from_dict(content["contract"]).threshold == 0.25
    assert content["contract_check"]["others"][0]["name"] == "BGR"
    rows = list(csv.DictReader((run / "report.csv").open(encoding="utf-8")))
    assert [row["set"] for row in rows] == [judged.name, "plain", "ijb", "people nearest"]
    assert float(rows[0]["accuracy"]) == judged.accuracy
    assert rows[3]["accuracy"] == ""


def test_tensorboard_has_figures_and_numbers(run: Path, judged: VerificationResult) -> None:
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    assert set(events.Tags()["images"]) == {"roc", "det", "scores", "cmc"}
    assert events.Scalars("plain/accuracy")[0].value == pytest.approx(judged.accuracy)


@pytest.mark.slow
def test_too_few_impostor_pairs_for_any_false_accept_rate(tmp_path: Path, plain_verdict: VerificationResult) -> None:
    few = replace(plain_verdict, tar={}, thresholds={}, unsupported=(0.1, 0.01))
    templates = TemplateVerification("ijb", 9, 3, 0, (), few.area, few.eer, {}, {}, few.curve)
    write_report(tmp_path, "net.onnx", InputContract(), [few, templates], {})
    assert "FAR 1e-1, 1e-2: too few impostor pairs" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_one_set_alone_makes_a_report(tmp_path: Path, plain_verdict: VerificationResult) -> None:
    write_report(tmp_path, "net.onnx", InputContract(), [plain_verdict], {})
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "All sets" not in page
    assert "data:image" not in page
    assert not (tmp_path / "cmc.png").exists()


@pytest.mark.parametrize(
    ("place", "short"),
    [
        ("/a/Ann_Lee/Ann_Lee_0001.jpg", "Ann_Lee_0001"),
        ("/a/007/03.PNG", "007/03"),
        ("packs/lfw.bin image 17", "packs/lfw.bin image 17"),
        ("made face 3", "made face 3"),
    ],
)
def test_short_names_say_which_image_it_is(place: str, short: str) -> None:
    assert short_name(place) == short
