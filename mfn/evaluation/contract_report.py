"""What a check of the input contract says."""

from dataclasses import dataclass

SURE = 3.0
"""Standard errors from which a difference is not taken for chance."""
NEGLIGIBLE = 0.005
"""Difference in gap up to which two conventions are the same in practice, as (x-127.5)/127.5 and /128 are."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a network does under one convention. Scores are cosines.

    Attributes:
        name: The convention.
        accuracy: With the best threshold for these very pairs.
        genuine: Mean score of genuine pairs.
        impostor: Mean score of impostor pairs.
        difference: Gap less the gap under the declared convention.
        error: Standard error of that difference, from the same pairs under both, taken for independent.
    """

    name: str
    accuracy: float
    genuine: float
    impostor: float
    difference: float
    error: float

    @property
    def gap(self) -> float:
        """Genuine less impostor: what tells conventions apart, where accuracy hardly reveals a channel swap."""
        return self.genuine - self.impostor

    @property
    def is_better(self) -> bool:
        """Whether it fits better than the declared convention, beyond chance and by an amount that matters."""
        return self.difference > max(NEGLIGIBLE, SURE * self.error)


@dataclass(frozen=True, slots=True)
class ContractReport:
    """What the check found.

    Attributes:
        pairs: How many pairs it judged.
        declared: The fit of the contract as it stands.
        others: The fit of every other convention, best first.
        skipped: Conventions that the file cannot be given, since it normalises its pixels inside.
    """

    pairs: int
    declared: Fit
    others: tuple[Fit, ...]
    skipped: tuple[str, ...]

    @property
    def better(self) -> Fit | None:
        """The best of the conventions that are better than the declared one, or None."""
        return next((fit for fit in self.others if fit.is_better), None)

    @property
    def contradicts(self) -> bool:
        """Whether the declared convention is not the best."""
        return self.better is not None

    @property
    def conclusion(self) -> str:
        """One sentence: which convention fits best, and by how much."""
        if best := self.better:
            return (
                f"the declared input contract is not the best: {best.name} parts genuine from impostor pairs by "
                f"{best.gap:.3f} where {self.declared.name} parts them by {self.declared.gap:.3f} "
                f"(difference {best.difference:.3f} ± {best.error:.3f}); check contract.color, mean, std and the crop"
            )
        rival = next((fit for fit in self.others if fit.difference < -NEGLIGIBLE), None)
        ahead = f", {-rival.difference:.3f} ± {rival.error:.3f} ahead of {rival.name}" if rival else ""
        fits = f"the declared input contract fits: {self.declared.name}, gap {self.declared.gap:.3f}{ahead}"
        if (first := self.others[0]).difference > NEGLIGIBLE:
            fits += f"; {first.name} may fit better by {first.difference:.3f} ± {first.error:.3f}: try more pairs"
        return fits

    def rows(self) -> list[dict[str, str | float]]:
        """One row for each convention, the declared one first."""
        return [
            {
                "name": fit.name,
                "accuracy": fit.accuracy,
                "genuine": fit.genuine,
                "impostor": fit.impostor,
                "gap": fit.gap,
                "difference": fit.difference,
                "error": fit.error,
            }
            for fit in (self.declared, *self.others)
        ]
