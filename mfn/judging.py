"""One evaluation, from the configuration to the report."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from mfn.data.benchmarks.gallery import IdentificationSet
from mfn.data.benchmarks.ijb import IjbSet
from mfn.data.verification import VerificationSet
from mfn.errors import ConfigError
from mfn.evaluation.embedding import flip_views
from mfn.evaluation.embedding_cache import EmbeddingCache
from mfn.evaluation.identification import Identified, identify_set
from mfn.evaluation.ijb import run_ijb
from mfn.evaluation.judge import judge
from mfn.evaluation.operating_point import check_far, operating_threshold
from mfn.evaluation.probe import probe
from mfn.evaluation.probe_report import ProbeReport
from mfn.evaluation.templates import TemplateVerification
from mfn.evaluation.verdict import Verdict
from mfn.failures import unwrapped
from mfn.inference.embedder import FaceEmbedder
from mfn.metrics.scores import SCORES
from mfn.report.evaluation import write_report
from mfn.report.run import readable
from mfn.report.tables import identified_row, table, template_row, verdict_row

log = logging.getLogger(__name__)

Benchmark = VerificationSet | IdentificationSet | IjbSet
Result = Verdict | TemplateVerification | Identified


def evaluate(config: DictConfig) -> float:
    """Judges a network file on every chosen set and writes the report.

    Args:
        config: The composed ``conf/evaluate.yaml``.

    Returns:
        Mean accuracy over the verification sets; without any, the mean rank-1 rate.

    Raises:
        MfnError: Configuration, network file or data do not fit; the message says what to do.
    """
    run = readable(config.paths.output)
    flip = flip_views(config.flip)
    if config.score not in SCORES:
        raise ConfigError(f"score={config.score} must be one of {', '.join(SCORES)}")
    stated = OmegaConf.to_container(config.contract, resolve=True)
    embedder = FaceEmbedder.load(config.model_path, stated, config.trust_torchscript)  # type: ignore[arg-type]
    embedder = embedder.to(config.device)
    with unwrapped():
        benchmarks: dict[str, Benchmark] = instantiate(config.benchmark, _convert_="all")
    if not benchmarks:
        raise ConfigError("no benchmark is chosen: name one or several, as in benchmark=[lfw,cfp_fp]")
    _check(config, benchmarks)
    results: list[Result] = []
    for name, benchmark in benchmarks.items():
        log.info("%s: %d images", name, len(benchmark.source))
        results += judged_on(benchmark, embedder, flip, config)
    verdicts = [result for result in results if isinstance(result, Verdict)]
    probed = _probe(config, embedder, benchmarks)
    if config.store_threshold is not None:
        _store_threshold(config, embedder, verdicts)
    sets = {benchmark.name: benchmark for benchmark in benchmarks.values() if isinstance(benchmark, VerificationSet)}
    settings = {"flip": flip, "bootstrap": config.bootstrap, "pca": config.pca}
    files = write_report(run, config.model_path, embedder.contract, results, sets, probed, settings)
    _tell(config, results)
    log.info("written: %s", ", ".join(map(str, files)))
    shares = [judged.accuracy for judged in verdicts] or [
        r.result.ranks[1] for r in results if isinstance(r, Identified)
    ]
    return sum(shares) / len(shares)


def judged_on(benchmark: Benchmark, embedder: FaceEmbedder, flip: str, config: DictConfig) -> list[Result]:
    """The results on one set, whatever its kind."""
    options = {"flip": flip, "batch_size": config.batch_size, "num_workers": config.num_workers}
    cache = EmbeddingCache(Path(config.cache)) if config.cache else None
    match benchmark:
        case VerificationSet():
            return [judge(embedder, benchmark, samples=config.bootstrap, pca=config.pca, cache=cache, **options)]
        case IdentificationSet():
            return [*identify_set(embedder, benchmark, cache=cache, **options)]
        case IjbSet():
            pooling = dict(config.ijb)
            verified, identified = run_ijb(
                embedder, benchmark, EmbeddingCache(Path(pooling.pop("cache"))), **options, **pooling
            )
            return [verified, *identified]


def _check(config: DictConfig, benchmarks: Mapping[str, Benchmark]) -> None:
    """Finds what cannot be done before the images are embedded, which may take hours."""
    pairs = _first_pairs(benchmarks)
    if pairs is None and (config.probe or config.store_threshold is not None):
        raise ConfigError("probe=true and store_threshold= need a set of pairs among the benchmarks")
    if pairs is not None and config.store_threshold is not None:
        check_far(pairs.name, pairs.is_same, float(config.store_threshold))


def _first_pairs(benchmarks: Mapping[str, Benchmark]) -> VerificationSet | None:
    return next((benchmark for benchmark in benchmarks.values() if isinstance(benchmark, VerificationSet)), None)


def _probe(config: DictConfig, embedder: FaceEmbedder, benchmarks: Mapping[str, Benchmark]) -> ProbeReport | None:
    pairs = _first_pairs(benchmarks)
    if not config.probe or pairs is None:
        return None
    report = probe(embedder, pairs, sample=config.probe_pairs, batch_size=config.batch_size)
    log.info(table(f"Conventions tried on {config.probe_pairs} pairs of {pairs.name}", report.rows()))
    log.log(logging.WARNING if report.better else logging.INFO, "probe: %s", report.verdict)
    return report


def _store_threshold(config: DictConfig, embedder: FaceEmbedder, verification: Sequence[Verdict]) -> None:
    far = float(config.store_threshold)
    threshold = operating_threshold(verification[0], far)
    written = embedder.store_threshold(config.model_path, threshold, far, config.flip)
    told = (threshold, far, config.flip, verification[0].name, written)
    log.info("threshold %.4f (false accept rate %g, flip=%s, on %s) stored in %s", *told)


def _tell(config: DictConfig, results: Sequence[Result]) -> None:
    rows = {"Verification": [verdict_row(r, config.score) for r in results if isinstance(r, Verdict)]}
    rows["Templates, 1:1"] = [template_row(r) for r in results if isinstance(r, TemplateVerification)]
    rows["Identification"] = [identified_row(r) for r in results if isinstance(r, Identified)]
    for what, rows_of in rows.items():
        if rows_of:
            log.info(table(f"{what} of {config.model_path}", rows_of))
