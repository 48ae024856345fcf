"""One export, from the configuration to files that have been proven."""

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hydra
import numpy as np
from omegaconf import DictConfig

from mfn.benchmarks.chosen import only_pairs
from mfn.benchmarks.verification import VerificationSet
from mfn.commands.export_check import check_idle, faces_to_check_on
from mfn.commands.job import run_job
from mfn.commands.launch import plain_arguments
from mfn.commands.program import run_program
from mfn.config.build import build, build_all, check_values
from mfn.config.compose import CONF
from mfn.config.export import ExportSettings, LatencySettings
from mfn.config.settings import settings
from mfn.errors import ExportError, MfnError
from mfn.evaluation.alignment import SAMPLE, warn_of_unaligned
from mfn.evaluation.fitted_sets import fitted_sets
from mfn.export.calibration import calibration_faces
from mfn.export.exporter import Exported, Exporter
from mfn.export.faces import first_folds, parity_faces
from mfn.export.jobs import Job, jobs
from mfn.export.kit.board import check_kit, kit_folder, write_kit
from mfn.export.latency import Latency
from mfn.export.limits import Limits
from mfn.export.metadata import usage
from mfn.export.network import ExportOptions
from mfn.export.onnx_graph import plain_onnx
from mfn.export.parity import spread
from mfn.export.replacing import check_proof, check_replaceable, file_stem
from mfn.export.source import Source, read_source
from mfn.export.tables import check_group_rows, check_rows, latency_rows, parity_row, verification_rows
from mfn.export.target import Target, check_options
from mfn.export.validation import Reference, loaded, measured
from mfn.files.atomic import replacing
from mfn.inference.machine import machine, processor
from mfn.report.run import short_path
from mfn.report.tables import table

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None, verb: str = "") -> None:
    """Runs the command with what was typed behind its name."""
    run_program(_job, partial(plain_arguments, name="export"), sys.argv[1:] if arguments is None else arguments, verb)


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="export")
def _job(config: DictConfig) -> float:
    """Runs one job and returns the number of files kept, for sweepers to optimise."""
    return run_job(lambda composed: float(len(export(composed))), config)


Times = Mapping[int, Mapping[str, Latency]]


def export(composed: DictConfig) -> list[Path]:
    """Writes a checkpoint as every file asked for, proves each, and keeps those that pass.

    Args:
        composed: The composed ``conf/export.yaml``.

    Returns:
        The files kept, those to load.

    Raises:
        ExportError: A file could not be written or breaks a limit; the others are kept, and the table has been told.
        MfnError: Configuration, checkpoint or data do not fit; the message says what to do.
    """
    config = settings(composed, ExportSettings)
    targets: dict[str, Target] = build_all(composed.target)
    limits: Limits = build(composed.limits)
    check_values(composed.benchmark)
    options = ExportOptions(input=config.input, color=config.color, l2_normalize=config.l2_normalize)
    check_options(targets.values(), config.precision, options)
    check_idle(composed, config)
    allow_missing, calibrated = config.target.allow_missing, config.calibration is not None
    wanted, left_out = jobs(targets, config.precision, allow_missing=allow_missing, calibrated=calibrated)
    run, stem = short_path(config.paths.output), file_stem(config.name, Path(config.model_path))
    for job in wanted:
        check_replaceable(path := run / job.file_name(stem))
        if config.kit:
            check_kit(kit_folder(path, job.target.suffix))
    check_proof(run / "proof.json")
    run.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".export-", dir=run) as folder:
        source, sets = read_source(Path(config.model_path)), _benchmarks(composed, config.folds)
        benchmarks = fitted_sets(sets, source.contract, config.fit, check_alignment=config.check_alignment)
        exporter = _exporter(config, options, source, benchmarks, stem, Path(folder))
        made, failed = _written(exporter, wanted)
        times = _times(config.latency, exporter, made)
        made = [_evaluated(exported, times, limits, exporter.reference) for exported in made]
        passed = [exported for exported in made if not exported.validation.broken]
        kept = [exported.keep(run) for exported in passed]
    if config.kit:
        _write_kits(config, dict(zip(kept, passed, strict=True)), targets, exporter.calibration)
    failed |= {exported.name: "; ".join(exported.validation.broken) for exported in made if exported.validation.broken}
    facts = {"checkpoint_file": config.model_path, **exporter.source.origin, "judged": exporter.reference.judged}
    if (check := exporter.reference.check) is not None:
        facts["checked"] = asdict(check.checkpoint)
    _write_proof(run / "proof.json", facts, made, times, left_out, failed)
    _show(run, exporter.reference, made, times, left_out)
    if failed:
        raise ExportError("not kept: " + "; ".join(f"{name} ({sentence})" for name, sentence in failed.items()))
    return kept


def _benchmarks(composed: DictConfig, folds: int | None) -> dict[str, VerificationSet]:
    return {name: first_folds(pairs, folds) for name, pairs in only_pairs(build(composed.benchmark)).items()}


