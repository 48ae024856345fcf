"""What the jobs of a sweep left in their folders, whatever ran them and however they ended."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mfn.about import called

SUMMARY = "summary.json"
_ASKED = ".hydra/overrides.yaml"
LAST = "checkpoints/last.ckpt"


def job_folders(folder: Path, subdir: str = "") -> list[Path]:
    """The folder of each job, in the order of their numbers.

    Args:
        folder: Of the sweep.
        subdir: What the folders of jobs are called, ``hydra.sweep.subdir`` as it was written.
    """
    deep = "/" in subdir or os.sep in subdir or "override_dirname" in subdir  # paths may be among the overrides
    at = "**/" if deep else "*/"
    found = {file.parent for file in folder.glob(f"{at}{SUMMARY}")} | {
        file.parents[1] for file in folder.glob(f"{at}{_ASKED}")
    }
    names = {path: path.relative_to(folder).as_posix() for path in found}
    return sorted(found, key=lambda path: (len(names[path]), names[path]))


def read_summaries(folder: Path, subdir: str = "") -> dict[str, dict[str, Any]]:
    """What each job of a sweep left, by the name of its folder, in the order of the jobs.

    One without a whole summary did not come to its end: of that there is an ``error``, and what it was asked for.
    """
    return {job.relative_to(folder).as_posix(): _summary(job) for job in job_folders(folder, subdir)}


def traces(folder: Path, subdir: str = "") -> Mapping[Path, tuple[int, ...]]:
    """When each job was begun and ended, to be compared with the same of another moment."""
    files = {job: (job / _ASKED, job / SUMMARY) for job in job_folders(folder, subdir)}
    return {
        job: tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in of_job) for job, of_job in files.items()
    }


def _summary(job: Path) -> dict[str, Any]:
    try:
        summary = json.loads((job / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        summary = None
    if isinstance(summary, dict) and {"value", "overrides"} <= summary.keys():
        return summary
    how = "it has not ended: killed, stopped or still running"
    last = job / LAST
    then = (
        f"; `{called('train')} ckpt_path={last}` goes on with it" if last.is_file() else ", before its first checkpoint"
    )
    return {"error": how + then, "value": None, "overrides": _asked(job)}


def _asked(job: Path) -> list[str]:
    try:
        words = yaml.safe_load((job / _ASKED).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return []
    return [str(word) for word in words] if isinstance(words, list) else []
