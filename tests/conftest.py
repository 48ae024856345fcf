"""Fixtures shared by all tests, which run in as many processes as there are processors."""

import hashlib
import os
import time
from collections.abc import Generator
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before PyTorch is there: each of the processes has one to itself

SHARED = Path(__file__).resolve().parents[2] / "shared"
BEGUN = time.monotonic()
NO_TIME = "there was no time left"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of real faces, weights and reference values beside the checkout; users do not have it."""
    if not SHARED.is_dir():
        pytest.skip("needs the folder 'shared' (real faces and reference values) beside the checkout")
    return SHARED


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also the tests marked so, as where one is named")
    parser.addoption("--minutes", type=float, metavar="N", help="begin no test later than that; the rest are skipped")
    parser.addoption("--turn", metavar="TEXT", help="another order for each text, so that each has its turn")
    parser.addoption("--all-networks", action="store_true", help="also those of conf/model that take minutes")
    parser.addoption("--note-skipped", type=Path, metavar="FILE", help="add the tests that were skipped to a list")
    parser.addoption("--only", type=Path, metavar="FILE", help="run the tests of such a list, of what else is named")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what takes long, unless it is asked for, and what is not on the list of ``--only``."""
    listed = set(config.option.only.read_text().splitlines()) if config.option.only else None
    left_out = {mark for mark in ("slow", "fuzz") if mark not in config.option.markexpr}
    if config.option.slow or any("::" in name for name in config.args):
        left_out -= {"slow"}

    def runs(item: pytest.Item) -> bool:
        asked = left_out.isdisjoint(mark.name for mark in item.iter_markers())
        return asked and (listed is None or not listed.isdisjoint((item.nodeid, item.nodeid.partition("::")[0])))

    config.hook.pytest_deselected(items=[item for item in items if not runs(item)])
    items[:] = [item for item in items if runs(item)]
    if config.option.turn:  # cases of a test stay together, and so what they share is made once
        items.sort(key=lambda item: _shuffled(config.option.turn, item.nodeid.partition("[")[0]))


def _shuffled(turn: str, name: str) -> bytes:
    return hashlib.sha256(f"{turn} {name}".encode()).digest()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begins nothing after the time of ``--minutes``."""
    if item.config.option.minutes is not None and time.monotonic() - BEGUN > 60 * item.config.option.minutes:
        pytest.skip(NO_TIME)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Notes a file that is skipped as a whole."""
    report = yield
    _note(collector.config, report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Notes a test that is skipped."""
    report = yield
    _note(item.config, report)
    return report


def _note(config: pytest.Config, report: pytest.CollectReport | pytest.TestReport) -> None:
    if report.skipped and config.option.note_skipped and NO_TIME not in str(report.longrepr):
        with config.option.note_skipped.open("a") as file:  # of all processes; a line comes twice, or whole
            file.write(f"{report.nodeid}\n")
