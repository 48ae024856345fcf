"""All steps in order: photos, clean, balance, split, pack."""

import json
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from mfn.align.detector import Detector
from mfn.errors import DataError
from mfn.images.copies import Copies
from mfn.inference.embedder import FaceEmbedder
from mfn.prepare.align_step import AlignRules
from mfn.prepare.balance import BalanceRules, balance
from mfn.prepare.clean import clean
from mfn.prepare.crops import AlignedPhotos, Crops
from mfn.prepare.dropped_page import write_dropped_page
from mfn.prepare.executors import Executor
from mfn.prepare.manifest import Manifest
from mfn.prepare.manifest_file import require_writer
from mfn.prepare.ownership import hashes_of
from mfn.prepare.pack_step import pack_hash, write_files
from mfn.prepare.photo_job import PhotoJob
from mfn.prepare.photos import photos_of, rows_passed_over, with_copies
from mfn.prepare.plan import Plan
from mfn.prepare.quality_gate import gated, look_at
from mfn.prepare.report import Report, histogram
from mfn.prepare.settings import digest
from mfn.prepare.shards import Shards
from mfn.prepare.split_step import split
from mfn.prepare.suspects import check_identities
from mfn.prepare.workspace import Workspace
from mfn.progress import tracked
from mfn.sources.source import FaceSource, copies_of, passed_over_of

log = logging.getLogger(__name__)


def run(
    source: FaceSource,
    plan: Plan,
    make_detector: Callable[[], Detector] | None,
    executor: Executor,
    workspace: Workspace,
    inputs: Mapping[str, Any],
    *,
    overwrite: bool = False,
    keep_work: bool = False,
) -> Report:
    """Carries a plan out, going on where an earlier run of the same plan was stopped.

    Args:
        source: The photos.
        plan: What to do.
        make_detector: Builds the detector in each process; not needed where nothing is aligned.
        executor: Who works on the photos.
        workspace: Where to.
        inputs: What source and detector were made from, to know the same run again.
        overwrite: Whether an output that is there may go.
        keep_work: Whether the results of the work on the photos stay, for other runs on the same photos.

    Raises:
        MfnError: What is there does not fit, or the photos do not; the message says what to do.
    """
    started = time.perf_counter()
    photos = photos_of(source)
    at_work = {**inputs, "photos": _digest(photos), "align": None if plan.align is None else asdict(plan.align)}
    settings = at_work | asdict(plan)
    if workspace.is_finished(settings, overwrite) and workspace.is_tidy():
        return _nothing_to_do(workspace)
    require_writer(index := workspace.result / f"index{plan.index_suffix}")
    networks = _networks(plan)
    with workspace.alone():
        workspace.recover()
        if workspace.is_finished(settings, overwrite):
            workspace.tidy(keep_work)
            return _nothing_to_do(workspace)
        workspace.begin(at_work)
        shards = Shards(workspace.shards, len(photos), digest(json.dumps(at_work, sort_keys=True).encode()))
        find = None if plan.align is None else make_detector
        job = PhotoJob(source, photos.row, photos.name, shards, plan.align or AlignRules(), find)
        worked_on, work_seconds = _work(job, executor, plan.max_broken)
        aligned = source if plan.align is None else AlignedPhotos(source, photos.row, shards)
        crops = Crops(aligned, photos.replace(**shards.columns()))
        crops = crops.of(_cleaned(crops, plan, *networks, workspace.result))
        crops = crops.of(manifest := chosen(crops.manifest, plan, copies_of(source)))
        files = write_files(crops, workspace.result, _size(plan, manifest), plan.pack, plan.seed)
        hashes = hashes_of(workspace.result, files)
        passed = passed_over_of(source)
        seconds = time.perf_counter() - started
        report = Report.of(manifest, passed.counts, pack_hash(hashes), worked_on, work_seconds, seconds)
        report.write(workspace.result / "report.json")
        manifest.joined(rows_passed_over(passed)).write(index)
        histogram(manifest, workspace.result / "images_per_identity.png")
        write_dropped_page(workspace.result / "dropped.html", manifest, crops.picture, passed_over=passed.counts)
        workspace.finish(settings, hashes, overwrite=overwrite, keep_work=keep_work)
    return report


