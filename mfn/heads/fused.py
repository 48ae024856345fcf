"""Margin softmax cross-entropy with one (N, C) buffer and no normalised copy of the class centres.

With 85,742 identities every (N, C) or (C, D) temporary costs more than the arithmetic it serves. One buffer
is turned from cosines into logits, exponentials and finally the gradient, all in place; the length of a class
centre is a factor of its column; and the factors that belong to a sample (its softmax denominator, scale and
incoming gradient) are left to the (N, D) side of the two matrix products of the backward pass.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mfn.heads.classes import Classes
from mfn.heads.functional import TargetFunction, inverse_norm


def margin_softmax(
    embeddings: Tensor,
    classes: Classes,
    scale: Tensor,
    norms: Tensor,
    target: TargetFunction,
    filter_above: float | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Margin softmax cross-entropy and what training wants to log about it.

    Args:
        embeddings: (N, D) float32 or float64.
        classes: Centres (K, D) of the same type, and the targets.
        scale: (N,); gets a gradient if it asks for one.
        norms: (N,), lengths of the embeddings for the margin to go by; likewise.
        target: Margin function from the N target cosines and norms to the logits before scale.
        filter_above: Cosines with other classes above it count as 0, without gradient.

    Returns:
        Loss of each sample (N,), differentiable once; target cosine (N,); class with the highest cosine,
        margin left out, int64 (N,).
    """
    return _MarginSoftmax.apply(embeddings, classes.centres, scale, norms, classes, target, filter_above)


def _value_and_slopes(target: TargetFunction, cosine: Tensor, norms: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
    with torch.inference_mode(False), torch.enable_grad():
        leaves = [each.detach().clone().requires_grad_() for each in (cosine, norms)]
        value = target(*leaves)
        slope, by_norm = torch.autograd.grad(value.sum(), leaves, allow_unused=True)
    return value.detach(), torch.zeros_like(cosine) if slope is None else slope, by_norm


def _put(matrix: Tensor, classes: Classes, values: Tensor) -> None:
    """Writes the targets' values (N,) into the matrix (N, K), where they are in it."""
    if matrix.shape[1] == 0:
        return
    column = classes.column[:, None]
    if classes.here is not None:
        values = torch.where(classes.here, values, matrix.gather(1, column).squeeze(1))
    matrix.scatter_(1, column, values[:, None])


class _MarginSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        embeddings: Tensor,
        centres: Tensor,
        scale: Tensor,
        norms: Tensor,
        classes: Classes,
        target: TargetFunction,
        filter_above: float | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        embedding_factor = inverse_norm(embeddings)
        centre_factor = inverse_norm(centres)
        directions = embeddings * embedding_factor[:, None]

        buffer = torch.mm(directions, centres.T).mul_(centre_factor)
        predicted = classes.nearest(buffer)
        cosine = classes.target_of(buffer).clamp_(-1, 1)

        margined, slope, by_norm = _value_and_slopes(target, cosine, norms)
        left_out = None
        if filter_above is not None:
            left_out = (buffer > filter_above) & ~classes.is_target(buffer)
            buffer.masked_fill_(left_out, 0)
        _put(buffer, classes, margined)
        highest = classes.highest(buffer)
        buffer.sub_(highest[:, None]).mul_(scale[:, None]).exp_()
        denominator = classes.sum(buffer)
        loss = denominator.log() - scale * (margined - highest)

        # The gradient by the bare products directions @ centres.T, but for scale / denominator of each row.
        excess = ((margined - highest) * scale).exp() - denominator
        if left_out is not None:
            buffer.masked_fill_(left_out, 0)
        _put(buffer, classes, excess * slope)
        buffer.mul_(centre_factor)
        scale_rest = excess * (margined - slope * cosine)
        ctx.part = classes.part
        ctx.by_norm = None if by_norm is None else excess * by_norm
        ctx.save_for_backward(
            centres, buffer, directions, embedding_factor, centre_factor, scale, denominator, scale_rest
        )
        ctx.mark_non_differentiable(cosine, predicted)
        return loss, cosine, predicted

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        centres, buffer, directions, embedding_factor, centre_factor, scale, denominator, scale_rest = ctx.saved_tensors
        grad_embeddings = grad_centres = grad_scale = grad_norms = None
        weight = grad_loss / denominator
        if ctx.by_norm is not None and ctx.needs_input_grad[3]:
            grad_norms = weight * scale * ctx.by_norm

        if ctx.needs_input_grad[1]:
            grad_centres = torch.mm(buffer.T, directions * (weight * scale)[:, None])
            stretch = torch.einsum("cd,cd->c", grad_centres, centres).mul_(centre_factor.square())
            grad_centres.addcmul_(centres, stretch[:, None], value=-1)
        if ctx.needs_input_grad[0] or ctx.needs_input_grad[2]:
            pull = ctx.part.sum(torch.mm(buffer, centres))
            stretch = (pull * directions).sum(dim=1)
            grad_scale = weight * (stretch + scale_rest)
            pull.addcmul_(directions, stretch[:, None], value=-1)
            grad_embeddings = pull.mul_((weight * scale * embedding_factor)[:, None])
        return grad_embeddings, grad_centres, grad_scale, grad_norms, None, None, None
