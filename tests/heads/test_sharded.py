"""Class centres shared out over processes give what one process gives."""

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from mfn.config.build import build
from mfn.config.compose import composed
from mfn.heads.head import Head
from mfn.heads.part import held_by
from tests.gloo import on_ranks

DIM = 16
CASES = [
    ("arcface", []),
    ("arcface", ["head.sample_rate=0.3"]),
    ("arcface", ["head.scale=null", "head.sample_rate=0.1", "head.filter_above=0.2"]),
    ("arcface", ["head.label_smoothing=0.1", "head.focal_gamma=2", "head.sample_rate=0.5"]),
    ("cosface", ["head.easy=true", "head.offload=true", "head.sample_rate=0.3"]),
    ("sphereface", []),
    ("sphereface_annealed", ["head.sample_rate=0.3"]),
    ("combined", []),
    ("subcentre_arcface", []),
    ("subcentre_arcface", ["head.sample_rate=0.3"]),
    ("elasticface_arc", ["head.plus=true", "head.std=0.1", "head.sample_rate=0.3"]),
    ("magface", ["head.sample_rate=0.3"]),
    ("adaface", []),
    ("curricularface", ["head.sample_rate=0.3"]),
    ("mv_am", []),
    ("adacos", []),
    ("adacos", ["head.sample_rate=0.3", "head.sub_centres=2"]),
    ("softmax", []),
    ("softmax", ["head.sample_rate=0.3"]),
    ("normalised_softmax", ["head.scale=null"]),
    ("sphereface2", []),
    ("uniface", ["head.sample_rate=0.3"]),
]
"""Heads with what makes them take every path: fused and plain, all classes and some, one centre and several."""
CLASSES = 23
COUNTS = {1: [9], 2: [6, 3], 4: [4, 0, 1, 4]}
"""Images of each process; nine together."""


class Step(NamedTuple):
    """What a step gives, of all processes: the same in each but for its own rows."""

    loss: Tensor
    by_embedding: Tensor
    by_class: dict[str, Tensor]
    by_other: dict[str, Tensor]
    target_cosine: Tensor
    predicted: Tensor
    state: dict[str, Tensor]


def inputs() -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    # Classes 20 to 22, which the last process holds, are the target of none
    return 3 * torch.randn(9, DIM, generator=draw), torch.randint(20, (9,), generator=draw)


def steps_of(rank: int, size: int, classes: int) -> list[list[Any]]:
    """Two steps of each case: the second one finds what the first has observed."""
    return [[*_step(name, words, rank, size, classes)] for name, words in CASES]


def _step(name: str, words: list[str], rank: int, size: int, classes: int) -> Step:
    torch.manual_seed(0)
    with held_by(rank, size):
        config = composed("train", [f"head={name}", *words]).head
        head: Head = build(config, embedding_dim=DIM, num_classes=classes)
    embeddings, labels = inputs()
    own = slice(sum(COUNTS[size][:rank]), sum(COUNTS[size][: rank + 1]))
    head.at_step(3, 10)
    head(embeddings[own], labels[own] % classes)  # what it observes counts in the next
    torch.manual_seed(5)
    mine = embeddings[own].clone().requires_grad_()
    output = head(mine, labels[own] % classes)
    output.loss.backward()
    gradients = {n: p.grad.to_dense() for n, p in head.named_parameters() if p.grad is not None}
    assert mine.grad is not None
    return Step(
        output.loss.detach(),
        mine.grad / size,  # as DistributedDataParallel divides
        {n: g for n, g in gradients.items() if n in head.of_classes},
        {n: g for n, g in gradients.items() if n not in head.of_classes},
        output.target_cosine,
        output.predicted,
        {n: v for n, v in head.state_dict().items() if n not in head.of_classes},
    )


def pairs_of(rank: int, size: int) -> list[Any]:
    with held_by(rank, size):
        config = composed("train", ["head=triplet", "head.miner=null"]).head
        head = build(config, embedding_dim=DIM, num_classes=CLASSES)
    embeddings, labels = inputs()
    own = slice(sum(COUNTS[size][:rank]), sum(COUNTS[size][: rank + 1]))
    mine = embeddings[own].clone().requires_grad_()
    output = head(mine, labels[own] % 3)
    output.loss.backward()
    assert mine.grad is not None
    return [output.loss.detach(), mine.grad / size, output.target_cosine, output.predicted]


@pytest.mark.slow
def test_losses_of_pairs_see_those_of_all_processes() -> None:
    pytest.importorskip("pytorch_metric_learning", reason="an optional package")
    alone, shared = pairs_of(0, 1), on_ranks(4, pairs_of)
    assert all(part[0].allclose(alone[0]) for part in shared)
    for place in (1, 2, 3):
        torch.testing.assert_close(torch.cat([part[place] for part in shared]), alone[place])


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("classes", [CLASSES, 5], ids=["23", "5"])
def test_shared_out_heads_give_what_one_gives(size: int, classes: int) -> None:
    alone = [Step(*each) for each in steps_of(0, 1, classes)]
    shared = on_ranks(size, steps_of, classes)
    for number, (name, words) in enumerate(CASES):
        one, parts = alone[number], [Step(*of_rank[number]) for of_rank in shared]
        for part in parts:
            _same(part.loss, one.loss, name, words)
            for key, value in one.by_other.items():
                _same(part.by_other[key], value, name, words)
            for key, value in one.state.items():
                _same(part.state[key], value, name, words)
        _same(torch.cat([part.by_embedding for part in parts]), one.by_embedding, name, words)
        _same(torch.cat([part.target_cosine for part in parts]), one.target_cosine, name, words)
        assert torch.cat([part.predicted for part in parts]).equal(one.predicted), (name, words)
        for key, value in one.by_class.items():
            _same(torch.cat([part.by_class[key] for part in parts]), value, name, words)


def _same(found: Tensor, expected: Tensor, name: str, words: list[str]) -> None:
    """To float32 rounding, of sums whose parts are as large as the largest."""
    size = float(expected.abs().max()) if expected.numel() else 1.0
    torch.testing.assert_close(
        found, expected, rtol=1e-4, atol=2e-6 * max(size, 1e-3), msg=lambda text: f"{name} {words}: {text}"
    )
