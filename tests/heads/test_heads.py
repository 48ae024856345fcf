"""What all heads promise: precision, margins, warm-up, errors."""

from collections.abc import Callable
from copy import deepcopy
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mfn.errors import ConfigError
from mfn.heads.adacos import AdaCosHead
from mfn.heads.adaface import AdaFaceHead
from mfn.heads.arcface import ArcFaceHead
from mfn.heads.base import MarginContext, MarginHead
from mfn.heads.combined import CombinedHead
from mfn.heads.cosface import CosFaceHead
from mfn.heads.curricular import CurricularFaceHead
from mfn.heads.elasticface import ElasticFaceHead
from mfn.heads.head import Head
from mfn.heads.magface import MagFaceHead
from mfn.heads.mv_softmax import MVSoftmaxHead
from mfn.heads.softmax import NormalisedSoftmaxHead, SoftmaxHead
from mfn.heads.sphereface import AnnealedSphereFaceHead, SphereFaceHead
from mfn.heads.sphereface2 import SphereFace2Head
from mfn.heads.sphereface_r import SphereFaceRHead
from mfn.heads.uniface import UniFaceHead

D, C = 8, 12

MARGIN_HEADS: dict[str, Callable[..., MarginHead]] = {
    "arcface": ArcFaceHead,
    "arcface, easy": partial(ArcFaceHead, easy=True),
    "arcface, straight-through": partial(ArcFaceHead, straight_through=True),
    "cosface": CosFaceHead,
    "sphereface": SphereFaceHead,
    "sphereface, annealed": AnnealedSphereFaceHead,
    "combined": partial(CombinedHead, m1=1.1),
    "adaface": AdaFaceHead,
    "elasticface": ElasticFaceHead,
    "elasticface, plus": partial(ElasticFaceHead, kind="cos", margin=0.35, plus=True),
    "sphereface-r": SphereFaceRHead,
    "filtered": partial(ArcFaceHead, filter_above=0.3),
    "focal": partial(CosFaceHead, focal_gamma=2.0),
    "normalised softmax": NormalisedSoftmaxHead,
}
OTHER_NEGATIVES: dict[str, Callable[..., MarginHead]] = {
    "curricularface": CurricularFaceHead,
    "mv-arc": partial(MVSoftmaxHead, kind="arc", margin=0.5),
    "mv-am, fixed": partial(MVSoftmaxHead, adaptive=False),
    "sub-centres": partial(ArcFaceHead, sub_centres=3),
    "curricularface with sub-centres": partial(CurricularFaceHead, sub_centres=2),
}
OWN_LOSS: dict[str, Callable[..., Head]] = {
    "magface": MagFaceHead,
    "adacos": AdaCosHead,
    "sphereface2": SphereFace2Head,
    "sphereface2, arc": partial(SphereFace2Head, kind="arc"),
    "uniface": UniFaceHead,
}
HEADS: dict[str, Callable[..., Head]] = {**MARGIN_HEADS, **OTHER_NEGATIVES, **OWN_LOSS, "softmax": SoftmaxHead}
CROSS_ENTROPY = sorted(HEADS.keys() - OWN_LOSS.keys() - {"focal"})
TOUCHING_THE_TARGET = sorted(MARGIN_HEADS.keys() - {"filtered"})


def margined(head: MarginHead, cosine: Tensor) -> Tensor:
    """The head's own margin, of embeddings of length 20."""
    nobody = torch.zeros(len(cosine), dtype=torch.int64)
    return head.target_logit(cosine, MarginContext(torch.full_like(cosine, 20.0), nobody, head.margin_share))


def in_force(head: MarginHead, cosine: Tensor) -> Tensor:
    """The margin with what the options make of it."""
    return head._target(torch.zeros(len(cosine), dtype=torch.int64))(cosine, torch.full_like(cosine, 20.0))


WITH_MARGIN = sorted(MARGIN_HEADS.keys() - {"normalised softmax"})
DRAWN = {"elasticface", "elasticface, plus"}


