"""Margin maths against values known from trigonometry."""

import math

import pytest
import torch

from mfn.heads.functional import (
    arcface_target,
    combined_target,
    continued_cos,
    cosface_target,
    inverse_norm,
    sphereface_psi,
    straight_through,
)

PI = math.pi

MARGINS = {
    "arcface": lambda cosine: arcface_target(cosine, 0.5),
    "arcface, largest margin": lambda cosine: arcface_target(cosine, PI / 2),
    "cosface": lambda cosine: cosface_target(cosine, 0.35),
    "sphereface 1.35": lambda cosine: sphereface_psi(cosine, 1.35),
    "sphereface 4": lambda cosine: sphereface_psi(cosine, 4),
    "combined": lambda cosine: combined_target(cosine, 1.1, 0.3, 0.2),
}


def cosines_of(degrees: list[float]) -> torch.Tensor:
    return torch.tensor([math.cos(math.radians(d)) for d in degrees], dtype=torch.float64)


@pytest.mark.parametrize(
    ("target", "degrees", "expected"),
    [
        (lambda c: arcface_target(c, PI / 6), [30, 60, 120], [0.5, 0.0, -math.sqrt(3) / 2]),
        (lambda c: arcface_target(c, PI / 6), [180], [-1 - PI / 12]),
        (lambda c: arcface_target(c, PI / 6, continued=False), [165], [-math.cos(PI / 12)]),
        (lambda c: cosface_target(c, 0.35), [60, 90], [0.15, -0.35]),
        (lambda c: sphereface_psi(c, 4), [15, 45, 60, 90, 180], [0.5, -1.0, -1.5, -3.0, -7.0]),
        (lambda c: sphereface_psi(c, 1.5), [40, 120, 160], [0.5, -1.0, -1.5]),
        (lambda c: combined_target(c, 1, PI / 6, 0.2), [30, 60], [0.3, -0.2]),
        (lambda c: combined_target(c, 2, PI / 6, 0.1), [15, 120], [0.4, -2 - 0.1]),
        (lambda c: combined_target(c, 2, PI / 6, 0.1, continued=False), [120], [-0.1]),
    ],
)
def test_values_at_known_angles(target, degrees: list[float], expected: list[float]) -> None:
    expected_tensor = torch.tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(target(cosines_of(degrees)), expected_tensor, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", MARGINS)
def test_target_logit_never_rises_with_the_angle_and_is_below_the_cosine(name: str) -> None:
    cosine = torch.linspace(0, PI, 20_001).cos()
    value = MARGINS[name](cosine)
    assert value.diff().max() <= 1e-6
    assert (value <= cosine + 1e-6).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", MARGINS)
def test_value_and_slope_are_finite_and_slope_not_negative(name: str, dtype: torch.dtype) -> None:
    near = 1 - torch.finfo(dtype).eps
    cosine = torch.tensor([-1, -near, -1e-30, 0, 1e-30, near, 1], dtype=dtype, requires_grad=True)
    value = MARGINS[name](cosine)
    (slope,) = torch.autograd.grad(value.sum(), cosine)
    assert value.isfinite().all()
    assert slope.isfinite().all()
    assert (slope >= -1e-3).all()


@pytest.mark.parametrize("name", MARGINS)
def test_slope_is_the_derivative(name: str) -> None:
    cosine = torch.linspace(-0.999, 0.998, 100, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(MARGINS[name], (cosine,))


def test_no_margin_leaves_the_cosine() -> None:
    cosine = torch.linspace(-1, 1, 101, dtype=torch.float64)
    for value in (
        arcface_target(cosine, 0),
        cosface_target(cosine, 0),
        sphereface_psi(cosine, 1),
        combined_target(cosine, 1, 0, 0),
    ):
        torch.testing.assert_close(value, cosine)


def test_continued_cos_is_continuous_at_every_multiple_of_pi() -> None:
    turns = PI * torch.arange(1, 8, dtype=torch.float64)
    torch.testing.assert_close(continued_cos(turns - 1e-9), continued_cos(turns + 1e-9))


def test_straight_through_has_the_value_of_one_and_the_gradient_of_the_other() -> None:
    cosine = torch.tensor([0.3, -0.9], dtype=torch.float64, requires_grad=True)
    result = straight_through(arcface_target(cosine, 0.5), cosine)
    result.sum().backward()
    torch.testing.assert_close(result, arcface_target(cosine, 0.5))
    assert cosine.grad is not None
    assert cosine.grad.tolist() == [1.0, 1.0]


def test_a_row_without_length_has_no_direction() -> None:
    rows = torch.tensor([[3.0, 4.0], [0.0, 0.0], [1e-8, 0.0]], requires_grad=True)
    factor = inverse_norm(rows)
    factor.sum().backward()
    torch.testing.assert_close(factor, torch.tensor([0.2, 0.0, 0.0]))
    assert rows.grad is not None
    assert rows.grad.isfinite().all()
