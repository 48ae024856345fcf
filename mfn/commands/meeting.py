"""A command that torchrun or SLURM has started in several processes, which share the work."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch.distributed as dist

from mfn.config.failures import unexpected
from mfn.errors import MfnError
from mfn.processes.started import Started, started
from mfn.processes.watch import Watch
from mfn.ranks import PATIENCE, Ranks, ranks


@contextmanager
def meeting() -> Iterator[Ranks]:
    """Meets the other processes, and ends with them: when one fails all do, and the first says why.

    Yields:
        Which process this is; alone where nobody has started others.

    Raises:
        MfnError: The others do not come.
    """
    by = started()
    if by is None or by.size == 1:
        yield Ranks()
        return
    if by.rank > 0:
        logging.getLogger().setLevel(logging.ERROR)  # the first process says the same
    _meet(by)
    watch = Watch("type the command again")
    watch.start()
    try:
        yield ranks()
    except Exception as error:
        watch.fail(str(error) if isinstance(error, MfnError) else "" if by.rank == 0 else unexpected(error))
        raise
    except BaseException:
        watch.fail(f"process {by.rank} of {by.size} was stopped")
        raise
    watch.leave()
    dist.destroy_process_group()


def _meet(by: Started) -> None:
    try:
        if by.by == "torchrun":
            dist.init_process_group("gloo", timeout=PATIENCE)
            return
        from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

        place = SLURMEnvironment(auto_requeue=False)
        where = f"tcp://{place.main_address}:{place.main_port}"
        dist.init_process_group("gloo", where, timeout=PATIENCE, rank=by.rank, world_size=by.size)
    except (dist.DistError, ValueError, RuntimeError) as error:
        raise MfnError(
            f"the {by.size} processes that {by.by} has started did not meet within {PATIENCE.seconds // 60} minutes "
            f"({error}): can the machines reach each other?"
        ) from error
