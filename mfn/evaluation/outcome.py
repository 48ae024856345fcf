"""What an evaluation of several sets has come to: the results so far, and what failed."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mfn.errors import MfnError, first_line
from mfn.evaluation.contract_report import ContractReport
from mfn.evaluation.identification import IdentificationResult
from mfn.evaluation.templates import TemplateVerification
from mfn.evaluation.verification_result import VerificationResult

log = logging.getLogger(__name__)

Result = VerificationResult | TemplateVerification | IdentificationResult


@dataclass
class Outcome:
    """Grows as an evaluation goes on.

    Attributes:
        results: What each set says, as far as it could be judged.
        contract_check: What the check of the contract found, where it was asked for.
        failed: A sentence for each part that could not be done, by the part's name.
        errors: What these parts raised.
    """

    results: list[Result] = field(default_factory=list)
    contract_check: ContractReport | None = None
    failed: dict[str, str] = field(default_factory=dict)
    errors: list[Exception] = field(default_factory=list)

    @contextmanager
    def catching(self, part: str) -> Iterator[None]:
        """Keeps the error of one part, whatever it is, so that the others are not lost."""
        try:
            yield
        except Exception as error:
            says = str(error) if isinstance(error, MfnError) else f"{type(error).__name__}: {first_line(error)}"
            log.error("%s failed: %s", part, says)
            log.debug("where it came from", exc_info=True)
            self.failed[part] = says
            self.errors.append(error)

    @property
    def score(self) -> float:
        """Mean accuracy over the verification sets; without any, the mean rank-1 rate."""
        shares = [judged.accuracy for judged in self.results if isinstance(judged, VerificationResult)]
        shares = shares or [
            judged.result.ranks[1] for judged in self.results if isinstance(judged, IdentificationResult)
        ]
        return sum(shares) / len(shares)
