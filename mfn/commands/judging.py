"""One set judged, whatever its kind, by one process or with the help of others."""

import dataclasses
import logging
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path

from mfn.benchmarks.gallery import IdentificationSet
from mfn.benchmarks.ijb import IjbSet
from mfn.benchmarks.preconditions import Benchmark
from mfn.benchmarks.verification import VerificationSet
from mfn.commands.judged_groups import group_choice, quality_choice
from mfn.config.detectors import DetectorMaker, detector_named
from mfn.config.evaluate import EvaluateSettings
from mfn.errors import MfnError
from mfn.evaluation.contract_check import check_contract
from mfn.evaluation.contract_report import ContractReport
from mfn.evaluation.embedding_cache import EmbeddingCache
from mfn.evaluation.helping import Embedding, embed_part
from mfn.evaluation.identification import identify_set
from mfn.evaluation.ijb import run_ijb
from mfn.evaluation.outcome import Result
from mfn.evaluation.photos import PhotoFaces, PhotoRules, find_faces
from mfn.evaluation.verification import evaluate_verification
from mfn.inference.embedder import FaceEmbedder
from mfn.ranks import Ranks
from mfn.report.tables import table

log = logging.getLogger(__name__)


def results_on(
    benchmark: Benchmark,
    embedder: FaceEmbedder,
    config: EvaluateSettings,
    share: Ranks = Ranks(),  # noqa: B008 - a tuple
) -> list[Result]:
    """The results on one set, whatever its kind."""
    options, cache = _embedding(config, share), _cache(benchmark, config)
    match benchmark:
        case VerificationSet():
            return [
                evaluate_verification(
                    embedder,
                    benchmark,
                    samples=config.bootstrap,
                    pca=config.pca,
                    cache=cache,
                    keep_scores=config.store_threshold is not None,
                    groups=group_choice(config, embedder.contract),
                    quality=quality_choice(config, embedder.contract),
                    **options,
                )
            ]
        case IdentificationSet():
            found = identify_set(embedder, benchmark, cache=cache, **options)
            return [dataclasses.replace(each, larger=config.extrapolate) for each in found]
        case IjbSet():
            pooling = config.ijb.model_dump(exclude={"cache"})
            verified, identified = run_ijb(embedder, benchmark, cache, **options, **pooling)
            return [verified, *(dataclasses.replace(each, larger=config.extrapolate) for each in identified)]


def detector_of(config: EvaluateSettings) -> DetectorMaker | None:
    """What finds the faces in photos; None where the sets are aligned crops.

    Raises:
        ConfigError: There is no such detector, or a value does not fit it.
    """
    if config.align == "none":
        return None
    first = detector_named(config.align, config.photos.detector, "align", "photos.detector")
    return first.with_second_tries(config.photos.second_try)


def with_faces(
    benchmark: Benchmark,
    embedder: FaceEmbedder,
    config: EvaluateSettings,
    share: Ranks = Ranks(),  # noqa: B008 - a tuple
) -> Benchmark:
    """A set of photos as a set of the faces in them, where that is asked for; photos without a face are counted.

    Sets of templates bring their landmarks along, and are left as they are.

    Raises:
        MfnError: The detector does not work, or no photo gives a face.
    """
    make = detector_of(config)
    if make is None or isinstance(benchmark, IjbSet):
        return benchmark
    rules = PhotoRules(config.photos.several, config.photos.min_face)
    found = find_faces(benchmark.source, make, rules, num_workers=config.num_workers, share=share)
    return dataclasses.replace(benchmark, source=PhotoFaces(benchmark.source, found, embedder.contract), strict=False)


def first_pairs(benchmarks: Mapping[str, Benchmark]) -> VerificationSet | None:
    """The first set of pairs, None where there is none."""
    return next((benchmark for benchmark in benchmarks.values() if isinstance(benchmark, VerificationSet)), None)


def check_first(
    config: EvaluateSettings, embedder: FaceEmbedder, benchmarks: Mapping[str, Benchmark], share: Ranks
) -> ContractReport | None:
    """Tries other conventions on a sample of the first set of pairs, where that is asked for."""
    pairs = first_pairs(benchmarks)
    if not config.check_contract or pairs is None:
        return None
    report = check_contract(
        embedder, pairs, sample=config.check_contract_pairs, batch_size=config.batch_size, share=share
    )
    log.info(table(f"Conventions tried on {report.pairs} pairs of {pairs.name}", report.rows()))
    log.log(logging.WARNING if report.better else logging.INFO, "contract check: %s", report.conclusion)
    return report


def help_judge(
    config: EvaluateSettings, embedder: FaceEmbedder, benchmarks: MutableMapping[str, Benchmark], share: Ranks
) -> None:
    """What a process beside the first one does; what goes wrong goes wrong there too, and is told there."""
    for name in list(benchmarks):
        with suppress(MfnError):
            benchmarks[name] = benchmark = with_faces(benchmarks[name], embedder, config, share)
            embed_part(benchmark, embedder, _cache(benchmark, config), _embedding(config, share))
    with suppress(MfnError):
        check_first(config, embedder, benchmarks, share)


def _embedding(config: EvaluateSettings, share: Ranks) -> Embedding:
    return {
        "flip": config.flip,
        "batch_size": config.batch_size,
        "num_workers": config.num_workers,
        "share": share,
    }


def _cache(benchmark: Benchmark, config: EvaluateSettings) -> EmbeddingCache | None:
    folder = config.ijb.cache if isinstance(benchmark, IjbSet) else config.cache
    return EmbeddingCache(Path(folder)) if folder else None
