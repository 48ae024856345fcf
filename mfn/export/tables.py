"""Proofs as rows of tables."""

from collections.abc import Iterable, Mapping

from mfn.export.check import Checked, Rates
from mfn.export.latency import Latency
from mfn.export.validation import Figures, FileValidation

Row = dict[str, object]


def parity_row(validation: FileValidation) -> Row:
    """Size, make and closeness to the checkpoint."""
    close, made = validation.parity, validation.made_of
    row: Row = {
        "file": validation.file,
        "MB": f"{validation.bytes / 1e6:.2f}",
        "format": made.version,
        "ops": sum(made.operators.values()),
        "batch": made.batch,
    }
    if made.int8_holds_on:
        row["int8 on"] = made.int8_holds_on.partition(":")[0]
    if close is None:
        return row | {"max abs": "not run"}
    return row | {
        "max abs": f"{close.max_abs:.1e}",
        "cosine": f"{close.mean_cosine:.5f}",
        "min": f"{close.min_cosine:.5f}",
    }


def latency_rows(times: Mapping[int, Mapping[str, Latency]]) -> list[Row]:
    """One row for each contender: its runtime, median and p90 for each number of threads."""
    contenders = next(iter(times.values()), {})
    return [{"one face": name, "runtime": own.runtime} | _times(name, times) for name, own in contenders.items()]


def verification_rows(figures: Mapping[str, Mapping[str, Figures]]) -> Iterable[Row]:
    """One row for each network and benchmark: accuracy, TAR at each false accept rate, threshold.

    Args:
        figures: Of each network, the checkpoint first, on each benchmark.
    """
    for network, sets in figures.items():
        for name, numbers in sets.items():
            tars = {key: value for key, value in numbers.items() if key.startswith("tar_at_far_")}
            yield {
                "network": network,
                "set": name,
                "pairs": int(numbers["pairs"]),
                "accuracy %": f"{100 * numbers['accuracy']:.2f} ± {100 * numbers['accuracy_std']:.2f}",
                **{f"TAR@{key.removeprefix('tar_at_far_')} %": f"{100 * tar:.2f}" for key, tar in tars.items()},
                "EER %": f"{100 * numbers['eer']:.2f}",
            }


def check_rows(networks: Mapping[str, Checked]) -> Iterable[Row]:
    """One row for each network: cosines to the checkpoint, TAR at each false accept rate, what was lost at most.

    Args:
        networks: The checkpoint first.
    """
    for name, checked in networks.items():
        drop, own = checked.worst_drop, checked.everybody
        rates = {f"TAR@{far} %": _percent(tar) for far, tar in own.tar.items()}
        lost: Row = {"worst drop": "" if drop is None else f"{100 * drop:.2f}", "worst face": checked.worst_face}
        yield {"network": name} | _cosines(own) | rates | lost


def check_group_rows(networks: Mapping[str, Checked]) -> Iterable[Row]:
    """The same by group, at the thresholds of everybody, with the false match rate there."""
    for name, checked in networks.items():
        for group, own in checked.groups.items():
            row: Row = {"network": name, "group": group, "faces": own.faces} | _cosines(own)
            for far in checked.everybody.tar:
                row |= {f"TAR@{far} %": _percent(own.tar.get(far)), f"FMR@{far} %": _percent(own.fmr.get(far), 4)}
            yield row


def _cosines(own: Rates) -> Row:
    found = {"cosine": own.mean_cosine, "lowest 1 %": own.low_cosine, "worst": own.min_cosine}
    return {name: f"{value:.5f}" for name, value in found.items()}


def _percent(share: float | None, digits: int = 2) -> str:
    return "" if share is None else f"{100 * share:.{digits}f}"


def _times(name: str, times: Mapping[int, Mapping[str, Latency]]) -> Row:
    row: Row = {}
    for threads, contenders in times.items():
        own, word = contenders[name], "thread" if threads == 1 else "threads"
        row |= {
            f"{threads} {word}: ms": f"{own.median:.2f}",
            f"p90 ({threads})": f"{own.p90:.2f}",
            f"x PyTorch ({threads})": f"{own.ratio:.2f}",
        }
    return row
