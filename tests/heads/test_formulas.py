"""Each head against its paper's formula, written plainly in float64, value and gradient."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mfn.errors import ConfigError
from mfn.heads.adacos import AdaCosHead
from mfn.heads.adaface import AdaFaceHead
from mfn.heads.arcface import ArcFaceHead
from mfn.heads.base import MarginHead
from mfn.heads.cosface import CosFaceHead
from mfn.heads.curricular import CurricularFaceHead
from mfn.heads.elasticface import ElasticFaceHead
from mfn.heads.head import Head
from mfn.heads.magface import MagFaceHead
from mfn.heads.mv_softmax import MVSoftmaxHead
from mfn.heads.sphereface2 import SphereFace2Head
from mfn.heads.sphereface_r import SphereFaceRHead
from mfn.heads.uniface import UniFaceHead

N, D, C = 7, 6, 9

Formula = Callable[[Head, Tensor, Tensor, Tensor, Tensor], Tensor]
"""Head, embeddings, cosines (N, C), one-hot targets, angles of the targets -> loss."""


def softmax(logits: Tensor, is_target: Tensor) -> Tensor:
    return -(logits.log_softmax(1) * is_target).sum(1).mean()


def bent(cosines: Tensor, is_target: Tensor, target: Tensor) -> Tensor:
    return torch.where(is_target, target[:, None], cosines)


def adaface(head: Head, x: Tensor, cosines: Tensor, is_target: Tensor, theta: Tensor) -> Tensor:
    lengths = x.norm(dim=1).detach().clamp(0.001, 100)
    mean, deviation = 0.99 * 20 + 0.01 * lengths.mean(), 0.99 * 100 + 0.01 * lengths.std()
    z = ((lengths - mean) / (deviation + 1e-3) * 0.333).clamp(-1, 1)
    return softmax(64 * bent(cosines, is_target, torch.cos(theta - 0.4 * z) - (0.4 * z + 0.4)), is_target)


def magface(head: Head, x: Tensor, cosines: Tensor, is_target: Tensor, theta: Tensor) -> Tensor:
    lengths = x.norm(dim=1).clamp(10, 110)
    m = 0.45 + (0.8 - 0.45) / (110 - 10) * (lengths - 10)
    g = lengths / 110**2 + 1 / lengths
    return softmax(64 * bent(cosines, is_target, torch.cos(theta + m)), is_target) + 35 * g.mean()


def curricular(head: Head, x: Tensor, cosines: Tensor, is_target: Tensor, theta: Tensor) -> Tensor:
    target = torch.cos(theta + 0.5)
    t = 0.01 * theta.cos().mean().detach()
    hard = cosines > target[:, None]
    return softmax(64 * bent(torch.where(hard, cosines * (t + cosines), cosines), is_target, target), is_target)


def mv_arc(head: Head, x: Tensor, cosines: Tensor, is_target: Tensor, theta: Tensor) -> Tensor:
    target = torch.cos(theta + 0.5)
    hard = cosines > target[:, None]
    return softmax(32 * bent(torch.where(hard, 1.2 * cosines + 0.2, cosines), is_target, target), is_target)


def mv_am_fixed(head: Head, x: Tensor, cosines: Tensor, is_target: Tensor, theta: Tensor) -> Tensor:
    target = theta.cos() - 0.35
    hard = cosines > target[:, None]
    return softmax(32 * bent(torch.where(hard, cosines + 0.2, cosines), is_target, target), is_target)


def adacos(head: Head, x: Tensor, cosines: Tensor, is_target: Tensor, theta: Tensor) -> Tensor:
    first = math.sqrt(2) * math.log(C - 1)
    b = (first * cosines).exp().masked_fill(is_target, 0).sum(1).mean()
    scale = b.log() / math.cos(min(math.pi / 4, theta.median().item()))
    return softmax(scale.detach() * cosines, is_target)


def sphereface_r(head: Head, x: Tensor, cosines: Tensor, is_target: Tensor, theta: Tensor) -> Tensor:
    return softmax(30 * bent(cosines, is_target, torch.cos((1.5 * theta).clamp_max(math.pi))), is_target)


def uniface(head: Head, x: Tensor, cosines: Tensor, is_target: Tensor, theta: Tensor) -> Tensor:
    assert isinstance(head, UniFaceHead)
    b = -head.bias
    assert b.item() == pytest.approx(math.log(10 * C))
    same = torch.log(1 + torch.exp(b - 16 * (cosines - 0.4)))
    other = torch.log(1 + torch.exp(16 * cosines - b))
    return torch.where(is_target, same, other).sum(1).mean()


def sphereface2(head: Head, x: Tensor, cosines: Tensor, is_target: Tensor, theta: Tensor) -> Tensor:
    assert isinstance(head, SphereFace2Head)
    g = 2 * ((cosines + 1) / 2) ** 3 - 1
    same = 0.7 / 20 * torch.log(1 + torch.exp(-20 * (g - 0.4) - head.bias))
    other = 0.3 / 20 * torch.log(1 + torch.exp(20 * (g + 0.4) + head.bias))
    return torch.where(is_target, same, other).sum(1).mean()


def filtered(head: Head, x: Tensor, cosines: Tensor, is_target: Tensor, theta: Tensor) -> Tensor:
    left = torch.where(cosines > 0.25, 0.0, cosines)
    return softmax(64 * bent(left, is_target, torch.cos(theta + 0.5)), is_target)


def focal(head: Head, x: Tensor, cosines: Tensor, is_target: Tensor, theta: Tensor) -> Tensor:
    p = (8 * bent(cosines, is_target, theta.cos() - 0.35)).softmax(1)[is_target]
    return -((1 - p) ** 2 * p.log()).mean()


def smoothed(head: Head, x: Tensor, cosines: Tensor, is_target: Tensor, theta: Tensor) -> Tensor:
    logs = (8 * bent(cosines, is_target, theta.cos() - 0.35)).log_softmax(1)
    return -(0.9 * logs[is_target] + 0.1 * logs.mean(1)).mean()


FORMULAS: dict[str, tuple[Callable[[], Head], Formula]] = {
    "adaface": (lambda: AdaFaceHead(D, C), adaface),
    "magface": (lambda: MagFaceHead(D, C), magface),
    "curricularface": (lambda: CurricularFaceHead(D, C), curricular),
    "mv-arc": (lambda: MVSoftmaxHead(D, C, kind="arc", margin=0.5), mv_arc),
    "mv-am, fixed": (lambda: MVSoftmaxHead(D, C, adaptive=False), mv_am_fixed),
    "adacos": (lambda: AdaCosHead(D, C), adacos),
    "sphereface-r": (lambda: SphereFaceRHead(D, C, straight_through=False), sphereface_r),
    "uniface": (lambda: UniFaceHead(D, C, scale=16.0), uniface),
    "sphereface2": (lambda: SphereFace2Head(D, C, scale=20.0), sphereface2),
    "filtered": (lambda: ArcFaceHead(D, C, filter_above=0.25), filtered),
    "focal": (lambda: CosFaceHead(D, C, scale=8.0, focal_gamma=2.0), focal),
    "smoothed": (lambda: CosFaceHead(D, C, scale=8.0, label_smoothing=0.1), smoothed),
}


def batch(head: Head, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Embeddings of many lengths, none far beyond a right angle from its centre."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(C, (N,), generator=generator)
    towards = F.normalize(head.weight.detach()[:: head.sub_centres][labels])
    x = F.normalize(torch.randn(N, D, dtype=torch.float64, generator=generator)) + 0.8 * towards
    lengths = 5 + 140 * torch.rand(N, 1, dtype=torch.float64, generator=generator)
    return (F.normalize(x) * lengths).requires_grad_(), labels


@pytest.mark.parametrize("name", FORMULAS)
def test_loss_and_gradients_are_those_of_the_paper(name: str) -> None:
    torch.manual_seed(1)
    make, formula = FORMULAS[name]
    head = make().double()
    x, labels = batch(head)
    is_target = F.one_hot(labels, C).bool()
    cosines = F.normalize(x) @ F.normalize(head.weight).T
    theta = cosines[is_target].acos()
    assert (theta < 2).all()  # nothing past pi, where a margin goes on in other ways
    expected = formula(head, x, cosines, is_target, theta)
    leaves = [x, *head.parameters()]
    wanted = torch.autograd.grad(expected, leaves)
    loss = head(x, labels).loss
    torch.testing.assert_close(loss, expected, rtol=1e-9, atol=1e-9)
    for ours, theirs in zip(torch.autograd.grad(loss, leaves), wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", sorted(FORMULAS.keys() - {"adaface"}))  # it takes lengths as they are
def test_gradcheck(name: str) -> None:
    torch.manual_seed(2)
    head = FORMULAS[name][0]().double().eval()  # statistics stay as they are
    x, labels = batch(head, seed=3)
    assert torch.autograd.gradcheck(lambda x, _: head(x, labels).loss, (x, head.weight), atol=1e-4)


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "plain"])
@pytest.mark.parametrize("name", ["adaface", "magface", "filtered", "focal", "sphereface-r"])
def test_the_plain_path_gives_what_the_fused_one_does(name: str, fused: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    head = FORMULAS[name][0]().double().eval()
    assert isinstance(head, MarginHead)
    x, labels = batch(head)
    expected = head(x, labels)
    gradients = torch.autograd.grad(expected.loss, (x, head.weight))
    monkeypatch.setattr(MarginHead, "is_fused", property(lambda _: fused))
    output = head(x, labels)
    torch.testing.assert_close(output, expected)
    torch.testing.assert_close(torch.autograd.grad(output.loss, (x, head.weight)), gradients)


def test_the_nearest_of_several_centres_counts() -> None:
    head = ArcFaceHead(D, C, sub_centres=3).double()
    assert head.weight.shape == (3 * C, D)
    x, labels = batch(head)
    logits = head.logits(x, labels) / 64
    each = (F.normalize(x) @ F.normalize(head.weight).T).view(N, C, 3).max(2).values
    others = ~F.one_hot(labels, C).bool()
    torch.testing.assert_close(logits[others], each[others])
    output = head(x, labels)
    torch.testing.assert_close(output.target_cosine, each.detach().gather(1, labels[:, None]).squeeze(1))
    (gradient,) = torch.autograd.grad(output.loss, head.weight)
    assert ((gradient.view(C, 3, D).abs().sum(2) > 0).sum(1) <= min(3, N)).all()


def test_statistics_are_kept_in_training_and_saved() -> None:
    for head, name in ((AdaFaceHead(D, C), "norm_mean"), (CurricularFaceHead(D, C), "t"), (AdaCosHead(D, C), "scale")):
        x, labels = (each.detach() for each in batch(head))
        before = head.state_dict()[name].clone()
        head.eval()
        head(x.float(), labels)
        assert torch.equal(head.state_dict()[name], before)
        head.train()
        head.logits(x.float(), labels)
        assert torch.equal(head.state_dict()[name], before)  # looking changes nothing
        head(x.float(), labels)
        assert not torch.equal(head.state_dict()[name], before)
        one = head(x[:1].float(), labels[:1])  # a batch of one has no deviation
        assert one.loss.isfinite() and all(value.isfinite().all() for value in head.state_dict().values())


def test_an_elastic_margin_is_drawn_for_each_sample_and_follows_the_seed() -> None:
    head = ElasticFaceHead(D, C, std=0.1)
    cosine, where = torch.full((1000,), 0.5), torch.zeros(1000, dtype=torch.int64)

    def margins() -> Tensor:
        torch.manual_seed(3)
        return head._target(where)(cosine, cosine).acos() - cosine.acos()

    drawn = margins()
    assert drawn.mean().item() == pytest.approx(0.5, abs=0.02)
    assert drawn.std().item() == pytest.approx(0.1, abs=0.02)
    assert torch.equal(margins(), drawn)


def test_elastic_plus_gives_the_larger_margin_to_the_farther_sample() -> None:
    head = ElasticFaceHead(D, C, kind="cos", margin=0.35, std=0.1, plus=True)
    cosine = torch.rand(50)
    drawn = cosine - head._target(torch.zeros(50, dtype=torch.int64))(cosine, cosine)
    assert (drawn[cosine.argsort()].diff() <= 1e-6).all()


def test_the_scale_grows_with_the_margin() -> None:
    head = CosFaceHead(D, C, scale=64.0, scale_start=16.0, warmup_start=10, warmup_length=20)
    x, labels = batch(head)
    for step, scale in ((0, 16.0), (20, 40.0), (30, 64.0)):
        head.at_step(step)
        others = ~F.one_hot(labels, C).bool()
        cosines = F.normalize(x.float()) @ F.normalize(head.weight).T
        torch.testing.assert_close(head.logits(x.float(), labels)[others], scale * cosines[others])


def test_the_first_bias_of_sphereface2_is_the_best_one() -> None:
    for kind in ("cos", "arc"):
        head = SphereFace2Head(D, C, kind=kind).double()  # type: ignore[arg-type]
        x = torch.zeros(2, D, dtype=torch.float64)  # cosine 0 with everybody
        loss = head(x, torch.tensor([0, 1])).loss
        (slope,) = torch.autograd.grad(loss, head.bias)
        assert abs(slope) < 1e-6


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: AdaFaceHead(D, C, concentration=-1), "concentration"),
        (lambda: MagFaceHead(D, C, margin_low=0.9), "margin_high"),
        (lambda: MagFaceHead(D, C, shortest=200.0), "longest"),
        (lambda: CurricularFaceHead(D, C, momentum=2), "momentum"),
        (lambda: MVSoftmaxHead(D, C, kind="am"), "kind"),  # type: ignore[arg-type]
        (lambda: ElasticFaceHead(D, C, std=-1), "std"),
        (lambda: SphereFace2Head(D, C, balance=1.0), "balance"),
        (lambda: UniFaceHead(D, C, negative_weight=-1), "negative_weight"),
        (lambda: ArcFaceHead(D, C, sub_centres=0), "sub_centres"),
        (lambda: ArcFaceHead(D, C, filter_above=-2), "filter_above"),
        (lambda: ArcFaceHead(D, C, focal_gamma=-1), "focal_gamma"),
        (lambda: ArcFaceHead(D, C, label_smoothing=1.0), "label_smoothing"),
        (lambda: ArcFaceHead(D, C, scale=None, scale_start=5.0), "scale_start"),
        (lambda: ArcFaceHead(D, C, scale_start=5.0), "scale_start"),  # without a warm-up it would do nothing
    ],
)
def test_a_value_that_makes_no_sense_is_named(make: Callable[[], Head], named: str) -> None:
    with pytest.raises(ConfigError, match=rf"head\.{named}"):
        make()
