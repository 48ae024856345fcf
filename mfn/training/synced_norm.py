"""Batch normalisation over the images of all processes, so that two of them learn what one learns.

Each process normalises its images by the mean and variance of the whole step's, whatever its share of them is, none
included. On a GPU PyTorch's own kernels do it; elsewhere, and so with gloo on a CPU, these lines do.
"""

from functools import cache
from typing import Any

import torch
import torch.distributed as dist
from lightning.pytorch.plugins import LayerSync
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.nn.modules._functions import SyncBatchNorm as OnGpu
from torch.nn.modules.batchnorm import _BatchNorm

from mfn.errors import ConfigError
from mfn.ranks import another_group, ranks


class SyncedNorms(LayerSync):
    """Makes the batch normalisation of a network one over all processes while it trains; Lightning calls it.

    Layers stay the objects they are, with their names, parameters and hooks: only what their class computes in
    training changes, so a checkpoint never knows.
    """

    def apply(self, model: nn.Module) -> nn.Module:
        """Before the first step.

        Raises:
            ConfigError: A layer normalises in a way of its own.
        """
        for module in model.modules():
            if isinstance(module, _BatchNorm) and not isinstance(module, _Synced | nn.SyncBatchNorm):
                module.__class__ = _synced(type(module))
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """After the last step."""
        for module in model.modules():
            if isinstance(module, _Synced):
                module.__class__ = type(module).__bases__[1]
        return model


def is_synced(module: nn.Module) -> bool:
    """Whether a layer normalises over all processes, so that one of them may have no images."""
    return isinstance(module, _Synced)


_outside_compiled: Any = torch.compiler.disable  # what processes send one another is no part of a graph


class _Synced(_BatchNorm):
    """Goes before a class of batch normalisation in another one."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or ranks().size == 1:
            return super().forward(input)
        self._check_input_dim(input)
        return self.over_all(input)

    @_outside_compiled
    def over_all(self, x: Tensor) -> Tensor:
        """Normalises a step's share of images, (N, C, ...) with N from 0."""
        momentum = self._count_step()
        mean, variance = (self.running_mean, self.running_var) if self.track_running_stats else (None, None)
        if x.device.type == "cuda":
            world: Any = dist.group.WORLD
            channels_last = x.is_contiguous(memory_format=torch.channels_last)
            taken = x if channels_last else x.contiguous()
            settings = (self.eps, momentum, world, dist.get_world_size())
            return OnGpu.apply(taken, self.weight, self.bias, mean, variance, *settings)
        y, of_all, spread, count = _Normalised.apply(x, self.weight, self.bias, self.eps)
        if mean is not None and variance is not None and count > 1:
            mean.lerp_(of_all.to(mean.dtype), momentum)
            variance.lerp_((spread * (count / (count - 1))).to(variance.dtype), momentum)
        return y

    def _count_step(self) -> float:
        """Counts the step; the share of its statistics in the running ones."""
        if self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                return 1.0 / float(self.num_batches_tracked)
        return self.momentum or 0.0


class _SyncedWithActivation(_Synced):
    """timm's layers, which go on with dropout and an activation."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or ranks().size == 1:
            return super().forward(input)
        return self.act(self.drop(self.over_all(input)))  # type: ignore[operator]


@cache
def _synced(kind: type[_BatchNorm]) -> type[_BatchNorm]:
    """The same class, which normalises over all processes."""
    if kind in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d):
        first: type[_BatchNorm] = _Synced
    elif any((base.__module__, base.__name__) == _TIMM for base in kind.__mro__):
        first = _SyncedWithActivation
    elif kind.forward is _BatchNorm.forward:
        first = _Synced
    else:
        raise ConfigError(
            f"the model's {kind.__name__} normalises in a way of its own, which several processes cannot share: set "
            "trainer.sync_batchnorm=false, and each normalises by its own images"
        )
    return type(f"Synced{kind.__name__}", (first, kind), {})  # type: ignore[return-value]


_TIMM = ("timm.layers.norm_act", "BatchNormAct2d")


class _Normalised(torch.autograd.Function):
    """``(x - mean) / sqrt(variance + eps) * weight + bias`` with mean and variance over all processes.

    One exchange of 2 C + 1 numbers forward and one of 2 C backward. Variances are put together by their distances from
    the common mean (Chan et al. 1979), which loses nothing where the mean is large.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
    ) -> tuple[Tensor, Tensor, Tensor, int]:
        mean, variance, count = _of_all(x)
        y = functional.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps) if x.numel() else x.clone()
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.eps, ctx.count = eps, count
        ctx.mark_non_differentiable(mean, variance)
        return y, mean, variance, count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, weight, mean, variance = ctx.saved_tensors
        channels = len(mean)
        if x.numel():
            whole = torch.ones_like(mean) if weight is None else weight
            reduce = (gradient, x, whole, mean, variance, None, None, False, ctx.eps, [False, True, True])
            _, along, sums = torch.ops.aten.native_batch_norm_backward(*reduce)
        else:
            along, sums = mean.new_zeros(2, channels)
        here = (along, sums) if weight is not None else (None, None)
        if not ctx.needs_input_grad[0]:
            return None, *here, None
        of_all = torch.cat([along, sums]).double()
        dist.all_reduce(of_all, group=another_group("norms"))
        if not x.numel():
            return gradient.clone(), *here, None
        along_all, sums_all = of_all.view(2, channels) / ctx.count
        steep = (variance.double() + ctx.eps).rsqrt()
        scale = steep if weight is None else steep * weight
        by_x = -scale * steep * along_all
        rest = -scale * sums_all - by_x * mean
        shape = (1, channels, *[1] * (x.ndim - 2))
        factors = [each.to(mean.dtype).view(shape) for each in (scale, by_x, rest)]
        inner = (gradient * factors[0]).addcmul_(x, factors[1]).add_(factors[2])
        return inner.to(x.dtype), *here, None


def _of_all(x: Tensor) -> tuple[Tensor, Tensor, int]:
    """Mean and variance (C,) of each channel over all processes, and how many values each is of."""
    channels, wide = x.shape[1], torch.promote_types(x.dtype, torch.float32)
    here = torch.zeros(2 * channels + 1, dtype=torch.float64, device=x.device)
    if x.numel():
        # Statistics to update make it count in float32, whatever the precision of x is
        blank = torch.zeros(2, channels, dtype=wide, device=x.device)
        mean, variance = torch.batch_norm_update_stats(x, blank[0], blank[1], 0.0)
        here[:channels], here[channels:-1], here[-1] = mean, variance, x.numel() // channels
    of_each = [torch.empty_like(here) for _ in range(ranks().size)]
    dist.all_gather(of_each, here, group=another_group("norms"))
    together = torch.stack(of_each)
    means, variances, counts = together[:, :channels], together[:, channels:-1], together[:, -1:]
    count = int(counts.sum())
    if count == 0:
        return torch.zeros(channels, dtype=wide, device=x.device), torch.ones(channels, dtype=wide, device=x.device), 0
    mean = (means * counts).sum(0) / count
    variance = ((variances + (means - mean) ** 2) * counts).sum(0) / count
    return mean.to(wide), variance.to(wide), count
