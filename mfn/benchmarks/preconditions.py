"""What can be told of a benchmark before its images are embedded: that it can only fail."""

import numpy as np

from mfn.benchmarks.gallery import IdentificationSet
from mfn.benchmarks.ijb import IjbSet
from mfn.benchmarks.verification import VerificationSet
from mfn.errors import DataError

Benchmark = VerificationSet | IdentificationSet | IjbSet


def check_benchmark(benchmark: Benchmark, key: str) -> None:
    """Makes sure that figures can come out, if the images can be read.

    Args:
        benchmark: The set.
        key: Its name in the configuration.

    Raises:
        DataError: They cannot.
    """
    match benchmark:
        case VerificationSet():
            _check_pairs(benchmark, key)
        case IjbSet():
            _check_templates(benchmark)
        case IdentificationSet() if benchmark.strangers:
            if np.unique(benchmark.identities[benchmark.probes]).size == benchmark.probes.size:
                raise DataError(f"{benchmark.name}: no two probes show one person, so none can be found")
        case IdentificationSet():
            gallery, probes = (benchmark.identities[part] for part in (benchmark.gallery, benchmark.probes))
            if not np.isin(probes, gallery).any():
                raise DataError(f"{benchmark.name}: no probe shows one of the people enrolled, so none can be found")


def _check_pairs(pairs: VerificationSet, key: str) -> None:
    _check_kinds(pairs.name, pairs.is_same, pairs.notes)
    for same, kind in ((True, "genuine"), (False, "impostor")):
        folds, count = np.unique(pairs.fold_of[pairs.is_same == same]), int(np.count_nonzero(pairs.is_same == same))
        if count < 2:
            raise DataError(
                f"{pairs.name} cannot be judged: it has one {kind} pair, and it takes two of each kind, one to be "
                "judged and one for the threshold"
            )
        if folds.size < 2:
            raise DataError(
                f"{pairs.name} cannot be judged: its {count:,} {kind} pairs are all in one of its "
                f"{np.unique(pairs.fold_of).size} folds, and the threshold of a fold comes from the others; more folds "
                f"deal the pairs out anew: benchmark.{key}.folds, up to {pairs.is_same.size}"
            )


def _check_templates(ijb: IjbSet) -> None:
    there = np.unique(ijb.templates)
    _check_kinds(ijb.name, ijb.is_same[np.isin(ijb.pairs, there).all(axis=1)])
    probes = ijb.probes.people[np.isin(ijb.probes.templates, there)]
    for name, gallery in ijb.galleries.items():
        if not np.isin(gallery.people[np.isin(gallery.templates, there)], probes).any():
            raise DataError(f"{ijb.name} {name}: no probe that has an image shows one of the people of the gallery")


def _check_kinds(name: str, is_same: np.ndarray, notes: tuple[str, ...] = ()) -> None:
    genuine, impostor = int(np.count_nonzero(is_same)), int(np.count_nonzero(~is_same))
    if not genuine or not impostor:
        why = f" ({'; '.join(notes)})" if notes else ""
        raise DataError(
            f"{name} cannot be judged: it has {genuine:,} genuine and {impostor:,} impostor pairs{why}, and it takes "
            "both to tell people apart"
        )
