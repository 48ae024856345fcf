"""Rates by group as rows of tables, and what is to be said of them in sentences."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from mfn.config.quoting import quoted_override, typed
from mfn.evaluation.groups import GroupReport
from mfn.evaluation.quality import NORM, SHARPNESS, QualityCurve
from mfn.evaluation.verification_result import VerificationResult
from mfn.metrics.group_rates import FEW_PEOPLE, Differential, GroupRow, Rate
from mfn.report.counts import counted
from mfn.report.wording import rate


def group_rows(report: GroupReport) -> list[dict[str, str]]:
    """A row for everybody and for each group: rates with interval and counts, shift of scores."""
    rates = report.rates
    return [_row(row, row is rates.overall) for row in (rates.overall, *rates.groups)]


def between_rows(report: GroupReport, most: int = 12) -> list[dict[str, str]]:
    """A row for each two groups, the highest cross-group false match rate first, at most so many."""
    rows = sorted(report.rates.between, key=lambda row: row.fmr.value or 0.0, reverse=True)
    return [_row(row) for row in rows[:most]]


def group_sentences(report: GroupReport) -> list[str]:
    """How far apart the groups are, and which are too small to say."""
    rates = report.rates
    said = [
        f"{name}: {_apart(found)}" if found else f"{name}: fewer than two groups are large enough to compare"
        for name, found in (("FMR", rates.fmr), ("FNMR", rates.fnmr))
    ]
    for name, rows in (
        ("FMR", [row.name for row in rates.groups if not row.fmr.enough]),
        ("FNMR", [row.name for row in rates.groups if not row.fnmr.enough]),
    ):
        if rows:
            said.append(
                f"too small for {name} (fewer than {FEW_PEOPLE} people, or so few comparisons that none wrong would "
                f"show nothing by the rule of 3): {', '.join(rows)}"
            )
    if report.unknown:
        said.append(f"{report.unknown:,} comparisons count for no group")
    return said


def group_title(report: GroupReport) -> str:
    """What the report is of, for a heading."""
    of = "all comparisons of images" if report.comparisons == "all" else "the set's pairs"
    return f"Groups by {report.by}, {of}, threshold {report.threshold:.4f} ({report.at})"


def quality_rows(result: VerificationResult) -> list[dict[str, str]]:
    """A row for each error-versus-discard curve."""
    return [_quality_row(curve) for curve in result.discards]


def gate_rows(result: VerificationResult) -> list[dict[str, str]]:
    """A row for each quality and share of pairs: what a gate has to ask, what it costs, and the errors left."""
    return [
        {
            "quality": short_quality(each),
            "at least": f"{each.curve.level(share):.6g}",
            "genuine pairs discarded": f"{share:.0%}",
            "images refused": f"{each.refused(each.curve.level(share)):.1%}",
            "FNMR left": _number(each.curve.at(share)),
            "asked by": gate_words(each, f"{each.curve.level(share):.6g}"),
        }
        for each in result.discards
        for share in _shares(each.curve.limit)[1:]
    ]


def short_quality(each: QualityCurve) -> str:
    """A quality's name: of a network the file without its folder."""
    return each.by if each.is_column else PurePath(each.by).name


def gate_words(each: QualityCurve, level: str) -> str:
    """What `mfn enroll` and `mfn prepare` take to ask a quality; "" for a column of a CSV, which is no function."""
    if each.is_column:
        return ""
    if each.by == SHARPNESS:
        return f"mfn enroll --min-sharpness {level}; mfn prepare clean.min_blur={level}"
    if each.by == NORM:
        return f"mfn enroll --min-quality={level}; mfn prepare model_path=FILE clean.min_quality={level}"
    enroll, prepare = typed(each.by), typed(quoted_override("clean.quality", each.by))
    return f"mfn enroll --quality {enroll} --min-quality={level}; mfn prepare {prepare} clean.min_quality={level}"


