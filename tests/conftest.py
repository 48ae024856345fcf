"""Fixtures shared by all tests, which run in as many processes as there are processors."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before PyTorch is there: each of the processes has one to itself

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of real faces, weights and reference values beside the checkout; users do not have it."""
    if not SHARED.is_dir():
        pytest.skip("needs the folder 'shared' (real faces and reference values) beside the checkout")
    return SHARED


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-networks", action="store_true", help="also those of conf/model that take minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what takes hours, unless it is asked for by its mark."""
    if "fuzz" not in config.option.markexpr:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("fuzz")])
        items[:] = [item for item in items if not item.get_closest_marker("fuzz")]
