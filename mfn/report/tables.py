"""Results to rows of the table on the screen and in the log."""

from mfn.evaluation.identification import IdentificationResult
from mfn.evaluation.templates import TemplateVerification
from mfn.evaluation.verification_result import VerificationResult
from mfn.metrics.scores import convert
from mfn.report.grid import table
from mfn.report.wording import percent, rate

__all__ = ["identification_row", "table", "template_row", "verification_row"]


def verification_row(result: VerificationResult, score: str = "cosine") -> dict[str, object]:
    """A result as a row of a table, in percent where it is a share, the threshold as ``score``.

    Pairs that were left out, and those that say nothing (judged or left out), have columns where there are any;
    InsightFace's grid has one where it says something else. Accuracy comes with its interval, where one was
    measured, otherwise with its spread over the folds.
    """
    interval = result.intervals.get("accuracy")
    spread = "" if interval else f" ± {percent(result.accuracy_std)}"
    grid = percent(result.grid_accuracy)
    return {
        "set": result.name,
        "pairs": result.pairs,
        **({"left out": result.left_out} if result.left_out else {}),
        **({"odd pairs": sum(result.odd.values())} if result.odd else {}),
        "accuracy %": percent(result.accuracy, interval) + spread,
        **({"grid %": grid} if grid != percent(result.accuracy) else {}),
        **{f"TAR@{rate(far)} %": percent(tar) for far, tar in result.tar.items()},
        "EER %": percent(result.eer),
        "threshold" if score == "cosine" else score: f"{convert(result.threshold, score):.3f}",
    }


def template_row(result: TemplateVerification) -> dict[str, object]:
    """A 1:1 template result as a row of a table, in percent where it is a share."""
    return {
        "set": result.name,
        "pairs": result.pairs,
        **({"left out": result.left_out} if result.left_out else {}),
        **{f"TAR@{rate(far)} %": percent(tar) for far, tar in result.tar.items()},
        "EER %": percent(result.eer),
    }


def identification_row(searched: IdentificationResult) -> dict[str, object]:
    """A 1:N result as a row of a table, in percent where it is a share."""
    result = searched.result
    return {
        "set": searched.name,
        "people": searched.people,
        "gallery": searched.gallery,
        "known": result.num_known,
        "unknown": result.num_unknown,
        **{f"rank-{rank} %": percent(share) for rank, share in result.ranks.items()},
        **{f"TPIR@{rate(fpir)} %": percent(tpir) for fpir, tpir in result.tpir.items()},
        "MAP": f"{result.map:.4f}",
    }
