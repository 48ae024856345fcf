"""One evaluation, from the configuration to the report."""

import logging
import math
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile

import hydra
import torch
from omegaconf import DictConfig

from mfn.benchmarks.ijb import IjbSet
from mfn.benchmarks.preconditions import Benchmark
from mfn.benchmarks.verification import VerificationSet
from mfn.commands.idle_keys import check_idle
from mfn.commands.job import run_job
from mfn.commands.judged_groups import check_groups
from mfn.commands.judging import check_first, detector_of, first_pairs, help_judge, results_on, with_faces
from mfn.commands.launch import plain_arguments
from mfn.commands.meeting import meeting
from mfn.commands.program import run_program
from mfn.config.build import build
from mfn.config.compose import CONF
from mfn.config.evaluate import EvaluateSettings
from mfn.config.settings import settings
from mfn.errors import ConfigError, DataError
from mfn.evaluation.fitted_sets import fitted_sets
from mfn.evaluation.identification import IdentificationResult
from mfn.evaluation.operating_point import check_far, operating_threshold
from mfn.evaluation.outcome import Outcome
from mfn.evaluation.templates import TemplateVerification
from mfn.evaluation.verification_result import VerificationResult
from mfn.inference.embedder import FaceEmbedder
from mfn.processes.started import started
from mfn.ranks import Ranks
from mfn.report.acquired_photos import write_photos
from mfn.report.acquisition import acquisition_rows
from mfn.report.evaluation import write_numbers, write_report
from mfn.report.group_tables import gate_rows, group_rows, group_sentences, group_title, quality_rows
from mfn.report.overlap import overlap_said
from mfn.report.run import short_path
from mfn.report.tables import identification_row, table, template_row, verification_row

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None, verb: str = "") -> None:
    """Runs the command with what was typed behind its name."""
    run_program(_job, partial(plain_arguments, name="evaluate"), sys.argv[1:] if arguments is None else arguments, verb)


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="evaluate")
def _job(config: DictConfig) -> float:
    """Runs one job and returns the mean accuracy, for sweepers to optimise."""
    return run_job(evaluate, config)


def evaluate(composed: DictConfig) -> float:
    """Judges a network file on every chosen set and writes the report.

    A set that fails does not lose the others: after each set the figures so far are written, and the report tells
    what failed.

    Args:
        composed: The composed ``conf/evaluate.yaml``.

    Returns:
        Mean accuracy over the verification sets; without any, the mean rank-1 rate.

    Raises:
        MfnError: Configuration, network file or data do not fit; the message says what to do. Or a set, the
            check of the contract or the threshold failed, once all others are reported.
    """
    with meeting() as share:
        return _evaluate(composed, share)


def _evaluate(composed: DictConfig, share: Ranks) -> float:
    """What one of the processes does."""
    config = settings(composed, EvaluateSettings)
    check_idle(composed, config)
    run = short_path(config.paths.output)
    stated = config.contract.model_dump()
    embedder = FaceEmbedder.load(config.model_path, stated, config.trust_torchscript).to(_device(config.device))
    if embedder.network.device.type != torch.device(config.device).type:
        log.warning("device=%s has no effect: %s runs on the CPU", config.device, config.model_path)
    benchmarks: dict[str, Benchmark] = build(composed["benchmark"])
    _check(config, embedder, benchmarks)
    if config.align == "none":
        looks = config.check_alignment and share.rank == 0
        benchmarks = fitted_sets(benchmarks, embedder.contract, config.fit, check_alignment=looks)
    outcome = Outcome()
    if share.rank > 0:
        help_judge(config, embedder, benchmarks, share)
        return math.nan
    _evaluate_all(config, embedder, benchmarks, run, outcome, share)
    with outcome.catching("check_contract"):
        outcome.contract_check = check_first(config, embedder, benchmarks, share)
    with outcome.catching("store_threshold"):
        _store_threshold(config, embedder, benchmarks, outcome)
    _tell(config, outcome)
    sets = {pairs.name: pairs for pairs in benchmarks.values() if isinstance(pairs, VerificationSet)}
    with outcome.catching("report"):
        files = write_report(
            run,
            config.model_path,
            embedder.contract,
            outcome.results,
            sets,
            outcome.contract_check,
            _told(config),
            outcome.failed,
        )
        log.info("written: %s", ", ".join(map(str, files)))
    if outcome.failed:
        sentences = "; ".join(f"{part} ({says})" for part, says in outcome.failed.items())
        raise DataError(f"not all could be done: {sentences}; the rest is in {run}") from outcome.errors[0]
    return outcome.score


def _device(named: str) -> str:
    """Each process of a machine takes a GPU of its own, unless one is named."""
    by = started()
    return named if by is None or named != "cuda" else f"cuda:{by.local_rank % max(1, torch.cuda.device_count())}"


