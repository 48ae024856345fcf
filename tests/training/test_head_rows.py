"""Class centres under an optimiser: sampled, shared out over processes, saved by some and gone on with by others."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.optim import SGD, Adadelta, Adagrad, AdamW, RMSprop

from mfn.config.build import build
from mfn.config.compose import composed
from mfn.heads.part import held_by
from mfn.training.head_rows import HeadRows
from mfn.training.row_updates import RowUpdates
from tests.gloo import on_ranks

CLASSES, DIM = 23, 8
OPTIMISERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd": lambda groups: SGD(groups, lr=0.1, momentum=0.9, weight_decay=1e-2),
    "adamw": lambda groups: AdamW(groups, lr=0.01),
    "adagrad": lambda groups: Adagrad(groups, lr=0.1, initial_accumulator_value=0.1),
    "rmsprop": lambda groups: RMSprop(groups, lr=0.01, momentum=0.5, centered=True),
    "adadelta": lambda groups: Adadelta(groups, lr=1.0),
}
CASES = [(name, rate, "arcface") for name in OPTIMISERS for rate in (1.0, 0.3)] + [
    ("sgd", 0.3, "softmax"),
    ("adamw", 0.3, "subcentre_arcface"),
    ("sgd", 0.3, "uniface"),
]
Checkpoint = dict[str, Any]


class Run(nn.Module):
    """A layer and a head, trained without Lightning."""

    def __init__(self, rank: int, size: int, optimiser: str, rate: float, head: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.size, self.rank = size, rank
        self.layer = nn.Linear(DIM, DIM)
        with held_by(rank, size):
            config = composed("train", [f"head={head}", f"head.sample_rate={rate}"]).head
            self.head = build(config, embedding_dim=DIM, num_classes=CLASSES)
        self.rows = HeadRows(self, self.head)
        bias = [each for name, each in self.head.named_parameters() if name == "bias"]
        groups = [{"params": [*self.layer.parameters()]}, {"params": [self.head.weight]}]
        groups += [{"params": bias, "weight_decay": 0.0}] if bias else []
        self.optimiser = OPTIMISERS[optimiser](self.rows.in_place(groups))
        self.rows.watch(self.optimiser)

    def step(self, number: int) -> None:
        draw = torch.Generator().manual_seed(number)
        images, labels = torch.randn(12, DIM, generator=draw), torch.randint(CLASSES, (12,), generator=draw)
        own = slice(self.rank * 12 // self.size, (self.rank + 1) * 12 // self.size)
        torch.manual_seed(number)
        self.optimiser.zero_grad()
        self.rows.forget()
        self.head.at_step(number, 10)
        self.head(self.layer(images[own]), labels[own]).loss.backward()
        for name, parameter in self.named_parameters():
            ignored: Any = getattr(self, "_ddp_params_and_buffers_to_ignore", ())
            if self.size > 1 and name not in ignored and parameter.grad is not None:  # as DistributedDataParallel does
                dist.all_reduce(parameter.grad)
                parameter.grad.div_(self.size)
        self.rows.after_backward(self.optimiser, scaled=False)
        self.rows.clip(self.optimiser, 3.0)
        self.optimiser.step()

    def save(self) -> Checkpoint:
        checkpoint = {"state_dict": self.state_dict(), "optimizer_states": [self.optimiser.state_dict()]}
        self.rows.put_together(checkpoint, [self.optimiser])
        return checkpoint

    def load(self, checkpoint: Checkpoint) -> None:
        self.rows.take_apart(checkpoint)
        self.load_state_dict(checkpoint["state_dict"])
        self.optimiser.load_state_dict(checkpoint["optimizer_states"][0])


def trained(rank: int, size: int, starts: list[Checkpoint | None], first: int, last: int) -> list[Checkpoint]:
    """The checkpoint of each case after some steps, as this process has it."""
    found = []
    for case, start in zip(CASES, starts, strict=True):
        run = Run(rank, size, *case)
        if start is not None:
            run.load(deepcopy(start))  # what came from another process is its memory too
        for number in range(first, last):
            run.step(number)
        found.append(run.save())
    return found


def same(found: Checkpoint, expected: Checkpoint, case: tuple[str, float, str]) -> None:
    for of_found, of_expected in ((found["state_dict"], expected["state_dict"]), *_states(found, expected)):
        assert of_found.keys() == of_expected.keys()
        for name, value in of_expected.items():
            if isinstance(value, Tensor):
                torch.testing.assert_close(
                    of_found[name], value, rtol=2e-4, atol=2e-6, msg=lambda text, name=name: f"{case} {name}: {text}"
                )


def _states(*checkpoints: Checkpoint) -> list[tuple[dict[str, Any], ...]]:
    states = [each["optimizer_states"][0]["state"] for each in checkpoints]
    assert states[0].keys() == states[1].keys()
    return [tuple(state[number] for state in states) for number in states[0]]


@pytest.mark.slow
def test_any_number_of_processes_goes_on_from_a_checkpoint_of_any_other() -> None:
    nothing: list[Checkpoint | None] = [None] * len(CASES)
    alone = trained(0, 1, nothing, 0, 6)
    saved = {size: on_ranks(size, trained, nothing, 0, 3)[0] for size in (2, 4)}
    saved[1] = trained(0, 1, nothing, 0, 3)
    for writers, readers in ((4, 2), (4, 1), (1, 4), (2, 2)):
        gone_on = trained(0, 1, saved[4], 3, 6) if readers == 1 else on_ranks(readers, trained, saved[writers], 3, 6)[0]
        for found, expected, case in zip(gone_on, alone, CASES, strict=True):
            same(found, expected, case)


def test_a_checkpoint_goes_on_with_another_share_of_the_classes() -> None:
    for before, after in ((0.3, 1.0), (1.0, 0.3)):
        run = Run(0, 1, "sgd", before, "arcface")
        run.step(0)
        other = Run(0, 1, "sgd", after, "arcface")
        other.load(run.save())
        momentum = run.save()["optimizer_states"][0]["state"][2]["momentum_buffer"]
        assert momentum.shape == (CLASSES, DIM)
        assert other.save()["optimizer_states"][0]["state"][2]["momentum_buffer"].equal(momentum)
        other.step(1)
        assert other.head.weight.isfinite().all()


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_only_rows_in_use_change(optimiser: str) -> None:
    run = Run(0, 1, optimiser, 0.1, "arcface")
    for number in range(3):
        before = run.head.weight.detach().clone()
        run.step(number)
        changed = (run.head.weight != before).any(1)
        targets = torch.randint(CLASSES, (12,), generator=_after_images(number)).unique()
        assert changed[targets].all()
        assert len(targets) <= int(changed.sum()) <= len(targets) + 2 < CLASSES


def _after_images(number: int) -> torch.Generator:
    draw = torch.Generator().manual_seed(number)
    torch.randn(12, DIM, generator=draw)
    return draw


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_rows_move_as_they_would_in_a_table_of_their_own(optimiser: str) -> None:
    table, dense = (nn.Parameter(torch.ones(6, 3)) for _ in range(2))
    updates = RowUpdates([table])
    sparse = OPTIMISERS[optimiser](updates.in_place([{"params": [table]}]))
    updates.watch(sparse)
    usual = OPTIMISERS[optimiser]([dense])
    for number in range(4):
        rows = torch.tensor([0, 2, 3])
        gradient = torch.randn(3, 3, generator=torch.Generator().manual_seed(number))
        half = torch.sparse_coo_tensor(rows[None], gradient / 2, (6, 3), check_invariants=True)
        for part in (half, half):  # accumulated
            table.grad = part if table.grad is None else table.grad + part
            updates.fill()
        dense.grad = torch.zeros(6, 3).index_copy(0, rows, gradient)
        sparse.step()
        usual.step()
        torch.testing.assert_close(table[rows], dense[rows])
    assert table[[1, 4, 5]].equal(torch.ones(3, 3))
