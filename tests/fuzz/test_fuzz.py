"""Damaged files of every kind: a few of each in every run, many with ``python -m pytest -m fuzz``."""

import pytest

from tests.fuzz.hunt import hunt
from tests.fuzz.kinds import KINDS


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_file_is_read_or_told_in_one_sentence(name: str) -> None:
    found = hunt(name, range(40))
    assert not found.failures
    assert found.outcomes["read"] + found.outcomes["told"] == 40


@pytest.mark.fuzz
@pytest.mark.parametrize("name", KINDS)
def test_thousands_of_damaged_files_are_read_or_told(name: str) -> None:
    found = hunt(name, range(1000, 6000), seconds=120)
    assert not found.failures and found.cases > 0
