"""Failures to acquire and the generalised rates to rows, the same on the screen and in the HTML report."""

from mfn.evaluation.verification_result import VerificationResult
from mfn.report.wording import Interval, percent, rate


def acquisition_rows(result: VerificationResult) -> list[dict[str, str]]:
    """Each plain rate beside its generalised one, in percent; none where every image was there and gave a face."""
    if result.acquisition is None:
        return []
    rates = result.acquisition.pairs
    rows = [
        {
            "rate": "accuracy %",
            "plain": percent(result.accuracy, result.intervals.get("accuracy")),
            "generalised": percent(rates.accuracy, result.acquisition.intervals.get("generalised_accuracy")),
        }
    ]
    for far, tar in result.tar.items():
        said, key = f"% at FAR {rate(far)}", f"tar_at_far_{far:.0e}"
        plain, counted = result.intervals.get(key), result.acquisition.intervals.get(f"generalised_{key}")
        whole = rates.tar[far]
        rows += [
            {"rate": f"TAR {said}", "plain": percent(tar, plain), "generalised": percent(whole, counted)},
            {
                "rate": f"FNMR, GFRR {said}",
                "plain": percent(1 - tar, _other(plain)),
                "generalised": percent(1 - whole, _other(counted)),
            },
            {
                "rate": f"FMR, GFAR {said}",
                "plain": percent(_fmr(result, far)),
                "generalised": percent(rates.far[far]),
            },
        ]
    return rows


def acquisition_facts(result: VerificationResult) -> dict[str, str]:
    """What became of a set's images and pairs, in words; nothing where every image was there and gave a face."""
    if result.acquisition is None:
        return {}
    images, pairs = result.acquisition.images, result.acquisition.pairs
    return {
        "Images": f"{images.images:,}",
        "Failures to acquire": f"{images.failed_images:,} images, {percent(images.rate)} %",
        **{f"- {reason}": f"{count:,}" for reason, count in images.failed.items()},
        **{f"Found by second try: {name}": f"{count:,}" for name, count in images.second_tries.items()},
        "Pairs without a score": f"{pairs.failed:,} of {pairs.genuine + pairs.impostor:,}, "
        f"{percent(pairs.failed_share)} % ({pairs.failed_genuine:,} genuine, {pairs.failed_impostor:,} impostor)",
    }


def _other(interval: Interval | None) -> Interval | None:
    """The interval of one less the rate."""
    return None if interval is None else (1 - interval[1], 1 - interval[0])


def _fmr(result: VerificationResult, far: float) -> float:
    """The false match rate that the threshold of a false accept rate really has."""
    accepted = result.scores[~result.is_same] >= result.thresholds[far]
    return float(accepted.mean())
