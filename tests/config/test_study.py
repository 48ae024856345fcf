"""A study of Optuna's that goes on."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from mfn.config.command_line import CommandLine
from mfn.config.study import going_on
from mfn.errors import ConfigError

optuna = pytest.importorskip("optuna", reason="needs Optuna (extra sweep)")


def part(file: Path, n_trials: int = 6, **changed: str | None) -> object:
    sweeper = {"storage": f"sqlite:///{file}", "study_name": "sweep", "direction": "maximize", "n_trials": n_trials}
    return OmegaConf.create({"sweeper": sweeper | changed, "sweep": {"subdir": "${hydra.job.num}"}})


def begin(file: Path, values: list[float | None], running: int = 0, direction: str = "maximize") -> None:
    """A study with a trial for each value, failed ones without one, and some that were killed."""
    study = optuna.create_study(storage=f"sqlite:///{file}", study_name="sweep", direction=direction)
    for value in values:
        trial = study.ask()
        study.tell(trial, value, state=None if value is not None else optuna.trial.TrialState.FAIL)
    for _ in range(running):
        study.ask()


def words(line: CommandLine) -> list[str]:
    return list(line.overrides)


def folder_of(line: CommandLine, number: int) -> str:
    """What Hydra calls the folder of a job."""
    (told,) = (override for override in line.parsed() if override.key_or_group == "hydra.sweep.subdir")
    config = OmegaConf.create({"hydra": {"job": {"num": number}, "sweep": {"subdir": str(told.value())}}})
    return str(config.hydra.sweep.subdir)


def test_what_was_not_begun_is_as_typed(tmp_path: Path) -> None:
    line = CommandLine.parse(["-m", "seed=0,1"])
    assert going_on(line, part(tmp_path / "a.db")) == line
    assert not (tmp_path / "a.db").exists()
    assert going_on(line, part(tmp_path / "a.db", storage=None)) == line
    begin(tmp_path / "b.db", [0.5])
    assert going_on(line, part(tmp_path / "b.db", study_name="another")) == line


@pytest.mark.parametrize(
    ("values", "running", "left", "begun"),
    [([0.5, 0.6], 2, 4, 4), ([0.5, None], 0, 4, 2), ([], 3, 6, 3), ([0.1] * 6, 0, 0, 6), ([0.1] * 7, 1, 0, 8)],
)
def test_the_total_is_what_was_asked_for_and_folders_are_numbered_on(
    values: list[float | None], running: int, left: int, begun: int, tmp_path: Path
) -> None:
    begin(tmp_path / "a.db", values, running)
    line = going_on(CommandLine.parse(["-m", "hydra.sweeper.n_trials=6", "seed=0,1"]), part(tmp_path / "a.db"))
    assert [word for word in words(line) if "n_trials" in word] == [f"hydra.sweeper.n_trials={left}"]
    assert folder_of(line, 3) == str(3 + begun)


def test_names_of_ones_own_for_folders_stay(tmp_path: Path) -> None:
    begin(tmp_path / "a.db", [0.5])
    hydra = part(tmp_path / "a.db")
    hydra.sweep.subdir = "job-${hydra.job.num}"
    assert folder_of(going_on(CommandLine.parse(["-m"]), hydra), 0) == "job-1"


def test_a_study_that_looks_for_the_other_end_is_refused(tmp_path: Path) -> None:
    begin(tmp_path / "a.db", [0.5], direction="minimize")
    with pytest.raises(
        ConfigError, match="was begun with direction=minimize, and mode= asks for maximize: give another"
    ):
        going_on(CommandLine.parse(["-m"]), part(tmp_path / "a.db"))


@pytest.mark.parametrize("storage", ["nonsense", "nothing://x/y"])
def test_a_storage_that_cannot_be_read_is_told(storage: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"hydra.sweeper.storage={storage} cannot be read: "):
        going_on(CommandLine.parse(["-m"]), part(tmp_path / "a.db", storage=storage))
    (tmp_path / "damaged.db").write_bytes(b"no database" * 100)
    with pytest.raises(ConfigError, match=r"damaged\.db cannot be read"):
        going_on(CommandLine.parse(["-m"]), part(tmp_path / "damaged.db"))