def batch(head: Head, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Embeddings at cosine 1 and -1 of their target, without length, nearly so, and ordinary ones."""
    labels = torch.arange(6)
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(6, D, generator=generator)
    centres = head.weight.detach()[:: head.sub_centres]
    embeddings[0], embeddings[1] = 30 * centres[0], -30 * centres[1]
    embeddings[2], embeddings[3] = 0, 1e-20
    return embeddings.to(dtype).requires_grad_(), labels


@pytest.mark.parametrize("name", CROSS_ENTROPY)
def test_loss_is_the_cross_entropy_of_the_logits(name: str) -> None:
    head = HEADS[name](D, C).double()
    embeddings, labels = batch(head, torch.float64)
    torch.manual_seed(0)
    output = head(embeddings, labels)
    torch.manual_seed(0)
    torch.testing.assert_close(output.loss, F.cross_entropy(head.logits(embeddings, labels), labels))
    assert output.predicted.dtype == torch.int64
    assert not output.target_cosine.requires_grad


@pytest.mark.parametrize("amp", [None, torch.bfloat16, torch.float16], ids=["float32", "bf16", "fp16"])
@pytest.mark.parametrize("name", HEADS)
def test_finite_and_in_float32_under_autocast(name: str, amp: torch.dtype | None) -> None:
    head = HEADS[name](D, C)
    embeddings, labels = batch(head, amp or torch.float32)
    alike = deepcopy(head)
    torch.manual_seed(0)
    with torch.autocast("cpu", dtype=amp, enabled=amp is not None):
        output = head(embeddings, labels)
    output.loss.backward()
    assert output.loss.dtype == torch.float32
    assert output.target_cosine.dtype == torch.float32
    assert output.loss.isfinite()
    assert embeddings.grad is not None
    assert head.weight.grad is not None
    assert embeddings.grad.isfinite().all()
    assert head.weight.grad.isfinite().all()
    torch.manual_seed(0)
    torch.testing.assert_close(output.loss, alike(embeddings.detach().float(), labels).loss)


@pytest.mark.parametrize("name", TOUCHING_THE_TARGET)
def test_margin_touches_only_the_target_logit(name: str) -> None:
    head = MARGIN_HEADS[name](D, C, scale=10.0).double()
    embeddings, labels = batch(head, torch.float64)
    others = ~F.one_hot(labels, C).bool()
    directions = torch.where(embeddings.norm(dim=1, keepdim=True) > 1e-6, F.normalize(embeddings), 0.0)
    cosines = directions @ F.normalize(head.weight).T
    torch.testing.assert_close(head.logits(embeddings, labels)[others], 10 * cosines[others])


@pytest.mark.parametrize("name", WITH_MARGIN)
def test_accuracy_and_target_cosine_are_without_the_margin(name: str) -> None:
    head = MARGIN_HEADS[name](D, C)
    labels = torch.arange(C)
    output = head(head.weight.detach(), labels)
    assert output.predicted.equal(labels)
    torch.testing.assert_close(output.target_cosine, torch.ones(C))


@pytest.mark.parametrize("name", ["arcface", "cosface", "sphereface", "sphereface, annealed", "combined"])
def test_target_logit_falls_with_the_angle(name: str) -> None:
    head = MARGIN_HEADS[name](D, C)
    value = margined(head, torch.linspace(0, torch.pi, 5001).cos())
    assert value.diff().max() <= 1e-6
    assert value[-1] < value[0] - 1


@pytest.mark.parametrize("name", ["arcface", "cosface", "sphereface", "combined"])
def test_scale_and_margin_are_wired(name: str) -> None:
    embeddings, labels = batch(MARGIN_HEADS[name](D, C))
    losses = set()
    margin = "m2" if name == "combined" else "margin"
    for options in ({}, {"scale": 20.0}, {margin: 1.0}, {margin: 1.0, "scale": 20.0}):
        torch.manual_seed(0)
        losses.add(HEADS[name](D, C, **options)(embeddings, labels).loss.item())
    assert len(losses) == 4


def test_an_easy_margin_acts_only_below_a_right_angle() -> None:
    head = CosFaceHead(D, C, margin=0.35, easy=True)
    result = in_force(head, torch.tensor([0.5, 0.01, -0.01, -0.5]))
    torch.testing.assert_close(result, torch.tensor([0.15, -0.34, -0.01, -0.5]))


@pytest.mark.parametrize("name", ["arcface", "combined"])
def test_straight_through_has_slope_one_and_no_correction_past_pi(name: str) -> None:
    options = {"m1": 1.0, "m2": 0.5, "m3": 0.0} if name == "combined" else {"margin": 0.5}
    head = HEADS[name](D, C, straight_through=True, **options)
    assert isinstance(head, MarginHead)
    angles = torch.tensor([0.3, 1.5, 3.0])
    cosine = angles.cos().requires_grad_()
    value = in_force(head, cosine)
    value.sum().backward()
    torch.testing.assert_close(value, (angles + 0.5).cos(), atol=1e-5, rtol=0)
    assert cosine.grad is not None
    assert cosine.grad.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("name", sorted(set(WITH_MARGIN) - DRAWN))
def test_margin_grows_over_the_warm_up_and_depends_on_the_step_alone(name: str) -> None:
    head = MARGIN_HEADS[name](D, C, scale=16.0, warmup_start=10, warmup_length=20)
    full = MARGIN_HEADS[name](D, C, scale=16.0)
    cosine = torch.tensor([0.9, 0.4, 0.1])
    by_step = {}
    for step in (0, 10, 15, 20, 30, 100, 20):
        head.at_step(step)
        full.at_step(step)
        result = margined(head, cosine)
        assert by_step.setdefault(step, result).equal(result)
    torch.testing.assert_close(by_step[0], cosine)
    torch.testing.assert_close(by_step[10], cosine)
    assert (by_step[20] < by_step[15]).all()
    assert (by_step[30] < by_step[20]).all()
    head.at_step(100)
    full.at_step(100)
    torch.testing.assert_close(margined(head, cosine), margined(full, cosine))


def test_warm_up_in_shares_of_the_run() -> None:
    head = CosFaceHead(D, C, margin=0.4, warmup_start=0.25, warmup_length=0.5, warmup_unit="run")
    head.at_step(500, total_steps=1000)
    assert margined(head, torch.tensor([0.5])).item() == pytest.approx(0.3)


def test_annealed_sphereface_approaches_the_full_margin() -> None:
    head = AnnealedSphereFaceHead(D, C)
    cosine = torch.tensor([0.5])  # psi = -1.5 for a margin of 4
    assert margined(head, cosine).item() == pytest.approx((1000 * 0.5 - 1.5) / 1001)
    head.at_step(1_000_000)
    assert margined(head, cosine).item() == pytest.approx((5 * 0.5 - 1.5) / 6)


def test_a_margin_may_go_by_the_cosine_alone() -> None:
    class Halved(MarginHead):
        def target_logit(self, cosine: Tensor) -> Tensor:  # type: ignore[override]
            return cosine / 2

    class HalvedMore(Halved):
        pass

    for made in (Halved, HalvedMore):
        head = made(D, C, scale=10.0).double()
        embeddings, labels = batch(head, torch.float64)
        logits = head.logits(embeddings, labels)
        assert head(embeddings, labels).loss.item() == pytest.approx(F.cross_entropy(logits, labels).item())


def test_scale_none_is_the_length_of_each_embedding() -> None:
    head = ArcFaceHead(D, C, scale=None).double()
    embeddings = torch.randn(3, D, dtype=torch.float64)
    labels = torch.arange(3)
    head_64 = ArcFaceHead(D, C, scale=64.0).double()
    head_64.load_state_dict(head.state_dict())
    torch.testing.assert_close(head(64 * F.normalize(embeddings), labels).loss, head_64(embeddings, labels).loss)


def test_an_embedding_without_direction_gets_no_gradient() -> None:
    head = ArcFaceHead(D, C)
    embeddings, labels = batch(head)
    head(embeddings, labels).loss.backward()
    assert embeddings.grad is not None
    assert embeddings.grad[2:4].abs().max() == 0
    assert embeddings.grad[4:].abs().min() > 0


@pytest.mark.parametrize("name", sorted(HEADS.keys() - {"arcface, easy", "adacos"}))  # whose scale grows
def test_training_lowers_the_loss(name: str) -> None:
    torch.manual_seed(0)
    head = HEADS[name](D, 4)
    net = nn.Linear(16, D)
    inputs, labels = torch.randn(32, 16), torch.arange(32) % 4
    optimiser = torch.optim.Adam([*net.parameters(), *head.parameters()], lr=0.02)
    losses = []
    for step in range(60):
        head.at_step(step)
        loss = head(net(inputs), labels).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: ArcFaceHead(D, C, scale=-64.0), "scale"),
        (lambda: ArcFaceHead(D, C, margin=28.6), "margin"),
        (lambda: ArcFaceHead(D, C, margin=float("nan")), "margin"),
        (lambda: CosFaceHead(D, C, margin=-0.1), "margin"),
        (lambda: SphereFaceHead(D, C, margin=0.5), "margin"),
        (lambda: CombinedHead(D, C, m1=0.0), "m1"),
        (lambda: CombinedHead(D, C, m3=2.0), "m3"),
        (lambda: AnnealedSphereFaceHead(D, C, lambda_min=-1.0), "lambda_min"),
        (lambda: SoftmaxHead(0, C), "embedding_dim"),
        (lambda: SoftmaxHead(D, 1), "num_classes"),
        (lambda: SoftmaxHead(D, C, init_std=0.0), "init_std"),
        (lambda: ArcFaceHead(D, C, warmup_length=-1), "warmup_length"),
        (lambda: ArcFaceHead(D, C, warmup_start=2, warmup_unit="run"), "warmup_start"),
        (lambda: ArcFaceHead(D, C, warmup_unit="epochs"), "warmup_unit"),  # type: ignore[arg-type]
    ],
)
def test_a_value_that_makes_no_sense_is_named(make: Callable[[], Head], named: str) -> None:
    with pytest.raises(ConfigError, match=rf"head\.{named} must be"):
        make()
