"""What a network expects of its pixels and how its scores fell where it was judged: what every file of ours carries."""

from mfn.contract.input_contract import ARCFACE_112, InputContract, is_side
from mfn.contract.measured_scores import MeasuredScores

__all__ = ["ARCFACE_112", "InputContract", "MeasuredScores", "is_side"]
