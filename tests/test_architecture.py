"""Who may import whom: the arrows of README's "How it is built"."""

import ast
from pathlib import Path

import pytest

MFN = Path(__file__).resolve().parents[1] / "mfn"
EVERYWHERE = {"about", "contract", "errors", "files", "ownership", "progress", "text"}
LEAVES = ("data", "models", "heads", "metrics", "align")
ALLOWED = {
    **{leaf: {leaf} | EVERYWHERE for leaf in LEAVES},
    "about": set(),
    "contract": {"errors"},
    "errors": set(),
    "files": set(),
    "ownership": {"errors", "files"},
    "progress": set(),
    "text": set(),
    "schedules": {"errors"},
    "parameter_groups": {"errors"},
    "runtime": set(),
    "checkpoint": EVERYWHERE,
    "checkpoint_io": {"checkpoint"},
    "inference": {"inference", "checkpoint", "models"} | EVERYWHERE,
    "evaluation": {"evaluation", "metrics", "data", "inference", "align"} | EVERYWHERE,
    "failures": {"errors"},
    "config": {"config", "checkpoint", "failures"} | EVERYWHERE,
    "loops": set(),
    "plateau": {"loops", "schedules"},
    "going_on": set(),
    "recognizer": {"checkpoint", "going_on", "loops", "parameter_groups", "plateau", "schedules"} | EVERYWHERE,
    "measured": {"data", "evaluation"} | EVERYWHERE,
    "transplant": {"checkpoint", "recognizer"} | EVERYWHERE,
    "callbacks": {"callbacks", "data", "evaluation", "loops"} | EVERYWHERE,
    "report": {"report", "callbacks", "config", "evaluation", "metrics", "checkpoint", "data", "inference"}
    | EVERYWHERE,
    "sweep": {"config", "failures"} | EVERYWHERE,
    "prepare": {"prepare", "config", "align", "data", "evaluation", "inference", "metrics"} | EVERYWHERE,
    "inspection": {"inspection", "data", "inference", "prepare", "checkpoint"} | EVERYWHERE,
    "export": {"export", "models", "evaluation", "inference", "data", "metrics", "checkpoint"} | EVERYWHERE,
}


def room(path: Path) -> str:
    return path.relative_to(MFN).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """First part of each module of ours that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("mfn.")}


@pytest.mark.parametrize("name", ALLOWED)
def test_arrows_point_one_way(name: str) -> None:
    files = [file for file in MFN.rglob("*.py") if room(file) == name]
    assert files
    for file in files:
        assert imports(file) <= ALLOWED[name], file


def test_the_library_prints_nothing() -> None:
    for file in MFN.rglob("*.py"):
        calls = [n for n in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(n, ast.Call)]
        assert not [n for n in calls if isinstance(n.func, ast.Name) and n.func.id == "print"], file
