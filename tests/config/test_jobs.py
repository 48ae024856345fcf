"""The jobs that a sweep's command line comes to."""

import pytest

from mfn.config.command_line import CommandLine
from mfn.config.jobs import jobs_of
from mfn.errors import ConfigError


def jobs(*words: str) -> list[list[str]]:
    return jobs_of(CommandLine.parse(words))


def test_without_a_sweep_there_is_one() -> None:
    assert jobs("seed=1", "head=softmax") == [["seed=1", "head=softmax"]]
    with pytest.raises(ConfigError, match="seed=1,2 names several values: add -m"):
        jobs("seed=1,2")


def test_every_pair_of_values_is_one() -> None:
    assert jobs("-m", "seed=1,2", "head=a,b", "x=3") == [
        [f"seed={seed}", f"head={head}", "x=3"] for seed in (1, 2) for head in "ab"
    ]


def test_of_a_range_both_ends_are_looked_at_with_every_other_value() -> None:
    found = jobs("-m", "lr=interval(0.1,0.5)", "scale=tag(log,int(interval(1,4)))", "head=a,b")
    assert found == [
        [f"lr={lr}", f"scale={scale}", f"head={head}"] for lr, scale in ((0.1, 1), (0.5, 4)) for head in "ab"
    ]
