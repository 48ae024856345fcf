"""What a run is to compute on, against what this machine has and who started its processes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from omegaconf import DictConfig, OmegaConf

from mfn.errors import ConfigError
from mfn.processes.started import Started, started


class Machine(NamedTuple):
    """What PyTorch can compute on here.

    Attributes:
        gpus: GPUs by CUDA or ROCm.
        mps: Whether there is Apple's.
    """

    gpus: int
    mps: bool

    @classmethod
    def this(cls) -> "Machine":
        """The one that the program runs on."""
        return cls(torch.cuda.device_count(), torch.backends.mps.is_available())


def place(trainer: DictConfig, machine: Machine | None = None, by: Started | None = None) -> int:
    """Fills in what torchrun or SLURM has settled, and makes sure that the rest can be done here.

    Args:
        trainer: Of the configuration; ``devices`` and ``num_nodes`` become numbers where they were ``auto`` and
            something outside has started the processes.
        machine: Where it runs; None looks.
        by: Who started the processes; None looks.

    Returns:
        Processes of the run.

    Raises:
        ConfigError: There are no such devices, or other processes were started than the configuration says.
    """
    by = by or started()
    if by is not None and (by.by, by.size) == ("srun", 1) and trainer.get("num_nodes") != "auto":
        by = None  # a job of one task; the processes of a machine are then started by the first of them
    _fill_in(trainer, by)
    accelerator, devices = str(trainer.get("accelerator", "auto")), trainer.get("devices", "auto")
    here = _devices_here(accelerator, machine or Machine.this())
    count = _count(accelerator, devices, here)
    nodes = trainer.get("num_nodes") or 1
    if by is not None and (count, nodes) != (by.local_size, by.machines):
        raise ConfigError(
            f"{by.by} has started {by.local_size} {_processes(by.local_size)} on each of {by.machines} "
            f"{_machines(by.machines)}, and trainer.devices={_plain(devices)} trainer.num_nodes={nodes} are {count} on "
            f"{nodes}: set trainer=ddp_multinode, or trainer.devices={by.local_size} trainer.num_nodes={by.machines}"
        )
    if by is None and nodes > 1:
        raise ConfigError(
            f"trainer.num_nodes={nodes}, and nobody has started processes on other machines: put torchrun or srun "
            "before the command on each (docs/scale.md shows how), or set trainer.num_nodes=1"
        )
    if here.name == "mps" and (count * nodes > 1 or "ddp" in str(trainer.get("strategy"))):
        raise ConfigError(
            f"trainer.devices={_plain(devices)} trainer.strategy={trainer.get('strategy')}: Apple's GPU is one device "
            "for one process: set trainer=mps, or trainer.accelerator=cpu for several processes"
        )
    return count * nodes


class _Here(NamedTuple):
    name: str
    devices: int


def _fill_in(trainer: DictConfig, by: Started | None) -> None:
    if trainer.get("num_nodes") == "auto":
        if by is None:
            raise ConfigError(
                "trainer.num_nodes=auto takes the machines that torchrun or srun has started the command on, and "
                "neither has: put one of them before it (docs/scale.md shows how), or set trainer=ddp"
            )
        trainer.num_nodes = by.machines
    if by is not None and str(trainer.get("devices", "auto")) in ("auto", "-1"):
        trainer.devices = by.local_size


def _devices_here(accelerator: str, machine: Machine) -> _Here:
    gpu = _Here("mps", 1) if machine.mps else _Here("cuda", machine.gpus)
    if accelerator == "auto":
        return gpu if gpu.devices else _Here("cpu", 1)
    if accelerator == "gpu":
        found = gpu
    elif accelerator == "mps":
        found = _Here("mps", int(machine.mps))
    elif accelerator in ("cuda", "cpu"):
        found = _Here(accelerator, 1 if accelerator == "cpu" else machine.gpus)
    else:  # whatever else Lightning knows looks by itself
        return _Here(accelerator, -1)
    if found.devices == 0:
        what = "Apple's GPU" if accelerator == "mps" else "a GPU"
        raise ConfigError(
            f"trainer.accelerator={accelerator} needs {what}, and PyTorch sees none here: set trainer=cpu, or "
            "trainer=auto, which takes what there is"
        )
    return found


def _count(accelerator: str, devices: Any, here: _Here) -> int:
    """Processes on this machine."""
    if str(devices) in ("auto", "-1"):
        return max(1, here.devices)
    is_list = OmegaConf.is_list(devices) or (isinstance(devices, str) and "," in devices)
    if here.name == "cpu" and is_list:
        raise ConfigError(
            f"trainer.devices={_plain(devices)} chooses among devices, of which the CPU is one: give the number of "
            "processes, as trainer.devices=2"
        )
    if is_list:
        chosen = [str(each) for each in (devices if not isinstance(devices, str) else devices.strip(",").split(","))]
        _check_chosen(chosen, devices, here)
        return len(chosen)
    if not str(devices).isdecimal() or int(devices) == 0:
        raise ConfigError(
            f"trainer.devices={devices} does not fit: give auto, a number of devices or a list of them, as [0,1]"
        )
    if here.name != "cpu" and 0 <= here.devices < int(devices):
        raise ConfigError(
            f"trainer.devices={devices} is more than the {here.devices} {'GPU' if here.devices == 1 else 'GPUs'} that "
            f"PyTorch sees here: set trainer.devices=auto, or trainer.accelerator=cpu for {devices} processes on a CPU"
        )
    return int(devices)


def _check_chosen(chosen: Sequence[str], devices: Any, here: _Here) -> None:
    known = [str(number) for number in range(here.devices)] if here.devices >= 0 else chosen
    if not chosen or len(set(chosen)) < len(chosen) or not set(chosen) <= set(known):
        raise ConfigError(
            f"trainer.devices={_plain(devices)} does not fit: give different devices among {', '.join(known)}, or auto"
        )


def _plain(devices: Any) -> str:
    return str(OmegaConf.to_container(devices) if OmegaConf.is_list(devices) else devices).replace(" ", "")


def _processes(count: int) -> str:
    return "process" if count == 1 else "processes"


def _machines(count: int) -> str:
    return "machine" if count == 1 else "machines"
