"""Which files to write: targets and precisions, without those that cannot be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mfn.errors import ExportError
from mfn.export.target import Target, missing_packages, one_of


@dataclass(frozen=True, slots=True)
class Job:
    """One file to write."""

    target: Target
    precision: str

    def file_name(self, stem: str) -> str:
        """Of the file that is loaded first."""
        return f"{stem}_{self.target.name}_{self.precision}{self.target.suffix}"


def jobs(
    targets: Mapping[str, Target], precisions: Sequence[str], *, allow_missing: bool, calibrated: bool
) -> tuple[list[Job], list[str]]:
    """Every target in every precision it has.

    Args:
        targets: By name.
        precisions: Asked for; each must be one of some target's.
        allow_missing: Leave out targets whose packages are not installed.
        calibrated: Whether there are faces to calibrate on.

    Returns:
        The jobs, and one sentence for each that is left out.

    Raises:
        ExportError: A package is missing, no target has a precision, or faces to calibrate on are missing.
    """
    found, left_out, precisions = [], [], list(dict.fromkeys(precisions))
    for precision in precisions:
        if not any(precision in target.precisions for target in targets.values()):
            told = "; ".join(f"target={name} has {one_of(target.precisions)}" for name, target in targets.items())
            raise ExportError(f"precision={precision} is not to be had: {told or 'no target is chosen'}")
    for name, target in targets.items():
        if sentence := missing_packages(target):
            if not allow_missing:
                raise ExportError(sentence)
            left_out.append(sentence)
            continue
        for precision in precisions:
            if precision not in target.precisions:
                left_out.append(f"target={name} has no precision={precision}, only {one_of(target.precisions)}")
            elif precision in target.calibrated and not calibrated:
                raise ExportError(
                    f"target={name} precision={precision} needs faces to calibrate on: "
                    "calibration=DIR (an InsightFace pack or a folder of people) or calibration=FILE.bin"
                )
            else:
                found.append(Job(target, precision))
    return found, left_out