def _exporter(
    config: ExportSettings,
    options: ExportOptions,
    source: Source,
    benchmarks: Mapping[str, VerificationSet],
    stem: str,
    folder: Path,
) -> Exporter:
    calibration = None
    if config.calibration is not None:
        count, seed = config.calibration_count, config.seed
        calibration = calibration_faces(config.calibration, source.contract, count, seed, config.fit)
        if config.check_alignment:
            warn_of_unaligned({f"calibration={config.calibration}": calibration[:SAMPLE]}, source.contract)
    faces = parity_faces(benchmarks.values(), calibration, source.contract)
    checked_on = faces_to_check_on(config, source.contract, calibration)
    judging = {"flip": config.flip, "batch_size": config.batch_size}
    reference = Reference(source.backbone, source.contract, faces, benchmarks, checked_on, **judging)
    if spread(reference.embeddings) > 0.999:
        log.warning("the checkpoint gives all faces nearly the same embedding: closeness to it proves little")
    return Exporter(source, options, calibration, reference, stem, folder)


def _written(exporter: Exporter, wanted: Sequence[Job]) -> tuple[list[Exported], dict[str, str]]:
    """The files that could be written and run, and a sentence for each that could not."""
    made, failed = [], {}
    for job in wanted:
        log.info("target=%s precision=%s", job.target.name, job.precision)
        try:
            made.append(exporter.write(job))
        except MfnError as error:
            failed[f"target={job.target.name} precision={job.precision}"] = str(error)
    return made, failed


def _times(latency: LatencySettings, exporter: Exporter, made: Sequence[Exported]) -> Times:
    files = {exported.name: exported.files[0] for exported in made if exported.validation.parity is not None}
    if not latency.rounds or not files:
        return {}
    if latency.plain and any(path.suffix == ".onnx" for path in files.values()):
        source = exporter.source
        plain = plain_onnx(source.backbone, source.contract, exporter.folder / "plain.onnx")
        files = {"plain torch.onnx.export": plain, **files}
    return measured(files, exporter.reference, latency.threads, latency.rounds)


def _write_kits(
    config: ExportSettings, kept: Mapping[Path, Exported], targets: Mapping[str, Target], faces: np.ndarray | None
) -> None:
    for path, exported in kept.items():
        target = targets[exported.validation.target]
        network, made_of = loaded(path).network if target.runs_here else None, exported.validation.made_of
        folder = write_kit(path, target.suffix, made_of, exported.deployable, network, faces, config.kit_faces)
        log.info("kit for a board: %s", folder)


def _evaluated(exported: Exported, times: Times, limits: Limits, reference: Reference) -> Exported:
    own = {threads: contenders[exported.name] for threads, contenders in times.items() if exported.name in contenders}
    validation = replace(exported.validation, latency=own, broken=limits.broken(exported.validation, reference))
    return replace(exported, validation=validation)


def _write_proof(
    path: Path,
    facts: Mapping[str, Any],
    made: Sequence[Exported],
    times: Times,
    left_out: Sequence[str],
    failed: Mapping[str, str],
) -> None:
    latency = {threads: {n: asdict(time) for n, time in contenders.items()} for threads, contenders in times.items()}
    files = [exported.validation.to_dict() for exported in made]
    found = {"machine": machine(), "latency": latency, "left_out": left_out, "failed": failed}
    content = {**facts, "files": files, **found}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2), encoding="utf-8")


def _show(run: Path, reference: Reference, made: Sequence[Exported], times: Times, left_out: Sequence[str]) -> None:
    kept = [exported for exported in made if not exported.validation.broken]
    for target, first in {e.validation.target: e for e in reversed(kept)}.items():
        log.info(
            "How to use %s\n\n%s",
            first.name,
            usage(target, first.name, first.deployable, first.validation.made_of.integers),
        )
    title = f"Files beside the checkpoint, on {len(reference.images)} faces in batches of 1, 2, 7 and 64"
    log.info(table(title, [parity_row(exported.validation) for exported in made]))
    if times:
        log.info(table(f"Milliseconds for one face, in turns, on {processor()}", latency_rows(times)))
    if reference.judged:
        networks = {"checkpoint": reference.judged} | {e.name: e.validation.judged for e in made}
        log.info(table("Verification", verification_rows(networks)))
    if reference.check is not None:
        of_files = {e.name: e.validation.checked for e in made if e.validation.checked is not None}
        networks, own = {"checkpoint": reference.check.checkpoint} | of_files, reference.check.checkpoint.everybody
        on = f"{own.faces:,} faces of {own.people:,} people: {own.genuine:,} genuine, {own.impostor:,} impostor pairs"
        log.info(table(f"Check on {on}", check_rows(networks)))
        if reference.check.checkpoint.groups:
            log.info(table("Check by group, at the thresholds of everybody", check_group_rows(networks)))
    for sentence in left_out:
        log.info("left out: %s", sentence)
    log.info("written: %s", ", ".join(str(run / name) for name in (*(e.name for e in kept), "proof.json")))
