"""One export, from the configuration to files that have been proven."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from mfn.data.verification import VerificationSet
from mfn.errors import ConfigError, ExportError, MfnError
from mfn.evaluation.alignment import SAMPLE, warn_of_unaligned
from mfn.evaluation.embedding import flip_views
from mfn.evaluation.fitted_sets import fitted_sets
from mfn.export.calibration import calibration_faces
from mfn.export.exporter import Exported, Exporter
from mfn.export.faces import first_folds, parity_faces
from mfn.export.jobs import Job, jobs
from mfn.export.latency import Latency
from mfn.export.limits import Limits
from mfn.export.network import ExportOptions
from mfn.export.onnx_graph import plain_onnx
from mfn.export.parity import spread
from mfn.export.proof import Reference, measured
from mfn.export.source import read_source
from mfn.export.tables import latency_rows, parity_row, verification_rows
from mfn.export.usage import usage
from mfn.failures import unwrapped
from mfn.report.run import readable
from mfn.report.tables import table

log = logging.getLogger(__name__)

Times = Mapping[int, Mapping[str, Latency]]
LISTS = ("target", "precision", "benchmark")


def export(config: DictConfig) -> list[Path]:
    """Writes a checkpoint as every file asked for, proves each, and keeps those that pass.

    Args:
        config: The composed ``conf/export.yaml``.

    Returns:
        The files kept, those to load.

    Raises:
        ExportError: A file could not be written or breaks a limit; the others are kept, and the table has been told.
        MfnError: Configuration, checkpoint or data do not fit; the message says what to do.
    """
    with unwrapped():
        targets = dict(instantiate(config.target, _convert_="all"))
        limits: Limits = instantiate(config.limits)
    allow_missing, calibrated = targets.pop("allow_missing"), config.calibration is not None
    wanted, left_out = jobs(targets, _listed(config.precision), allow_missing=allow_missing, calibrated=calibrated)
    run = readable(config.paths.output)
    run.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".export-", dir=run) as folder:
        exporter = _exporter(config, Path(folder))
        made, failed = _written(exporter, wanted)
        times = _times(config.latency, exporter, made)
        made = [_judged(exported, times, limits, exporter.reference) for exported in made]
        kept = [exported.keep(run) for exported in made if not exported.proof.broken]
    failed |= {exported.name: "; ".join(exported.proof.broken) for exported in made if exported.proof.broken}
    facts = {"checkpoint_file": str(config.ckpt_path), **exporter.source.origin, "judged": exporter.reference.judged}
    _write_proof(run / "proof.json", facts, made, times, left_out, failed)
    _tell(run, exporter.reference, made, times, left_out)
    if failed:
        raise ExportError("not kept: " + "; ".join(f"{name} ({sentence})" for name, sentence in failed.items()))
    return kept


def list_arguments(arguments: Sequence[str]) -> list[str]:
    """Command line arguments with ``target=a,b`` as ``target=[a,b]``, since Hydra would take the first for a sweep."""
    named = ((argument, *argument.partition("=")[::2]) for argument in arguments)
    return [
        f"{key}=[{value}]" if key in LISTS and "," in value and value[0] != "[" else argument
        for argument, key, value in named
    ]


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(part) for part in value]


def _exporter(config: DictConfig, folder: Path) -> Exporter:
    source = read_source(Path(config.ckpt_path))
    aligned, calibration = config.check_alignment, None
    benchmarks = fitted_sets(_benchmarks(config), source.contract, config.fit, check_alignment=aligned)
    if config.calibration is not None:
        count, seed = config.calibration_count, config.seed
        calibration = calibration_faces(config.calibration, source.contract, count, seed, config.fit)
        if aligned:
            warn_of_unaligned({f"calibration={config.calibration}": calibration[:SAMPLE]}, source.contract)
    faces = parity_faces(benchmarks.values(), calibration, source.contract)
    judging = {"flip": flip_views(config.flip), "batch_size": config.batch_size}
    reference = Reference(source.backbone, source.contract, faces, benchmarks, **judging)
    if spread(reference.embeddings) > 0.999:
        log.warning("the checkpoint gives all faces nearly the same embedding: closeness to it proves little")
    options = ExportOptions(input=config.input, color=config.color, l2_normalize=config.l2_normalize)
    return Exporter(source, options, calibration, reference, config.name or Path(config.ckpt_path).stem, folder)


def _benchmarks(config: DictConfig) -> dict[str, VerificationSet]:
    with unwrapped():
        chosen = instantiate(config.benchmark, _convert_="all")
    if other := [name for name, pairs in chosen.items() if not isinstance(pairs, VerificationSet)]:
        raise ConfigError(f"benchmark={other[0]} is no set of pairs: judge it with evaluate.py model_path=FILE")
    return {name: first_folds(pairs, config.folds) for name, pairs in chosen.items()}


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


def _times(latency: DictConfig, exporter: Exporter, made: Sequence[Exported]) -> Times:
    files = {exported.name: exported.files[0] for exported in made if exported.proof.parity is not None}
    if not latency.rounds or not files:
        return {}
    if latency.plain and any(path.suffix == ".onnx" for path in files.values()):
        source = exporter.source
        plain = plain_onnx(source.backbone, source.contract, exporter.folder / "plain.onnx")
        files = {"plain torch.onnx.export": plain, **files}
    return measured(files, exporter.reference, latency.threads, latency.rounds)


def _judged(exported: Exported, times: Times, limits: Limits, reference: Reference) -> Exported:
    own = {threads: contenders[exported.name] for threads, contenders in times.items() if exported.name in contenders}
    proof = replace(exported.proof, latency=own, broken=limits.broken(exported.proof, reference))
    return replace(exported, proof=proof)


def _write_proof(
    path: Path,
    facts: Mapping[str, Any],
    made: Sequence[Exported],
    times: Times,
    left_out: Sequence[str],
    failed: Mapping[str, str],
) -> None:
    latency = {threads: {n: asdict(time) for n, time in contenders.items()} for threads, contenders in times.items()}
    files = [exported.proof.to_dict() for exported in made]
    content = {**facts, "files": files, "latency": latency, "left_out": left_out, "failed": failed}
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")


def _tell(run: Path, reference: Reference, made: Sequence[Exported], times: Times, left_out: Sequence[str]) -> None:
    kept = [exported for exported in made if not exported.proof.broken]
    for target, first in {e.proof.target: e for e in reversed(kept)}.items():
        log.info("How to use %s\n\n%s", first.name, usage(target, first.name, first.deployable))
    title = f"Files beside the checkpoint, on {len(reference.images)} faces in batches of 1, 2, 7 and 64"
    log.info(table(title, [parity_row(exported.proof) for exported in made]))
    if times:
        log.info(table("Milliseconds for one face, in turns", latency_rows(times)))
    if reference.judged:
        networks = {"checkpoint": reference.judged} | {e.name: e.proof.judged for e in made}
        log.info(table("Verification", verification_rows(networks)))
    for sentence in left_out:
        log.info("left out: %s", sentence)
    log.info("written: %s", ", ".join(str(run / name) for name in (*(e.name for e in kept), "proof.json")))
