"""One job, by itself or as one of a sweep, which goes on when a job fails."""

import json
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from mfn.commands.again import SUMMARY, earlier_checkpoint, good_end
from mfn.commands.apart import run_apart, side_by_side, value_of
from mfn.commands.program import as_called
from mfn.config.failures import one_sentence, unexpected
from mfn.errors import MfnError, first_line
from mfn.files.atomic import replacing

log = logging.getLogger(__name__)


def run_job(run: Callable[[DictConfig], float], config: DictConfig) -> float:
    """Runs a job; one of a sweep that fails says so in its folder and on the screen, and gives NaN.

    One of a sweep that was typed before goes on where it was, and is not run again where it came to its end.

    Args:
        run: What the job does.
        config: Its configuration.
    """
    hydra = HydraConfig.get()
    if hydra.mode != RunMode.MULTIRUN:
        with one_sentence(), _kept(), as_called():
            return run(config)
    number, folder = hydra.job.num, Path(hydra.runtime.output_dir)
    last = earlier_checkpoint(config, folder)
    if last is not None and (summary := good_end(folder)):
        log.info("job %s was done before: %s %.4g", number, summary["metric"], value := value_of(summary))
        return value
    (folder / SUMMARY).unlink(missing_ok=True)  # of a try that failed
    try:
        with _kept(), as_called():
            if "trainer" in config and (side_by_side() or in_several_processes(config)):
                value = value_of(summary := run_apart(last))
                if side_by_side() and "metric" in summary:
                    log.info("job %s: %s %.4g", number, summary["metric"], value)
                return value
            if last is not None:
                log.info("job %s goes on with %s", number, last)
                config.ckpt_path = str(last)
            return run(config)
    except MfnError as error:
        sentence = str(error)
    except Exception as error:
        sentence = unexpected(error)
    log.error("job %s failed: %s", number, sentence)
    return math.nan


def in_several_processes(config: DictConfig) -> bool:
    """Whether a trainer starts processes beside the one that it is in."""
    trainer = config.get("trainer", {})
    devices, accelerator = trainer.get("devices", 1), str(trainer.get("accelerator", "auto"))
    if str(devices) in ("auto", "-1"):
        count = 1 if accelerator == "cpu" else torch.cuda.device_count()
    elif isinstance(devices, int) or str(devices).isdecimal():
        count = int(devices)
    else:
        count = len(devices if OmegaConf.is_list(devices) else str(devices).strip(",").split(","))
    nodes = trainer.get("num_nodes") or 1
    return nodes == "auto" or count * int(nodes) > 1


@contextmanager
def _kept() -> Iterator[None]:
    """Leaves what a job failed of in its folder, unless that tells of an earlier, better end."""
    try:
        yield
    except Exception as error:
        hydra = HydraConfig.get()
        if not (summary := Path(hydra.runtime.output_dir) / SUMMARY).exists() and summary.parent.is_dir():
            failed = {
                "error": str(error) if isinstance(error, MfnError) else first_line(error),
                "value": None,
                "overrides": list(hydra.overrides.task),
            }
            with replacing(summary) as temporary:
                temporary.write_text(json.dumps(failed, indent=2), encoding="utf-8")
        raise
