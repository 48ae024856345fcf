"""Who does the work: Ray Data, on one machine or many."""

import logging
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mfn.about import optional
from mfn.errors import ConfigError, DataError, MfnError
from mfn.prepare.executors import Done, Job, use_one_thread


class Ray:
    """Ray Data's actors. All machines must see the source and the output under the same paths.

    Args:
        workers: How many actors; None takes one for each core of the cluster.
        address: Of a cluster that runs; None starts a Ray on this machine for the time of the work.

    Raises:
        ConfigError: Ray is not installed.
    """

    def __init__(self, workers: int | None = None, address: str | None = None) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        needed, otherwise = "executor=ray needs Ray", ", or choose executor=local"
        self._ray: Any = optional("ray", needed, "ray", ConfigError, otherwise)
        self._data: Any = optional("ray.data", needed, "ray", ConfigError, otherwise)
        self.workers = workers
        self.address = address

    def __call__(self, job: Job, shards: Sequence[int]) -> Generator[Done]:
        """See `Executor`."""
        if not shards:
            return
        with self.cluster():
            actors = self._data.ActorPoolStrategy(size=self.workers or int(self._ray.cluster_resources()["CPU"]))
            rows = self._data.from_items([{"shard": shard} for shard in shards], override_num_blocks=len(shards))
            done = rows.map(RayActor, fn_constructor_args=(job,), num_cpus=1, compute=actors)
            for row in done.iter_rows():
                if row["error"]:
                    raise DataError(row["error"])
                yield Done(row["shard"], row["rows"], row["broken"], row["example"])

    @contextmanager
    def cluster(self) -> Iterator[None]:
        """Connects to the cluster, or starts one, unless this process has done so already."""
        if self._ray.is_initialized():
            yield
            return
        local = {"num_cpus": self.workers, "include_dashboard": False} if self.address is None else {}
        self._ray.init(address=self.address, log_to_driver=False, logging_level=logging.ERROR, **local)
        self._data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        try:
            yield
        finally:
            self._ray.shutdown()


class RayActor:
    """One of Ray's workers; errors come back as values, since Ray would wrap them in pages of traceback."""

    def __init__(self, job: Job) -> None:
        self._job = job
        use_one_thread()

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Does one shard: its number under ``shard`` to the fields of `Done` and ``error``."""
        try:
            return {**self._job(int(row["shard"]))._asdict(), "error": ""}
        except MfnError as error:
            return {**Done(int(row["shard"]), 0, 0, "")._asdict(), "error": str(error)}
