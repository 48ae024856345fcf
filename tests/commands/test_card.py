"""``mfn card``: what is known of a network and what is not, and nothing that a stranger's words could start."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from mfn.checkpoint import markdown
from mfn.checkpoint.card import Card, Score, render_card
from mfn.contract import InputContract
from mfn.inference.embedder import FaceEmbedder
from mfn.published.cache import place_of
from mfn.published.catalogue import CATALOGUE
from tests.commands.recognising import say
from tests.export.networks import small_checkpoint
from tests.recognition.made_people import CONTRACT, network_file

Run = Callable[..., tuple[int, str, str]]
HOSTILE = [
    "a\nlicense: mit\n---\n# owned",
    "--- | x",
    "```\n<script>alert(1)</script>",
    "[click](javascript:alert(1)) ![i](http://x.y/z.png)",
    "'\"; @someone #1 $x$ https://evil.example www.evil.example",
    "{{ 7*7 }} &amp; <img src=x onerror=1>",
    "*a* _b_ ~~c~~ - [ ] d",
    "!!python/object/apply:os.system ['true']",
    "x" * 5000,
]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.setenv("MFN_HOME", str(tmp_path / "home"))
    return lambda *words: say("card", *words, monkeypatch=monkeypatch, capsys=capsys)


def front(card: str) -> dict[str, Any]:
    head = re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)
    assert head is not None
    found = yaml.safe_load(head[1])
    assert found["pipeline_tag"] == "image-feature-extraction" and found["library_name"] in ("mfn", "onnx")
    return found


def report(contract: InputContract, name: str = "lfw", model: str = "squares.onnx", **figures: float) -> dict[str, Any]:
    numbers = {"pairs": 6000, "accuracy": 0.9947, "eer": 0.006, "tar_at_far_1e-03": 0.9867} | figures
    return {
        "model": model,
        "flip": "sum",
        "contract": contract.to_dict(),
        "sets": {name: numbers | {"groups": {}, "missing": [], "notes": ["9 pairs say it twice"]}},
        "templates": {},
        "identification": {},
    }


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_a_checkpoint_without_anything_else(run: Run, tmp_path: Path) -> None:
    status, card, _ = run(small_checkpoint(tmp_path))
    assert status == 0 and front(card)["license"] == "unknown" and "model-index" not in front(card)
    assert "| licence of the data | not stated |" in card and "Accuracy: no report" in card
    assert "Time: mfn card" in card and "Not stated by anybody: data, licence of the data" in card
    assert "| parameters |" in card and "MobileFaceNet" in card


def test_results_with_intervals_and_groups(run: Run, tmp_path: Path) -> None:
    model = network_file(tmp_path)
    content = report(CONTRACT, accuracy_low=0.991, accuracy_high=0.997)
    content["sets"]["lfw"]["groups"] = {"b": {"pairs": 100, "accuracy": 0.99}, "a": {"pairs": 90, "accuracy": 0.95}}
    content["identification"] = {"ijbc": {"gallery": 3000, "rank_1": 0.9, "tpir_at_fpir_1e-02": 0.8}}
    one, two = write(tmp_path / "1.json", content), write(tmp_path / "2.json", report(CONTRACT, "agedb"))
    words = (
        "--report",
        one,
        "--report",
        two,
        "--licence",
        "Apache-2.0",
        "--data-licence",
        "research only",
        "--data",
        "MS1M",
    )
    status, card, _ = run(model, *words)
    assert status == 0 and "99.47 (99.10 to 99.70)" in card and "| 90.00 |" in card
    assert card.index("| lfw | a | 90 | 95.00 |") < card.index("| lfw | b | 100 | 99.00 |")
    assert "| licence of the data | research only |" in card and "| data | MS1M |" in card
    assert "9 pairs say it twice" in card and "at least one has no confidence interval" in card
    for absent in (
        "no report",
        "Differences between groups",
        "1:N).",
        "of this very file",
        "Not stated by anybody: data",
    ):
        assert absent not in card
    found = front(card)
    assert found["license"] == "apache-2.0" and found["metrics"] == ["accuracy"]
    results = found["model-index"][0]["results"]
    assert [each["dataset"]["name"] for each in results] == ["lfw", "agedb"]
    assert results[0]["metrics"] == [{"type": "accuracy", "value": 0.9947}]


def test_the_hub_takes_the_front_matter(run: Run, tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    path = write(tmp_path / "1.json", report(CONTRACT, "my set: 1"))
    _, card, _ = run(network_file(tmp_path), "--report", path)
    data = hub.ModelCard(card).data
    assert data.eval_results[0].metric_value == 0.9947 and data.eval_results[0].dataset_name == "my set: 1"


def test_a_report_of_another_file_or_network(run: Run, tmp_path: Path) -> None:
    model = network_file(tmp_path)
    path = write(tmp_path / "r.json", report(CONTRACT, model="runs/best.ckpt"))
    assert "of this very file: the figures are those of runs/best.ckpt" in run(model, "--report", path)[1]
    write(path, report(InputContract()))
    status, _, error = run(model, "--report", path)
    assert status == 1 and "is of another network" in error


@pytest.mark.parametrize("content", [[], {}, "x", {"sets": {}}, {"sets": [], "model": "a"}, {"sets": {}, "model": "a"}])
def test_what_is_no_report(run: Run, tmp_path: Path, content: object) -> None:
    path = write(tmp_path / "r.json", content)
    status, _, error = run(network_file(tmp_path), "--report", path)
    assert status == 1 and "r.json" in error and error.count("\n") == 1


def test_figures_that_are_none_are_left_out(run: Run, tmp_path: Path) -> None:
    content = report(CONTRACT, accuracy=7.0, eer=float("nan"))
    content["sets"]["odd"] = {"accuracy": "<b>", "groups": 7, "notes": 3}
    status, card, _ = run(network_file(tmp_path), "--report", write(tmp_path / "r.json", content))
    assert status == 0 and "model-index" not in front(card) and "nan" not in card and "<b>" not in card


def test_a_foreign_file_gets_an_honest_card(run: Run, tmp_path: Path) -> None:
    model = network_file(tmp_path)
    Path(f"{model}.json").unlink()
    status, card, _ = run(model)
    assert status == 0 and front(card)["library_name"] == "onnx"
    assert "does not say which pixels it expects" in card and "A threshold." in card and "find them out" in card
    assert run(model, "--time")[0] == 1
    stated = ("--contract", "color=RGB", "mean=[127.5,127.5,127.5]", "std=[127.5,127.5,127.5]")
    status, card, _ = run(model, *stated)
    assert status == 0 and "32x32, RGB, (x - 127.5) / 127.5" in card and "'color': 'RGB'" in card


def test_time_names_processor_threads_and_runtime(run: Run, tmp_path: Path) -> None:
    status, card, _ = run(network_file(tmp_path), "--time", "--threads", 1)
    row = next(line for line in card.splitlines() if line.startswith("| ONNX Runtime"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert status == 0 and cells[1] == "1" and float(cells[2]) > 0 and len(cells[4]) > 2
    assert "Time on any other processor" in card


def test_what_an_export_wrote_beside_the_file(run: Run, tmp_path: Path) -> None:
    model = network_file(tmp_path)
    beside = Path(f"{model}.json")
    content = json.loads(beside.read_text()) | {"recipe": "ArcFace(margin=0.5)", "precision": "int8"}
    content["proof"] = {
        "parity": {"mean_cosine": 0.9963, "min_cosine": 0.99},
        "latency": {"1": {"median": 3.25, "p90": 4.0, "ratio": 2.0}, "2": "no"},
    }
    write(beside, content)
    _, card, _ = run(model)
    assert "ArcFace(margin=0.5)" in card and "mean 0.99630, worst 0.99000" in card and "| 1 | 3.25 | 4.00 |" in card


def test_a_published_name_has_its_terms(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses
    import hashlib

    assert run("sface")[0] == 1 and run("sface")[2].count("mfn fetch sface") == 1
    model = network_file(tmp_path)
    Path(f"{model}.json").unlink()
    stated = {"height": 32, "width": 32, "color": "RGB", "mean": (127.5,) * 3, "std": (127.5,) * 3}
    entry = dataclasses.replace(
        CATALOGUE["sface"],
        contract=stated,
        sha256=hashlib.sha256(model.read_bytes()).hexdigest(),
        weights="own | terms",
    )
    monkeypatch.setitem(CATALOGUE, "sface", entry)
    place_of("sface").parent.mkdir(parents=True)
    place_of("sface").write_bytes(model.read_bytes())
    for file in ("sface", model):  # known by name, and by what is in it
        status, card, _ = run(file)
        assert status == 0 and "own \\| terms" in card and "not stated with the file" in card and "0.3630" in card
        assert front(card)["license"] == "other" and front(card)["license_name"] == "own-terms"
        assert "The false match rate of the threshold." in card
    place_of("yunet").write_bytes(b"x")
    assert "is a detector" in run("yunet")[2]


def test_only_a_card_of_ours_is_replaced(run: Run, tmp_path: Path) -> None:
    model, output = network_file(tmp_path), tmp_path / "README.md"
    assert run(model, "--output", output)[0] == 0 and run(model, "--output", output, "--name", "two")[0] == 0
    assert "# two" in output.read_text()
    for text in (output.read_text().replace("# two", "# mine"), "# mine\n", ""):
        output.write_text(text)
        status, _, error = run(model, "--output", output)
        assert status == 1 and "README.md" in error and output.read_text() == text


@pytest.mark.parametrize("text", HOSTILE)
def test_words_of_strangers_stay_words(run: Run, tmp_path: Path, text: str) -> None:
    model = network_file(tmp_path)
    beside = Path(f"{model}.json")
    write(beside, json.loads(beside.read_text()) | {"recipe": text, "data": text, "checkpoint": text})
    content = report(CONTRACT, text, model=text)
    content["sets"][text] |= {"groups": {text: {"pairs": 9, "accuracy": 0.5}}, "notes": [text]}
    path = write(tmp_path / "r.json", content)
    status, card, _ = run(model, "--report", path, "--name", text, "--licence", text, "--data-licence", text)
    assert status == 0
    found = front(card)
    assert found["license"] == "other" and re.fullmatch(r"[a-z0-9.-]+", found["license_name"])
    assert found["model-index"][0]["results"][0]["dataset"]["type"] == re.sub(
        r"[^a-z0-9.-]", "", found["model-index"][0]["results"][0]["dataset"]["type"]
    )
    body = card.split("\n---\n", 1)[1]
    lines = [line for line in body.splitlines() if not line.startswith("<!-- written by mfn")]
    assert [line for line in lines if line.startswith("#")][1:] == [
        *("## Input and threshold", "## Use", "## Training and terms", "## Results", "## Limits", "## Not measured")
    ]
    outside = re.sub(r"```python\n.*?\n```", "", "\n".join(lines), flags=re.DOTALL)
    naked = re.sub(r"\\.", "", outside)  # what is not escaped
    assert not re.search(r"[<>]|\]\(|!\[|@|https?:|www\.|\$|~~", naked)
    columns = {line.count("|") for line in naked.splitlines() if line.startswith("|")}
    assert len(columns) <= 4 and body.count("\n```") == 2


@pytest.mark.parametrize("text", HOSTILE)
def test_a_configuration_of_a_stranger(run: Run, tmp_path: Path, text: str) -> None:
    path = small_checkpoint(tmp_path)
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["mfn"]["config"] = text
    hostile = tmp_path / "hostile.ckpt"
    torch.save(checkpoint, hostile)
    status, card, _ = run(hostile)
    assert status == 0 and front(card)["license"] == "unknown" and "<script" not in card


@pytest.mark.parametrize("name", ["a\nb.ckpt", "```.ckpt", "'; import os; '.ckpt", "😀 <b>.ckpt"])
def test_names_of_files(run: Run, tmp_path: Path, name: str) -> None:
    path = small_checkpoint(tmp_path).rename(tmp_path / name)
    status, card, _ = run(path)
    assert status == 0 and "<b>" not in card.split("```python")[0] and "\nb.ckpt" not in card
    block = re.search(r"^(`{3,})python\n(.*?)^\1$", card, re.DOTALL | re.MULTILINE)
    assert block is not None
    compile(block[2], "card", "exec")


def test_the_network_of_the_card_is_the_network(run: Run, tmp_path: Path) -> None:
    path = small_checkpoint(tmp_path)
    assert FaceEmbedder.load(path).network.fingerprint in run(path)[1]


@pytest.mark.parametrize(
    ("words", "says"), [(("gone.ckpt",), "gone.ckpt"), (("a.txt",), "a.txt"), (("a.ckpt", "--threads", 0), "--threads")]
)
def test_what_makes_no_sense(run: Run, tmp_path: Path, words: tuple, says: str) -> None:
    (tmp_path / "a.txt").write_text("x")
    status, _, error = run(tmp_path / words[0], *words[1:])
    assert status == 1 and says in error and error.count("\n") == 1


def test_numbers_and_lists_in_text() -> None:
    assert [markdown.plain(text) for text in ("1.5", "1. x", "- x", "a - b", "-0.5")] == [
        *("1.5", "1\\. x", "\\- x", "a - b", "\\-0.5")
    ]
    assert markdown.table([]) == "" and markdown.facts({}) == ""
    assert markdown.code("a\n````\nb").startswith("`````\n")


def test_a_score_of_two_sets() -> None:
    scores = [Score("a", "accuracy", 0.9), Score("b", "accuracy", 0.8)]
    card = render_card(Card("n", {"network": "n"}, None, "", scores=scores))
    assert len(front(card)["model-index"][0]["results"]) == 2
