"""The steps that others write: the usual loop, and arcface_torch's of InsightFace, each as plain as it is there."""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mfn.bench.gpu.setting import wait_for

SCALE, MARGIN = 64.0, 0.5


class PlainHead(nn.Module):
    """Class centres, and ArcFace over the matrix of all logits; with a rate below 1, over a share of the classes.

    The share is taken as arcface_torch's PartialFC_V2 takes it: the positive classes and the highest of random numbers,
    with a gradient for all centres.

    Args:
        dim: Length of an embedding.
        classes: Identities.
        rate: Share of the classes in a step.
        in_half: Multiply in the type of autocast.
    """

    def __init__(self, dim: int, classes: int, rate: float = 1.0, in_half: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.normal(0, 0.01, (classes, dim)))
        self.rate, self.in_half = rate, in_half

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """The loss of (N, dim) and int64 (N,), both on the device."""
        weight = self.weight
        if self.rate < 1:
            positive = torch.unique(labels, sorted=True)
            draws = torch.rand(len(weight), device=weight.device)
            draws[positive] = 2.0
            count = max(len(positive), int(self.rate * len(weight)))
            chosen = torch.topk(draws, count)[1].sort()[0]
            labels, weight = torch.searchsorted(chosen, labels), weight[chosen]
        with torch.autocast(embeddings.device.type, enabled=self.in_half, dtype=torch.float16):
            cosines = F.linear(F.normalize(embeddings), F.normalize(weight))
        cosines = cosines.float().clamp(-1 + 1e-7, 1 - 1e-7)
        rows = torch.where(labels != -1)[0]
        target = cosines[rows, labels[rows]]
        margined = (target.acos() + MARGIN).cos()
        logits = cosines.index_put((rows, labels[rows]), margined)
        return F.cross_entropy(SCALE * logits, labels)


def plain_step(network: nn.Module, head: PlainHead, device: str) -> Callable[[Tensor, Tensor], None]:
    """The usual loop: float32 as PyTorch comes, channels first, PyTorch's SGD."""
    both = nn.ModuleList([network, head]).to(device).train()
    optimizer = torch.optim.SGD(both.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)

    def step(images: Tensor, labels: Tensor) -> None:
        optimizer.zero_grad()
        head(network(images), labels).backward()
        optimizer.step()

    return step


def arcface_torch_step(network: nn.Module, head: PlainHead, device: str) -> Callable[[Tensor, Tensor], None]:
    """arcface_torch's: fp16 autocast with a scaled loss, gradients clipped at 5, SGD."""
    both = nn.ModuleList([network, head]).to(device).train()
    optimizer = torch.optim.SGD(both.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
    scaler = torch.amp.GradScaler(device, growth_interval=100)

    def step(images: Tensor, labels: Tensor) -> None:
        with torch.autocast(device, torch.float16):
            embeddings = network(images)
        scaler.scale(head(embeddings.float(), labels)).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(network.parameters(), 5)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()

    return step


def timed_steps(step: Callable[[], None], device: str, steps: int, warm: int) -> Callable[[], float]:
    """Seconds of a step, over so many of them, after some that are not timed."""

    def measure() -> float:
        for _ in range(warm):
            step()
        wait_for(device)
        started = time.perf_counter()
        for _ in range(steps):
            step()
        wait_for(device)
        return (time.perf_counter() - started) / steps

    return measure
