"""Who started a process beside others."""

from pathlib import Path

import pytest

from mfn.processes import started as module
from mfn.processes.started import Started, place_beside_others, says_what_is_wrong, started

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none",
    "RANK": "5",
    "WORLD_SIZE": "6",
    "LOCAL_RANK": "2",
    "LOCAL_WORLD_SIZE": "3",
    "GROUP_WORLD_SIZE": "2",
}
SLURM = {
    "SLURM_NTASKS": "8",
    "SLURM_NNODES": "2",
    "SLURM_PROCID": "4",
    "SLURM_LOCALID": "0",
    "SLURM_JOB_NAME": "faces",
}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        (TORCHRUN, Started("torchrun", 5, 6, 2, 3, 2)),
        (TORCHRUN | SLURM, Started("torchrun", 5, 6, 2, 3, 2)),
        (SLURM, Started("srun", 4, 8, 0, 4, 2)),
        (SLURM | {"SLURM_JOB_NAME": "bash"}, None),
        ({"LOCAL_RANK": "1", "WORLD_SIZE": "2"}, None),  # by Lightning, which names folder and words by itself
    ],
)
def test_the_environment_says_it(environment: dict[str, str], expected: Started | None) -> None:
    assert started(environment) == expected


def test_one_process_of_a_machine_speaks_and_one_of_all_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert says_what_is_wrong() and place_beside_others() == []
    for rank, local_rank, speaks in ((0, 0, True), (1, 1, False), (2, 0, True)):
        monkeypatch.setattr(module, "started", lambda r=rank, lr=local_rank: Started("torchrun", r, 4, lr, 2, 2))
        assert says_what_is_wrong() == speaks
        words = place_beside_others()
        assert bool(words) == (rank > 0)
        if words:
            assert Path(words[0].partition("=")[2].strip("'")).is_dir()