def _check(config: EvaluateSettings, embedder: FaceEmbedder, benchmarks: Mapping[str, Benchmark]) -> None:
    """Finds what cannot be done before the images are embedded, which may take hours."""
    if (detector := detector_of(config)) is not None:
        detector()  # what it says of its values is told before photos are read
    if not benchmarks:
        raise ConfigError("no benchmark is chosen: name one or several, as in benchmark=[lfw,cfp_fp]")
    length = embedder.contract.embedding_dim * (2 if config.flip == "concat" else 1)
    if config.pca is not None and config.pca > length:
        raise ConfigError(f"pca={config.pca} must be at most {length}, the length of the embeddings")
    if config.cache is not None:
        _check_writable("cache", Path(config.cache))
    overlap_said(config.overlap, config.model_path)
    if any(isinstance(benchmark, IjbSet) for benchmark in benchmarks.values()):
        _check_writable("ijb.cache", Path(config.ijb.cache))
    measured = embedder.contract.threshold_flip
    if config.store_threshold is None and measured not in (None, config.flip):
        log.warning("the stored threshold is for flip=%s and says nothing about flip=%s", measured, config.flip)
    check_groups(config, embedder.contract, benchmarks)
    pairs = first_pairs(benchmarks)
    if pairs is None and (config.check_contract or config.store_threshold is not None):
        raise ConfigError("check_contract=true and store_threshold= need a set of pairs among the benchmarks")
    if pairs is not None and config.store_threshold is not None:
        check_far(pairs.name, pairs.is_same, config.store_threshold)
        _check_writable("model_path", Path(config.model_path).absolute().parent)


def _check_writable(key: str, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(f"{key}: nothing can be written to the folder {folder} ({error.strerror})") from None


def _evaluate_all(
    config: EvaluateSettings,
    embedder: FaceEmbedder,
    benchmarks: MutableMapping[str, Benchmark],
    run: Path,
    outcome: Outcome,
    share: Ranks,
) -> None:
    """Judges one set after another, and makes sets of photos sets of the faces in them.

    Raises:
        MfnError: What the first one raised, where none can be judged.
    """
    names = list(benchmarks)
    for number, name in enumerate(names, start=1):
        benchmark = benchmarks[name]
        log.info("%s: %d images (set %d of %d)", benchmark.name, len(benchmark.source), number, len(names))
        with outcome.catching(name) if len(names) > 1 else nullcontext():
            benchmarks[name] = benchmark = with_faces(benchmark, embedder, config, share)
            if (listed := write_photos(run, benchmark)) is not None:
                log.info("%s: what became of every photo: %s", benchmark.name, listed)
            outcome.results += results_on(benchmark, embedder, config, share)
        with outcome.catching("report"):
            write_numbers(run, config.model_path, embedder.contract, outcome.results, _told(config), outcome.failed)
    if not outcome.results:
        raise outcome.errors[0]


def _store_threshold(
    config: EvaluateSettings, embedder: FaceEmbedder, benchmarks: Mapping[str, Benchmark], outcome: Outcome
) -> None:
    pairs, far = first_pairs(benchmarks), config.store_threshold
    if pairs is None or far is None:
        return
    results = [result for result in outcome.results if isinstance(result, VerificationResult)]
    judged = next((result for result in results if result.name == pairs.name), None)
    if judged is None:
        raise DataError(f"{pairs.name}, the first set of pairs, could not be judged: no threshold is stored")
    threshold = operating_threshold(judged, far)
    written = embedder.store_threshold(config.model_path, threshold, far, config.flip, judged.measured)
    log.info(
        "threshold %.4f (false accept rate %g on %s, flip=%s) stored in %s",
        *(threshold, far, judged.name, config.flip, written),
    )


def _told(config: EvaluateSettings) -> dict[str, object]:
    """The settings that a report names."""
    told: dict[str, object] = {"flip": config.flip, "bootstrap": config.bootstrap, "pca": config.pca}
    told["overlap"] = overlap_said(config.overlap, config.model_path)
    if config.align != "none":
        photos = config.photos
        told |= {"align": config.align, "several": photos.several, "second_try": list(photos.second_try)}
    return told


def _tell(config: EvaluateSettings, outcome: Outcome) -> None:
    rows = {
        "Verification": [
            verification_row(r, config.score) for r in outcome.results if isinstance(r, VerificationResult)
        ]
    }
    rows["Templates, 1:1"] = [template_row(r) for r in outcome.results if isinstance(r, TemplateVerification)]
    rows["Identification"] = [identification_row(r) for r in outcome.results if isinstance(r, IdentificationResult)]
    for what, rows_of in rows.items():
        if rows_of:
            log.info(table(f"{what} of {config.model_path}", rows_of))
    for judged in outcome.results:
        if isinstance(judged, VerificationResult) and judged.acquisition is not None:
            log.info(table(f"Failures to acquire counted, {judged.name}", acquisition_rows(judged)))
        if isinstance(judged, VerificationResult):
            for each in judged.by_group:
                log.info(table(f"{judged.name}: {group_title(each)}", group_rows(each)))
                log.info("; ".join(group_sentences(each)))
            if judged.discards:
                log.info(table(f"{judged.name}: error versus discard", quality_rows(judged)))
                log.info(table(f"{judged.name}: quality as a gate", gate_rows(judged)))
    for result in outcome.results:
        for note in result.notes:
            log.warning("%s: %s", result.name, note)
