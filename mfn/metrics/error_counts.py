"""What a count of errors allows to say: the rule of 3, the rule of 30, and rates of larger galleries.

ISO/IEC 19795-1 (testing and reporting of biometric performance) asks for the number of comparisons behind each rate and
names both rules. They hold for independent comparisons; comparisons that share a person are not, so that what they say
is the least uncertainty there is.
"""

import math

from mfn.errors import DataError

RULE_OF_30 = 30
"""So many errors are needed for a rate that is within 30 % of the true one with 90 % confidence."""


def rule_of_3(comparisons: int) -> float:
    """The rate, 0 to 1, that no errors among so many independent comparisons rule out with 95 % confidence.

    Raises:
        DataError: No comparisons.
    """
    if comparisons < 1:
        raise DataError(f"a rate needs at least one comparison, got {comparisons}")
    return min(1.0, 3 / comparisons)


def comparisons_needed(rate: float) -> int:
    """How many independent comparisons without an error show that the true rate is below ``rate``, 95 % confidence.

    Raises:
        DataError: A rate outside 0 to 1.
    """
    if not 0 < rate <= 1:
        raise DataError(f"a rate to show must be above 0 and up to 1, got {rate}")
    return math.ceil(3 / rate - 1e-9)


def extrapolated_fpir(fpir: float, people: int, other: int) -> float:
    """The false positive identification rate at the same threshold in a gallery of another size.

    A model, not a measurement: each of the gallery's people is met by a stranger independently and alike, so that
    FPIR(N, T) = 1 - (1 - FMR)^N. Galleries with kin or one group of people lie above it.

    Args:
        fpir: Measured, 0 to 1.
        people: With so many people enrolled.
        other: People to say it for.

    Raises:
        DataError: A rate outside 0 to 1, or a gallery without people.
    """
    if not 0 <= fpir <= 1 or people < 1 or other < 1:
        raise DataError(f"FPIR {fpir} of {people} people cannot be extrapolated to {other}")
    return -math.expm1(math.log1p(-fpir) * other / people) if fpir < 1 else 1.0
