"""Who started this process beside others, as torchrun and SLURM tell it in the environment."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Mapping
from typing import NamedTuple


class Started(NamedTuple):
    """How a process was started beside others.

    Attributes:
        by: torchrun | srun.
        rank: This process among all.
        size: All of them.
        local_rank: This process among those of its machine.
        local_size: Those of each machine.
        machines: How many there are.
    """

    by: str
    rank: int
    size: int
    local_rank: int
    local_size: int
    machines: int


def started(environment: Mapping[str, str] | None = None) -> Started | None:
    """What the environment says, None where this process was started by itself.

    Args:
        environment: The variables; None takes this process's.
    """
    given = os.environ if environment is None else environment
    if "TORCHELASTIC_RUN_ID" in given:
        numbers = [int(given[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")]
        return Started("torchrun", *numbers, machines=int(given.get("GROUP_WORLD_SIZE", 1)))
    if "SLURM_NTASKS" in given and given.get("SLURM_JOB_NAME") not in ("bash", "interactive"):
        size, machines = int(given["SLURM_NTASKS"]), int(given.get("SLURM_NNODES", 1))
        rank, local_rank = (int(given.get(name, 0)) for name in ("SLURM_PROCID", "SLURM_LOCALID"))
        return Started("srun", rank, size, local_rank, max(1, size // machines), machines)
    return None


def is_beside_others() -> bool:
    """Whether this process is not the first of those that were started together: it has nothing to tell."""
    found = started()
    return found is not None and found.rank > 0


def says_what_is_wrong() -> bool:
    """Whether what ends this process is its to tell: to the first of each machine, until they have met."""
    found = started()
    if found is None or found.local_rank == 0:
        return True
    from mfn.ranks import ranks  # PyTorch, which takes longer to import than some commands take

    return ranks().size > 1


def place_beside_others() -> list[str]:
    """Overrides that keep a process beside others from writing what the first one writes; it has a folder of its own.

    The processes of one run would each name its folder by the time that they begin.
    """
    if not is_beside_others():
        return []
    _places.append(tempfile.mkdtemp(prefix="mfn-process-"))
    return [f"hydra.run.dir='{_places[-1]}'", "hydra.output_subdir=null"]


_places: list[str] = []


@atexit.register
def clear_places() -> None:
    """Removes the folders of this process."""
    for folder in _places:
        shutil.rmtree(folder, ignore_errors=True)
