"""Runs of the pipeline with the detector of `fakes`."""

from pathlib import Path
from typing import Any

from mfn.prepare.align_step import AlignRules
from mfn.prepare.executors import Executor, Local
from mfn.prepare.pack_step import PackRules
from mfn.prepare.pipeline import run
from mfn.prepare.plan import Plan
from mfn.prepare.report import Report
from mfn.prepare.workspace import Workspace
from mfn.sources.folder_dataset import FolderDataset
from tests.prepare.fakes import MarkDetector

HERE = Local(0)


def prepared(
    root: Path,
    output: Path,
    executor: Executor = HERE,
    source: Any = None,
    pack: PackRules | None = None,
    align: AlignRules | None = AlignRules(),  # noqa: B008
    **options: Any,
) -> Report:
    """Runs the pipeline over identity folders, or over another source."""
    how = {key: options.pop(key) for key in ("overwrite", "keep_work") if key in options}
    plan = Plan(align=align, pack=pack or PackRules(), **options)
    return run(
        source or FolderDataset(root), plan, MarkDetector, executor, Workspace(output), {"root": str(root)}, **how
    )
