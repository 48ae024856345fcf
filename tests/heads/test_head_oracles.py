"""Losses, gradients and logits of other people's implementations (float64)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mfn.heads.arcface import ArcFaceHead
from mfn.heads.base import MarginContext, MarginHead
from mfn.heads.combined import CombinedHead
from mfn.heads.cosface import CosFaceHead
from mfn.heads.softmax import NormalisedSoftmaxHead
from mfn.heads.sphereface import AnnealedSphereFaceHead, SphereFaceHead

D, C = 16, 24
CASES: dict[str, Callable[[], MarginHead]] = {
    "arcface": lambda: ArcFaceHead(D, C, scale=64, margin=0.5),
    "arcface_s32_m03": lambda: ArcFaceHead(D, C, scale=32, margin=0.3),
    "cosface": lambda: CosFaceHead(D, C, scale=64, margin=0.35),
    "normalised_softmax": lambda: NormalisedSoftmaxHead(D, C, scale=30),
    "sphereface_m4": lambda: SphereFaceHead(D, C, scale=None, margin=4),
    "insightface_arcface": lambda: ArcFaceHead(D, C, scale=64, margin=0.5, straight_through=True),
    "insightface_cosface": lambda: CosFaceHead(D, C, scale=64, margin=0.4, straight_through=True),
}


@pytest.fixture(scope="module")
def oracles(shared: Path) -> dict[str, Tensor]:
    with np.load(shared / "oracles" / "heads.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files if name != "meta"}


def with_centres(head: MarginHead, centres: Tensor) -> MarginHead:
    head = head.double()
    with torch.no_grad():
        head.weight.copy_(centres)
    return head


def check(head: MarginHead, oracles: dict[str, Tensor], case: str) -> None:
    head = with_centres(head, oracles["centres"])
    embeddings = oracles["embeddings"].clone().requires_grad_()
    output = head(embeddings, oracles["labels"])
    output.loss.backward()
    assert embeddings.grad is not None
    assert head.weight.grad is not None
    torch.testing.assert_close(output.loss.detach(), oracles[f"{case}/loss"])
    torch.testing.assert_close(embeddings.grad, oracles[f"{case}/grad_embeddings"])
    torch.testing.assert_close(head.weight.grad, oracles[f"{case}/grad_centres"])
    torch.testing.assert_close(output.target_cosine, oracles["target_cosine"])


@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradients(oracles: dict[str, Tensor], case: str) -> None:
    check(CASES[case](), oracles, case)


def test_annealed_sphereface_with_lambda_zero_is_the_full_margin(oracles: dict[str, Tensor]) -> None:
    check(AnnealedSphereFaceHead(D, C, lambda_base=0, lambda_min=0), oracles, "sphereface_m4")


def test_combined_gives_insightface_arcface_too(oracles: dict[str, Tensor]) -> None:
    check(CombinedHead(D, C, m1=1, m2=0.5, m3=0, straight_through=True), oracles, "insightface_arcface")


@pytest.mark.parametrize("case", ["insightface_arcface", "insightface_cosface"])
def test_insightface_logits(oracles: dict[str, Tensor], case: str) -> None:
    head = with_centres(CASES[case](), oracles["centres"])
    logits = head.logits(oracles["embeddings"], oracles["labels"])
    torch.testing.assert_close(logits.detach(), oracles[f"{case}/logits"])


@pytest.mark.parametrize(
    ("case", "head", "m1", "m2"),
    [
        ("combined_1_0.3_0.2", lambda: CombinedHead(D, C), 1, 0.3),
        ("combined_1.1_0.1_0.1", lambda: CombinedHead(D, C, m1=1.1, m2=0.1, m3=0.1), 1.1, 0.1),
        ("sphereface_1.35", lambda: SphereFaceHead(D, C), 1.35, 0),
    ],
)
def test_closed_form(
    oracles: dict[str, Tensor], case: str, head: Callable[[], MarginHead], m1: float, m2: float
) -> None:
    cosine = oracles["target_cosine"]
    before_pi = m1 * cosine.acos() + m2 <= torch.pi
    assert before_pi.sum() >= 10
    unused = torch.ones_like(cosine)
    result = head().target_logit(cosine, MarginContext(unused, oracles["labels"], 1.0))
    torch.testing.assert_close(result[before_pi], oracles[f"closed/{case}"][before_pi])
