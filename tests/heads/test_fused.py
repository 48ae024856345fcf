"""The fused loss against the plain one."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mfn.heads.classes import Classes
from mfn.heads.functional import arcface_target, cosines, sphereface_psi, straight_through
from mfn.heads.fused import margin_softmax

N, C, D = 6, 9, 5

TARGETS = {
    "none": lambda cosine, norms: cosine,
    "arcface": lambda cosine, norms: arcface_target(cosine, 0.5),
    "sphereface": lambda cosine, norms: sphereface_psi(cosine, 4),
    "straight-through": lambda cosine, norms: straight_through(arcface_target(cosine, 0.5, continued=False), cosine),
    "by length": lambda cosine, norms: arcface_target(cosine, 0.2 + 0.1 * norms),
    "by length alone": lambda cosine, norms: cosine.detach() - norms,
}


def inputs(seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    embeddings = torch.randn(N, D, dtype=torch.float64, generator=generator)
    centres = torch.randn(C, D, dtype=torch.float64, generator=generator)
    labels = torch.randint(C, (N,), generator=generator)
    scale = 1 + 20 * torch.rand(N, dtype=torch.float64, generator=generator)
    embeddings[0] = centres[labels[0]]  # cosine 1; the next is near -1, past pi
    embeddings[1] = 0.1 * torch.randn(D, dtype=torch.float64, generator=generator) - centres[labels[1]]
    return embeddings.requires_grad_(), centres.requires_grad_(), labels, scale.requires_grad_()


def plain(
    embeddings: Tensor, centres: Tensor, labels: Tensor, scale: Tensor, target, filter_above: float | None = None
) -> Tensor:
    every, column = cosines(embeddings, centres), labels[:, None]
    margined = target(every.gather(1, column).squeeze(1).clamp(-1, 1), embeddings.norm(dim=1))
    if filter_above is not None:
        every = torch.where(every > filter_above, 0.0, every)
    logits = scale[:, None] * every.scatter(1, column, margined[:, None])
    return F.cross_entropy(logits, labels, reduction="none")


def fused(
    embeddings: Tensor, centres: Tensor, labels: Tensor, scale: Tensor, target, filter_above: float | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    return margin_softmax(
        embeddings, Classes.all_of(centres, labels), scale, embeddings.norm(dim=1), target, filter_above
    )


@pytest.mark.parametrize("filter_above", [None, 0.2])
@pytest.mark.parametrize("name", TARGETS)
def test_losses_and_all_gradients_equal_the_plain_ones(name: str, filter_above: float | None) -> None:
    embeddings, centres, labels, scale = inputs()
    weight = torch.arange(1, N + 1, dtype=torch.float64)
    results = []
    for loss in (
        fused(embeddings, centres, labels, scale, TARGETS[name], filter_above)[0],
        plain(embeddings, centres, labels, scale, TARGETS[name], filter_above),
    ):
        gradients = torch.autograd.grad((weight * loss).sum(), (embeddings, centres, scale))
        results.append((loss.detach(), *gradients))
    for ours, reference in zip(*results, strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-7, atol=1e-9)


def test_gradcheck() -> None:
    embeddings, centres, labels, scale = inputs(seed=1)

    def loss(embeddings: Tensor, centres: Tensor, scale: Tensor) -> Tensor:
        return fused(embeddings, centres, labels, scale, TARGETS["arcface"])[0]

    with torch.no_grad():
        embeddings[0] = 0.3 * embeddings[2] + embeddings[0]  # off cosine = 1, where no difference quotient helps
    assert torch.autograd.gradcheck(loss, (embeddings, centres, scale))


def test_target_cosine_and_prediction_ignore_the_margin() -> None:
    embeddings, centres, labels, scale = inputs()
    _, cosine, predicted = fused(embeddings, centres, labels, scale, lambda cosine, norms: cosine - 5)
    cosines = F.normalize(embeddings) @ F.normalize(centres).T
    torch.testing.assert_close(cosine, cosines.gather(1, labels[:, None]).squeeze(1).detach())
    assert predicted.equal(cosines.argmax(dim=1))
    assert not cosine.requires_grad
    assert not predicted.requires_grad


def test_loss_is_exact_where_the_target_probability_underflows() -> None:
    embeddings = torch.tensor([[-1.0, 0.0]])
    centres = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], requires_grad=True)
    loss, *_ = fused(embeddings, centres, torch.tensor([0]), torch.tensor([500.0]), TARGETS["none"])
    loss.backward()
    assert loss.item() == pytest.approx(1000)
    assert centres.grad is not None
    assert centres.grad.isfinite().all()


def test_gradient_with_respect_to_a_centre_is_orthogonal_to_it() -> None:
    embeddings, centres, labels, scale = inputs()
    fused(embeddings, centres, labels, scale, TARGETS["arcface"])[0].mean().backward()
    assert centres.grad is not None
    assert (centres.grad * centres).sum(dim=1).abs().max() < 1e-6


def test_backward_twice_over_a_retained_graph_gives_the_same() -> None:
    embeddings, centres, labels, scale = inputs()
    loss = fused(embeddings, centres, labels, scale, TARGETS["arcface"])[0].mean()
    first, second = (torch.autograd.grad(loss, (embeddings, centres), retain_graph=True) for _ in range(2))
    assert first[0].equal(second[0])
    assert first[1].equal(second[1])


def test_a_second_derivative_is_refused() -> None:
    embeddings, centres, labels, scale = inputs()
    loss = fused(embeddings, centres, labels, scale, TARGETS["arcface"])[0].mean()
    (gradient,) = torch.autograd.grad(loss, embeddings, create_graph=True)
    with pytest.raises(RuntimeError, match="does not require grad"):
        gradient.sum().backward()


def test_keeps_one_buffer_of_classes_by_samples_and_no_copy_of_the_centres() -> None:
    embeddings, centres, labels, scale = inputs()
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        fused(embeddings, centres, labels, scale, TARGETS["arcface"])
    assert [t.shape for t in kept].count(torch.Size((N, C))) == 1
    assert {t.data_ptr() for t in kept if t.shape == centres.shape} == {centres.data_ptr()}


def test_works_without_gradients() -> None:
    embeddings, centres, labels, scale = inputs()
    expected = fused(embeddings, centres, labels, scale, TARGETS["arcface"])[0]
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            loss = fused(embeddings, centres, labels, scale, TARGETS["arcface"])[0]
        assert not loss.requires_grad
        torch.testing.assert_close(loss, expected.detach())


def test_frozen_centres_get_no_gradient_and_embeddings_the_same() -> None:
    embeddings, centres, labels, scale = inputs()
    both = fused(embeddings, centres, labels, scale, TARGETS["arcface"])[0].mean()
    frozen = fused(embeddings, centres.detach(), labels, scale, TARGETS["arcface"])[0].mean()
    (expected,) = torch.autograd.grad(both, embeddings)
    (result,) = torch.autograd.grad(frozen, embeddings)
    assert result.equal(expected)


def test_a_label_out_of_range_is_an_error() -> None:
    embeddings, centres, labels, scale = inputs()
    labels[0] = C
    with pytest.raises((IndexError, RuntimeError), match="out of bounds"):
        fused(embeddings, centres, labels, scale, TARGETS["none"])


def test_uniform_logits_cost_the_logarithm_of_the_class_count() -> None:
    embeddings, centres = torch.zeros(2, 3), torch.randn(7, 3)
    loss, cosine, _ = fused(embeddings, centres, torch.tensor([0, 6]), torch.full((2,), 64.0), TARGETS["none"])
    assert loss.tolist() == pytest.approx([math.log(7)] * 2)
    assert cosine.tolist() == [0.0, 0.0]
