"""Lightning's training in several processes, which meet in time and end together."""

import logging
import os

import torch.distributed as dist
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch.strategies import DDPStrategy

from mfn.config.failures import unexpected
from mfn.errors import MfnError
from mfn.processes.watch import Watch
from mfn.ranks import PATIENCE, ranks

log = logging.getLogger(__name__)


class Together(DDPStrategy):
    """Lightning's DDP, with a watch over its processes and less patience.

    When one process fails, is killed or runs out of memory, all end at once and the first says why in one sentence.
    Lightning and PyTorch would let the others wait for up to 30 minutes.
    """

    def __init__(self) -> None:
        super().__init__(timeout=PATIENCE)
        self._watch: Watch | None = None

    def setup_environment(self) -> None:
        """Meets the other processes.

        Raises:
            MfnError: They do not come.
        """
        try:
            super().setup_environment()
        except dist.DistError as error:
            where = f"{self.cluster_environment.main_address}:{self.cluster_environment.main_port}"  # type: ignore[union-attr]
            raise MfnError(
                f"the {self.world_size} processes did not meet at {where} within {PATIENCE.seconds // 60} minutes: "
                "start all of them, with one address and port that every machine can reach"
            ) from error
        if ranks().size > 1:
            self._watch = Watch("go on from its last checkpoint with ckpt_path=last")
            if not self._watch.start():
                self._watch = None
                log.warning(
                    "the processes cannot watch one another: if one dies the others wait for %d minutes",
                    PATIENCE.seconds // 60,
                )

    def on_exception(self, exception: BaseException) -> None:
        """Ends the other processes, unless all have agreed to end."""
        super().on_exception(exception)
        if self._watch is None or isinstance(exception, SystemExit):
            return
        if isinstance(exception, MfnError):
            told = str(exception)
        elif isinstance(exception, Exception):
            told = "" if ranks().rank == 0 else unexpected(exception)
        else:
            told = f"process {ranks().rank} of {ranks().size} was stopped"
        self._watch.fail(told)

    def teardown(self) -> None:
        """Says goodbye."""
        if self._watch is not None:
            self._watch.leave()
            self._watch = None
        super().teardown()


def strategy_of(strategy: object, processes: int) -> object:
    """What the trainer is to train by.

    Args:
        strategy: As configured.
        processes: Of the run.
    """
    return Together() if strategy == "ddp" or (strategy == "auto" and processes > 1) else strategy


def cluster_plugins() -> list[ClusterEnvironment]:
    """What Lightning is to know of SLURM: our checkpoints go on by themselves, and no signal cuts a step in two."""
    if not SLURMEnvironment.detect() or TorchElasticEnvironment.detect():
        return []
    one_task = os.environ.get("SLURM_NTASKS") == "1"  # which starts the processes of its machine by itself
    return [LightningEnvironment() if one_task else SLURMEnvironment(auto_requeue=False)]