def _nothing_to_do(workspace: Workspace) -> Report:
    log.info("%s is finished, there is nothing to do", workspace.output)
    return Report.read(workspace.output / "report.json")


def _networks(plan: Plan) -> tuple[FaceEmbedder | None, FaceEmbedder | None]:
    """What looks for wrong faces, and what judges the quality of faces, which may be the same."""
    looks = None if plan.suspects is None or plan.model_path is None else FaceEmbedder.load(plan.model_path)
    if plan.clean is None or plan.clean.min_quality is None:
        return looks, None
    return looks, looks if plan.clean.quality is None else FaceEmbedder.load(plan.clean.quality)


def _cleaned(
    crops: Crops, plan: Plan, looks: FaceEmbedder | None, judge: FaceEmbedder | None, folder: Path
) -> Manifest:
    """Without bad images; lists of suspects go to the folder."""
    aligned, seen = None if plan.align is None else (plan.align.height, plan.align.width), None
    if plan.clean is not None:
        crops = crops.of(clean(crops.manifest, plan.clean))
    if (
        judge is not None
        and plan.clean is not None
        and plan.clean.min_quality is not None
        and crops.manifest.kept().any()
    ):
        log.info("judging the quality of faces with %s ...", plan.clean.quality or plan.model_path)
        seen = look_at(crops, judge, aligned=aligned)
        crops = crops.of(gated(crops.manifest, seen, plan.clean.min_quality))
    if looks is None or plan.suspects is None or not crops.manifest.kept().any():
        return crops.manifest
    log.info("looking for wrong faces with %s ...", plan.model_path)
    known = seen.kept(crops.manifest) if seen is not None and judge is looks else look_at(crops, looks, aligned=aligned)
    return check_identities(crops, known, plan.suspects, folder)


def chosen(manifest: Manifest, plan: Plan, copies: Copies | None = None) -> Manifest:
    """Balanced and split; virtual copies that the source has stay, unless balancing makes new ones."""
    if plan.balance is None or plan.balance == BalanceRules():
        manifest = with_copies(manifest, copies)
    else:
        manifest = balance(manifest, plan.balance, plan.seed)
    return manifest if plan.split is None else split(manifest, plan.split, plan.seed)


def _work(job: PhotoJob, executor: Executor, max_broken: float) -> tuple[int, float]:
    """Makes the shards that are missing; returns how many photos that were, and the seconds it took."""
    shards, missing = job.shards, job.shards.missing()
    left = sum(len(shards.span(shard)) for shard in missing)
    if left < shards.rows:
        log.info("going on: %d of %d photos are done", shards.rows - left, shards.rows)
    started = time.perf_counter()
    broken, allowed = 0, max(max_broken * shards.rows, max_broken > 0)  # one may be, however small the set
    with closing(executor(job, missing)) as done:
        tracked_work = tracked(done, shards.rows, "photos", lambda shard: shard.rows, shards.rows - left)
        for shard in chain(job.finished(missing), tracked_work):
            broken += shard.broken
            if broken > allowed:
                raise DataError(
                    f"more than {max_broken:.0%} of the {shards.rows} images are broken, {shard.example} among them: "
                    "is this the right source? raise max_broken to go on"
                )
    return left, time.perf_counter() - started


def _size(plan: Plan, manifest: Manifest) -> tuple[int, int]:
    if plan.align is not None:
        return plan.align.height, plan.align.width
    first = int(np.argmax(manifest.kept()))
    return int(manifest.height[first]), int(manifest.width[first])


def _digest(photos: Manifest) -> dict[str, Any]:
    text = "\n".join(np.char.add(np.char.add(photos.identity, "\t"), photos.name).tolist())
    return {"count": len(photos), "sha256": digest(text.encode(errors="surrogateescape"))}
