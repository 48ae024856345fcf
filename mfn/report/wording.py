"""Numbers to words and rows, the same in the table on the screen and in the HTML report."""

import math

from mfn.evaluation.identification import IdentificationResult
from mfn.evaluation.templates import TemplateVerification
from mfn.evaluation.verification_result import VerificationResult
from mfn.metrics.scores import convert

Interval = tuple[float, float]


def percent(share: float, interval: Interval | None = None) -> str:
    """A share as ``99.45``, with its interval as ``99.45 (99.21-99.66)``."""
    text = f"{100 * share:.2f}"
    return text if interval is None else f"{text} ({100 * interval[0]:.2f}-{100 * interval[1]:.2f})"


def rate(value: float) -> str:
    """A false accept rate as people type it: ``1e-3``."""
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def facts(result: VerificationResult) -> dict[str, str]:
    """What a verification set says, each number with its name and unit."""
    genuine = int(result.is_same.sum())
    rows = {
        "Accuracy": f"{percent(result.accuracy, result.intervals.get('accuracy'))} %",
        "Spread over the folds": f"± {percent(result.accuracy_std)} %",
        "InsightFace's 400-step grid": f"{percent(result.grid_accuracy)} ± {percent(result.grid_std)} %",
        "Equal error rate": f"{percent(result.eer)} %",
        "Area under the ROC": f"{result.area:.5f}",
        "VAL at FAR 1e-3": f"{percent(result.val)} ± {percent(result.val_std)} % at FAR {result.val_far:.5f}",
        "Threshold, mean of the folds": f"{result.threshold:.4f}",
        "Best threshold on all pairs": f"{result.best_threshold:.4f}",
        "Genuine cosine": f"{result.genuine:.4f} ± {result.genuine_std:.4f}",
        "Impostor cosine": f"{result.impostor:.4f} ± {result.impostor_std:.4f}",
        "Pairs": f"{genuine:,} genuine, {result.pairs - genuine:,} impostor, in {result.folds} folds",
    }
    if result.pca_accuracy is not None:
        rows["Accuracy after PCA"] = f"{percent(result.pca_accuracy)} %"
    if result.norm is not None:
        rows["XNorm"] = f"{result.norm:.3f}"
    return rows


def operating_rows(result: VerificationResult | TemplateVerification) -> list[dict[str, str]]:
    """One row for each false accept rate: true accepts with interval, and the threshold as every kind of score."""
    intervals = result.intervals if isinstance(result, VerificationResult) else {}
    return [
        {
            "FAR": rate(far),
            "TAR %": percent(result.tar[far], intervals.get(f"tar_at_far_{far:.0e}")),
            "FNMR %": percent(1 - result.tar[far]),
            **thresholds(cosine),
        }
        for far, cosine in sorted(result.thresholds.items(), reverse=True)
    ]


def thresholds(cosine: float) -> dict[str, str]:
    """One threshold as cosine, Euclidean distance of unit embeddings and angle in degrees."""
    if not math.isfinite(cosine):
        return dict.fromkeys(("cosine", "Euclidean", "angle"), "none reaches it")
    return {
        "cosine": f"{cosine:.4f}",
        "Euclidean": f"{convert(cosine, 'euclidean'):.4f}",
        "angle": f"{convert(cosine, 'angle'):.2f}°",
    }


def identification_rows(searched: IdentificationResult) -> list[dict[str, str]]:
    """One row for each false positive identification rate."""
    result = searched.result
    return [
        {"FPIR": rate(fpir), "TPIR %": percent(tpir), "threshold": f"{result.thresholds[fpir]:.4f}"}
        for fpir, tpir in sorted(result.tpir.items(), reverse=True)
    ]
