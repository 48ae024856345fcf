"""What a run is to compute on: found, filled in, or refused in one sentence."""

from typing import Any

import pytest
from omegaconf import OmegaConf

from mfn.errors import ConfigError
from mfn.processes.started import Started
from mfn.training.devices import Machine, place

LAPTOP, SERVER, APPLE = Machine(0, False), Machine(4, False), Machine(0, True)
TWO_BY_FOUR = Started("torchrun", rank=0, size=8, local_rank=0, local_size=4, machines=2)
FOUR = Started("srun", rank=0, size=4, local_rank=0, local_size=4, machines=1)
UNSAID = {"accelerator": "auto", "devices": "auto", "num_nodes": 1, "strategy": "auto"}
ALONE = Started("srun", rank=0, size=1, local_rank=0, local_size=1, machines=1)


@pytest.mark.parametrize(
    ("settings", "machine", "by", "processes"),
    [
        ({}, LAPTOP, None, 1),
        ({}, SERVER, None, 4),
        ({}, APPLE, None, 1),
        ({"devices": 1}, SERVER, None, 1),
        ({"devices": [0, 3]}, SERVER, None, 2),
        ({"devices": "0,3"}, SERVER, None, 2),
        ({"devices": -1, "accelerator": "gpu"}, SERVER, None, 4),
        ({"devices": 2, "accelerator": "cpu"}, SERVER, None, 2),
        ({"strategy": "ddp"}, LAPTOP, None, 1),
        ({"accelerator": "mps", "devices": 1}, APPLE, None, 1),
        ({"num_nodes": "auto"}, SERVER, TWO_BY_FOUR, 8),
        ({"num_nodes": 2, "devices": 4, "accelerator": "cpu"}, LAPTOP, TWO_BY_FOUR, 8),
        ({"accelerator": "cpu"}, LAPTOP, FOUR, 4),
        ({}, LAPTOP, ALONE, 1),
        ({"devices": 2, "accelerator": "cpu"}, LAPTOP, ALONE, 2),  # srun's one task starts the other by itself
        ({"num_nodes": "auto"}, LAPTOP, ALONE, 1),
    ],
)
def test_processes_are_counted(settings: dict[str, Any], machine: Machine, by: Started | None, processes: int) -> None:
    trainer = OmegaConf.create(
        {"accelerator": "auto", "devices": "auto", "num_nodes": 1, "strategy": "auto"} | settings
    )
    assert place(trainer, machine, by) == processes
    assert isinstance(trainer.num_nodes, int)
    if by is not None and by.size > 1:
        assert (trainer.devices, trainer.num_nodes) == (by.local_size, by.machines)


@pytest.mark.parametrize(
    ("settings", "machine", "by", "says"),
    [
        ({"accelerator": "gpu"}, LAPTOP, None, "trainer.accelerator=gpu needs a GPU"),
        ({"accelerator": "mps"}, SERVER, None, "trainer.accelerator=mps needs Apple's GPU"),
        ({"accelerator": "mps", "strategy": "ddp"}, APPLE, None, "set trainer=mps"),
        ({"devices": 2}, APPLE, None, "trainer.devices=2 is more than the 1 GPU"),
        ({"devices": 5}, SERVER, None, "trainer.devices=5 is more than the 4 GPUs"),
        ({"devices": [0, 4]}, SERVER, None, "trainer.devices=[0,4] does not fit"),
        ({"devices": [1, 1]}, SERVER, None, "trainer.devices=[1,1] does not fit"),
        ({"devices": [0, 1]}, LAPTOP, None, "the CPU is one: give the number"),
        ({"devices": 0}, LAPTOP, None, "trainer.devices=0 does not fit"),
        ({"devices": "all"}, SERVER, None, "trainer.devices=all does not fit"),
        ({"num_nodes": 2}, SERVER, None, "nobody has started processes on other machines"),
        ({"num_nodes": "auto"}, SERVER, None, "neither has: put one of them before it"),
        ({}, SERVER, TWO_BY_FOUR, "torchrun has started 4 processes on each of 2 machines"),
        ({"devices": 1}, LAPTOP, FOUR, "set trainer=ddp_multinode, or trainer.devices=4 trainer.num_nodes=1"),
        ({"devices": 2, "num_nodes": 2}, SERVER, FOUR, "trainer.devices=2 trainer.num_nodes=2 are 2 on 2"),
    ],
)
def test_what_makes_no_sense_is_said(settings: dict[str, Any], machine: Machine, by: Started | None, says: str) -> None:
    trainer = OmegaConf.create(
        {"accelerator": "auto", "devices": "auto", "num_nodes": 1, "strategy": "auto"} | settings
    )
    with pytest.raises(ConfigError) as told:
        place(trainer, machine, by)
    assert says in str(told.value)
