"""What an earlier try of a job left in its folder: a sweep that is typed again goes on with it."""

import json
import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from mfn.checkpoint.format import CheckpointMetadata, read_checkpoint
from mfn.config.request import request_of_job
from mfn.errors import MfnError

log = logging.getLogger(__name__)

SUMMARY = "summary.json"


def earlier_checkpoint(config: DictConfig, folder: Path) -> Path | None:
    """The last checkpoint of a training that was asked for the very same.

    Args:
        config: Of the running job.
        folder: Of the running job.
    """
    last = folder / "checkpoints" / "last.ckpt"
    if "ckpt_path" not in config or not last.is_file():
        return None
    try:
        request = CheckpointMetadata.of(read_checkpoint(last), last).request
    except MfnError as error:
        log.warning("%s: the training begins anew", error)
        return None
    if request != request_of_job():
        log.warning("%s was asked for something else: the training begins anew", last)
        return None
    return last


def good_end(folder: Path) -> dict[str, Any] | None:
    """The summary of a job that came to a good end, None where it did not."""
    try:
        summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return None if "error" in summary else summary