def plain_groups(result: VerificationResult) -> dict[str, Any]:
    """Rates by group and error-versus-discard curves as JSON has them; rates beside their counts."""
    return {
        "group_rates": [
            {
                "by": each.by,
                "comparisons": each.comparisons,
                "at": each.at,
                "threshold": each.threshold,
                "unknown_comparisons": each.unknown,
                "everybody": _plain_row(each.rates.overall),
                "groups": [_plain_row(row) for row in each.rates.groups],
                "between": [_plain_row(row) for row in each.rates.between],
                "differential": {
                    name: None if found is None else asdict(found)
                    for name, found in (("fmr", each.rates.fmr), ("fnmr", each.rates.fnmr))
                },
                "said": group_sentences(each),
            }
            for each in result.by_group
        ],
        "error_versus_discard": [
            {
                "by": each.by,
                "fmr": each.fmr,
                "threshold": each.threshold,
                "genuine_pairs": each.curve.pairs,
                "false_non_matches": each.curve.errors,
                "unknown": each.unknown,
                "discard_limit": each.curve.limit,
                "pauc": each.curve.area,
                "pauc_flat": each.curve.flat,
                "pauc_ideal": each.curve.ideal,
                "gain": each.curve.gain,
                "fnmr_at_discard": {f"{share:g}": each.curve.at(share) for share in _shares(each.curve.limit)},
                "quality_at_discard": {f"{share:g}": each.curve.level(share) for share in _shares(each.curve.limit)},
                "images_refused_at_discard": {
                    f"{share:g}": each.refused(each.curve.level(share)) for share in _shares(each.curve.limit)
                },
            }
            for each in result.discards
        ],
    }


def _plain_row(row: GroupRow) -> Mapping[str, Any]:
    return {
        "name": row.name,
        "people": row.people,
        "fmr": {"rate": row.fmr.value} | asdict(row.fmr),
        "fnmr": {"rate": row.fnmr.value} | asdict(row.fnmr),
        "impostor_shift": row.impostor_shift,
        "genuine_shift": row.genuine_shift,
    }


def _row(row: GroupRow, overall: bool = False) -> dict[str, str]:
    return {
        "group": row.name,
        "people": f"{row.people:,}",
        "FMR": _rate(row.fmr),
        "false matches": counted(row.fmr.errors, row.fmr.comparisons),
        "FNMR": _rate(row.fnmr),
        "false non-matches": counted(row.fnmr.errors, row.fnmr.comparisons),
        "impostor shift": "" if overall else _shift(row.impostor_shift),
        "genuine shift": "" if overall else _shift(row.genuine_shift),
    }


def _rate(found: Rate) -> str:
    if found.value is None:
        return ""
    interval = "" if found.low is None or found.high is None else f" ({_number(found.low)} to {_number(found.high)})"
    return _number(found.value) + interval


def _number(value: float) -> str:
    return rate(value) if value else "0"


def _shift(value: float | None) -> str:
    return "" if value is None else f"{value:+.4f}"


def _apart(found: Differential) -> str:
    if found.ratio is None:
        least = "" if found.at_least is None else f", at least {found.at_least:.2g} times as high by the rule of 3"
        return f"worst {found.worst}, best {found.best} without any error{least}"
    interval = "" if found.low is None else f" (95 % interval {found.low:.2f} to {_end(found.high)})"
    mean = "" if found.to_mean is None else f", {found.to_mean:.2f} times the geometric mean over groups"
    return f"worst {found.worst}, {found.ratio:.2f} times as high as best {found.best}{interval}{mean}"


def _end(value: float | None) -> str:
    return "no bound" if value is None else f"{value:.2f}"


def _quality_row(each: QualityCurve) -> dict[str, str]:
    curve = each.curve
    shares = {f"FNMR at {share:.0%} discarded": rate(curve.at(share)) if curve.at(share) else "0"
              for share in _shares(curve.limit)}  # fmt: skip
    return {
        "quality": short_quality(each),
        **shares,
        f"pAUC up to {curve.limit:.0%}": rate(curve.area) if curve.area else "0",
        "of no use": rate(curve.flat) if curve.flat else "0",
        "ideal": rate(curve.ideal) if curve.ideal else "0",
        "gain": "" if curve.gain is None else f"{round(curve.gain, 2) + 0.0:.2f}",
        "false non-matches": counted(curve.errors, curve.pairs),
        **({"quality not known": f"{each.unknown:,}"} if each.unknown else {}),
    }


def _shares(limit: float) -> tuple[float, ...]:
    return tuple(share for share in (0.0, 0.05, 0.1, 0.2, 0.3, 0.5) if share <= limit + 1e-9)
