"""What a sweep's command line means before it begins."""

import os
from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import Mock

import pytest

from mfn.config import plugins
from mfn.config.command_line import CommandLine
from mfn.config.sweeping import SWEEP, THREADS, prepared_sweep
from mfn.errors import ConfigError

SUBMITIT = pytest.mark.skipif(find_spec("submitit") is None, reason="needs hydra-submitit-launcher (extra sweep-slurm)")
JOBLIB = pytest.mark.skipif(
    find_spec("hydra_plugins") is None or find_spec("hydra_plugins.hydra_joblib_launcher") is None,
    reason="needs hydra-joblib-launcher (extra sweep)",
)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every plugin were there, for what is decided without it."""
    monkeypatch.setattr(plugins, "version", lambda name: "99")
    monkeypatch.setattr(plugins, "optional", lambda *_: None)


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (THREADS, SWEEP):
        monkeypatch.setenv(name, "0")  # so that what a test sets is taken back
        monkeypatch.delenv(name)


def prepared(*words: str, name: str = "train") -> list[str]:
    return prepared_sweep(name, CommandLine.parse(words)).arguments()


@pytest.mark.parametrize("word", ["sweep=lr", "hydra/launcher=joblib", "hydra/sweeper=optuna", "hydra.launcher.x=1"])
def test_what_is_about_a_sweep_needs_one(word: str) -> None:
    with pytest.raises(ConfigError, match="is about a sweep: add -m"):
        prepared(word)


@pytest.mark.parametrize(
    ("chosen", "extra"),
    [
        ("hydra/sweeper=optuna", "sweep"),
        ("hydra/launcher=joblib", "sweep"),
        ("hydra/launcher=submitit_local", "sweep-slurm"),
        ("hydra/launcher=submitit_slurm", "sweep-slurm"),
        ("hydra/launcher=ray", "sweep-ray"),
    ],
)
@pytest.mark.parametrize("name", ["train", "evaluate", "export"])
def test_a_plugin_that_is_missing_or_too_old_is_told_with_the_command_that_installs_it(
    chosen: str, extra: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins, "version", Mock(side_effect=PackageNotFoundError))
    with pytest.raises(ConfigError, match=rf"{chosen} needs .* not installed: pip install 'mobilefacenet\[{extra}\]'$"):
        prepared("-m", chosen, "model_path=a,b", name=name)
    monkeypatch.setattr(plugins, "version", lambda name: "1.1.9")
    with pytest.raises(ConfigError, match=rf"and 1\.1\.9 is installed: pip install 'mobilefacenet\[{extra}\]'$"):
        prepared("-m", chosen, "model_path=a,b", name=name)


def test_search_spaces_are_as_if_typed_and_what_is_typed_goes_before_them(installed: None) -> None:
    heads = "head=choice(softmax, arcface, cosface, adaface)"
    assert prepared("-m", "sweep=head", "seed=1") == ["-m", "seed=1", heads]
    assert prepared("-m", "sweep=head", "head=softmax") == ["-m", "head=softmax"]
    assert prepared("-m", "sweep=null", "seed=1,2") == ["-m", "seed=1,2"]
    optuna = ["-m", "hydra/sweeper=optuna"]
    rates = "optimizer.lr=tag(log, interval(0.005, 0.5))"
    for both in ("sweep=head,lr", "sweep=[head,lr]"):
        assert prepared(*optuna, both) == [*optuna, heads, rates]


def test_search_spaces_of_ones_own_are_found(tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "mine.yaml").write_text("# @package hydra.sweeper.params\nseed: range(3)\n")
    own = ["-m", "--config-dir", str(tmp_path)]
    assert prepared(*own, "sweep=mine") == [*own, "seed=range(3)"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sweep=lr"], "is a range to draw from: add hydra/sweeper=optuna"),
        (["optimizer.lr=interval(0,1)"], r"optimizer\.lr=interval\(0,1\) is a range"),
        (["sweep=nothing"], "sweep is one of head, lr, margin"),
        (["hydra/sweeper=optuna", "hydra.sweeper.n_trials=0"], r"n_trials=0 does not fit: give a whole number"),
        (["hydra/sweeper=optuna", "hydra.sweeper.n_jobs=x"], r"n_jobs=x"),
        (["hydra/sweeper=optuna", "hydra.sweeper.trials=3"], r"there is no key hydra\.sweeper\.trials: .*n_trials"),
        (["hydra/sweeper=optuna", "hydra.sweeper.direction=minimize"], "contradicts mode=max"),
        (["hydra/sweeper=optuna", "mode=min", "hydra.sweeper.direction=maximize"], "contradicts mode=min"),
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=0"], r"n_jobs=0 does not fit"),
        (["hydra/launcher=nothing"], "Could not find 'hydra/launcher/nothing'"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_told_in_one_sentence(words: list[str], said: str, installed: None) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        prepared("-m", *words, "seed=0,1")
    assert "\n" not in str(caught.value)


def test_a_fresh_study_takes_its_direction_from_mode(installed: None) -> None:
    for mode in ("min", "max"):
        words = ["-m", "hydra/sweeper=optuna", f"mode={mode}", "seed=0,1"]
        assert prepared(*words) == words


@JOBLIB
@pytest.mark.parametrize(
    ("words", "at_a_time"),
    [
        (["seed=0,1,2,3"], 2),
        (["seed=0"], 1),
        (["hydra.launcher.n_jobs=3", "seed=range(9)"], 3),
        (["hydra.launcher.n_jobs=16", "seed=0,1"], 2),
    ],
    ids=str,
)
def test_jobs_side_by_side_share_the_threads_out(
    words: list[str], at_a_time: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("torch.get_num_threads", lambda: 12)
    prepared("-m", "hydra/launcher=joblib", *words)
    assert os.environ[THREADS] == str(12 // at_a_time)
    assert f"jobs at a time: {at_a_time}, each with {THREADS}={12 // at_a_time}" in capsys.readouterr().err


@SUBMITIT
def test_all_jobs_at_once_share_the_threads_out_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.get_num_threads", lambda: 12)
    monkeypatch.setenv(SWEEP, "1")  # inside a job of another sweep, whose end is none of these jobs'
    prepared("-m", "hydra/launcher=submitit_local", "seed=range(4)")
    assert os.environ[THREADS] == "3" and SWEEP not in os.environ


def test_one_job_at_a_time_has_all_threads_and_a_number_of_the_users_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.get_num_threads", lambda: 12)
    prepared("-m", "seed=range(4)")
    assert THREADS not in os.environ
    monkeypatch.setenv(THREADS, "5")
    if find_spec("joblib"):
        monkeypatch.setattr(plugins, "version", lambda name: "99")
        monkeypatch.setattr(plugins, "optional", lambda *_: None)
        prepared("-m", "hydra/launcher=joblib", "seed=range(4)")
    assert os.environ[THREADS] == "5"
