"""What a rate was counted on, and how far it can be trusted, in words of ISO/IEC 19795-1."""

from mfn.evaluation.identification import IdentificationResult
from mfn.evaluation.templates import TemplateVerification
from mfn.evaluation.verification_result import VerificationResult
from mfn.metrics.error_counts import RULE_OF_30, extrapolated_fpir, rule_of_3
from mfn.report.wording import percent, rate


def counted(errors: int, comparisons: int) -> str:
    """``12 of 3,000; 30 errors are needed for ±30 %``: the rule of 3 without errors, the rule of 30 with some."""
    told = f"{errors:,} of {comparisons:,}"
    if comparisons == 0:
        return "no comparisons"
    if errors == 0:
        return f"{told}: below {rate(rule_of_3(comparisons))} with 95 % confidence (rule of 3)"
    if errors < RULE_OF_30:
        return f"{told}; {RULE_OF_30} errors are needed for ±30 % with 90 % confidence (rule of 30)"
    return f"{told}: within ±30 % with 90 % confidence (rule of 30)"


def counted_rows(result: VerificationResult | TemplateVerification) -> list[dict[str, str]]:
    """One row for each FMR that is reported: FNMR and TAR, and what each was counted on."""
    rows = []
    for fmr, tar in sorted(result.tar.items(), reverse=True):
        false_matches, false_non_matches = counts_at(result, fmr)
        rows.append(
            {
                "FMR": rate(fmr),
                "FNMR %": percent(1 - tar),
                "TAR %": percent(tar),
                "false matches": counted(*false_matches),
                "false non-matches": counted(*false_non_matches),
            }
        )
    return rows


def counts_at(result: VerificationResult | TemplateVerification, fmr: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """False matches of impostor comparisons, and false non-matches of genuine ones, at the threshold of a FMR."""
    point = result.curve.far <= fmr
    genuine, impostor = comparisons(result)
    return (
        (round(float(result.curve.far[point][-1]) * impostor), impostor),
        (round((1 - result.tar[fmr]) * genuine), genuine),
    )


def comparisons(result: VerificationResult | TemplateVerification) -> tuple[int, int]:
    """Genuine and impostor comparisons."""
    if isinstance(result, VerificationResult):
        genuine = int(result.is_same.sum())
        return genuine, result.pairs - genuine
    return result.genuine, result.pairs - result.genuine


def open_set_rows(searched: IdentificationResult, larger: int | None = None) -> list[dict[str, str]]:
    """One row for each FPIR: FNIR(N, 1, T) in the words of ISO/IEC 19795-1, with what both were counted on.

    Args:
        searched: The result.
        larger: Also say what FPIR the same threshold is expected to give with so many people, a model and no
            measurement, see `mfn.metrics.error_counts.extrapolated_fpir`.
    """
    result, people = searched.result, f"{searched.people:,}"
    rows = []
    for fpir, threshold in sorted(result.thresholds.items(), reverse=True):
        missed = 1 - result.tpir[fpir]
        false = round(result.reached[fpir] * result.num_unknown)
        row = {
            f"FPIR(N={people}, T)": rate(fpir),
            f"FNIR(N={people}, R=1, T) %": percent(missed),
            "TPIR %": percent(1 - missed),
            "threshold T": f"{threshold:.4f}",
            "strangers found": counted(false, result.num_unknown),
            "known missed": counted(round(missed * result.num_known), result.num_known),
        }
        if larger is not None:
            expected = extrapolated_fpir(result.reached[fpir], searched.people, larger)
            row[f"FPIR expected for N={larger:,} (extrapolated)"] = rate(expected) if expected else "0"
        rows.append(row)
    return rows


def closed_set_rows(searched: IdentificationResult) -> list[dict[str, str]]:
    """One row for each rank: FNIR(N, R, 0), the share of known probes whose person is not among the first R."""
    known = searched.result.num_known
    return [
        {
            "R": str(rank),
            f"FNIR(N={searched.people:,}, R, T=0) %": percent(1 - share),
            "rank rate %": percent(share),
            "known missed": counted(round((1 - share) * known), known),
        }
        for rank, share in searched.result.ranks.items()
    ]
