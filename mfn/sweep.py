"""One job, by itself or as one of a sweep, which goes on when a job fails."""

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict, read_write

from mfn.config.quoting import quoted_override
from mfn.errors import MfnError
from mfn.failures import one_sentence, unexpected

log = logging.getLogger(__name__)


def job(run: Callable[[DictConfig], float], config: DictConfig) -> float:
    """Runs a job; one of a sweep that fails says so in its folder and on the screen, and gives NaN.

    Args:
        run: What the job does.
        config: Its configuration.
    """
    if HydraConfig.get().mode != RunMode.MULTIRUN:
        with one_sentence():
            return run(config)
    try:
        with _by_itself():
            return run(config)
    except MfnError as error:
        sentence = str(error)
    except Exception as error:
        sentence = unexpected(error)
    hydra = HydraConfig.get()
    log.error("job %s failed: %s", hydra.job.num, sentence)
    failed = {"error": sentence, "value": None, "overrides": list(hydra.overrides.task)}
    (Path(hydra.runtime.output_dir) / "summary.json").write_text(json.dumps(failed, indent=2), encoding="utf-8")
    return float("nan")


@contextmanager
def _by_itself() -> Iterator[None]:
    """Lets further processes of the job, which are started by its command line, do this job and not the sweep."""
    hydra: Any = HydraConfig.get()
    before = list(sys.argv)
    folder = str(hydra.runtime.output_dir)
    folders = [of.path for of in hydra.runtime.config_sources if of.provider == "command-line"]
    flags = [word for path in folders for word in ("--config-dir", path)]
    sys.argv[1:] = [*flags, *hydra.overrides.task, quoted_override("hydra.run.dir", folder)]
    with read_write(hydra), open_dict(hydra):
        hydra.run.dir = folder  # which Lightning hands on to them
    try:
        yield
    finally:
        sys.argv[:] = before
