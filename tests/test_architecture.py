"""Who may import whom: the arrows of README's "How it is built"."""

import ast
from pathlib import Path

import pytest

MFN = Path(__file__).resolve().parents[1] / "mfn"
EVERYWHERE = {"about", "contract", "errors", "files", "processes", "progress", "ranks", "text"}
"""What is of use to every room, and imports none of them."""
ALLOWED = {
    "errors": set(),
    "text": set(),
    "progress": set(),
    "ranks": set(),
    "processes": {"ranks"},
    "about": set(),
    "contract": {"errors"},
    "files": {"about", "errors"},
    # Leaves: none knows another
    "models": EVERYWHERE,
    "heads": EVERYWHERE,
    "metrics": EVERYWHERE,
    "published": EVERYWHERE,
    "align": {"published"} | EVERYWHERE,
    "synthetic": EVERYWHERE,
    "images": EVERYWHERE,
    # Bytes -> record -> image -> batch
    "packs": {"images"} | EVERYWHERE,
    "sources": {"packs", "images"} | EVERYWHERE,
    "benchmarks": {"sources", "images"} | EVERYWHERE,
    "data": {"benchmarks", "sources", "packs", "images"} | EVERYWHERE,
    # Networks, trained and used
    "checkpoint": EVERYWHERE,
    "config": {"checkpoint"} | EVERYWHERE,
    "training": {
        *("config", "checkpoint", "data", "benchmarks", "sources", "evaluation", "heads", "inference", "metrics")
    }
    | EVERYWHERE,
    "recognizer": {"training"},
    "inference": {"checkpoint", "metrics", "models", "published"} | EVERYWHERE,
    "importing": {"checkpoint", "inference", "models"} | EVERYWHERE,
    "evaluation": {"align", "benchmarks", "data", "images", "inference", "metrics", "sources"} | EVERYWHERE,
    # Commands, and what they are made of
    "report": {"benchmarks", "checkpoint", "config", "data", "evaluation", "images", "inference", "metrics", "training"}
    | EVERYWHERE,
    # Photo -> faces -> crops -> embeddings -> people
    "recognition": {"align", "images", "inference", "metrics"} | EVERYWHERE,
    "serving": {"align", "images", "inference", "recognition", "report"} | EVERYWHERE,
    "prepare": {
        "align",
        "benchmarks",
        "config",
        "data",
        "evaluation",
        "images",
        "inference",
        "metrics",
        "packs",
        "recognition",
        "report",
        "sources",
    }
    | EVERYWHERE,
    "inspection": {"benchmarks", "checkpoint", "images", "inference", "packs", "report", "sources"} | EVERYWHERE,
    "export": {
        "benchmarks",
        "checkpoint",
        "data",
        "evaluation",
        "inference",
        "metrics",
        "models",
        "published",
        "sources",
        "synthetic",
    }
    | EVERYWHERE,
    "bench": {
        *("config", "data", "export", "heads", "inference", "metrics", "packs", "recognition", "report", "sources"),
        *("synthetic", "training"),
    }
    | EVERYWHERE,
    "commands": {
        *("align", "bench", "benchmarks", "checkpoint", "config", "data", "evaluation", "export", "images"),
        *("importing", "inference", "inspection", "models", "prepare", "published", "recognition", "report"),
        *("serving", "sources", "synthetic", "training"),
    }
    | EVERYWHERE,
    "__init__": {"inference", "recognition"} | EVERYWHERE,
    "__main__": {"commands"},
}
"""The rooms that each room may import from, beside itself."""


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
        assert imports(file) <= ALLOWED[name] | {name}, file


def test_every_room_has_its_arrows_and_few_modules_lie_flat() -> None:
    assert {room(file) for file in MFN.rglob("*.py")} == set(ALLOWED)
    assert len(list(MFN.glob("*.py"))) <= 8


def test_the_library_prints_nothing() -> None:
    for file in MFN.rglob("*.py"):
        calls = [n for n in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(n, ast.Call)]
        assert not [n for n in calls if isinstance(n.func, ast.Name) and n.func.id == "print"], file
