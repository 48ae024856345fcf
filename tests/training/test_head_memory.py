"""What a head takes of the memory, said before a run and found during a step."""

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam

from mfn.heads.arcface import ArcFaceHead
from mfn.heads.metric_learning import MetricLearningHead
from mfn.heads.part import held_by
from mfn.heads.softmax import SoftmaxHead
from mfn.training.head_memory import HeadMemory, advice, head_memory
from mfn.training.head_rows import HeadRows

momentum = lambda groups: SGD(groups, lr=0.1, momentum=0.9)  # noqa: E731


@pytest.mark.parametrize("rate", [1.0, 0.1])
def test_says_what_tables_take(rate: float) -> None:
    head = ArcFaceHead(8, 1000, sample_rate=rate)
    owner = nn.Module()
    rows = HeadRows(owner, head)
    optimiser = momentum(rows.in_place([{"params": [head.weight]}]))
    rows.watch(optimiser)
    labels = torch.arange(16)
    head(torch.randn(16, 8, requires_grad=True), labels).loss.backward()
    assert head.weight.grad is not None
    gradient = head.weight.grad.coalesce().values().nbytes if rate < 1 else head.weight.grad.nbytes
    rows.after_backward(optimiser, False)
    optimiser.step()
    saved = {"state_dict": {}, "optimizer_states": [optimiser.state_dict()]}
    rows.put_together(saved, [optimiser])
    memory = head_memory(head, 16, momentum)
    assert memory is not None
    parts = memory.parts()
    assert parts["weights"] == head.weight.nbytes
    assert parts["optimiser"] == saved["optimizer_states"][0]["state"][0]["momentum_buffer"].nbytes
    assert 0.85 * parts["gradients"] <= gradient <= parts["gradients"]
    assert parts["logits"] == 4 * 16 * (1000 if rate == 1 else 116)


def test_of_a_share_of_the_classes_and_of_other_optimisers() -> None:
    with held_by(1, 4):
        head = SoftmaxHead(8, 1000)
    memory = head_memory(head, 16, lambda groups: Adam(groups))
    assert memory is not None and memory.parts()["weights"] == 4 * 250 * 9
    assert memory.parts()["optimiser"] == 2 * memory.parts()["weights"]
    assert head_memory(MetricLearningHead(8, 10, lambda *_: torch.zeros(())), 16, momentum) is None


def test_says_what_to_change_where_it_does_not_fit() -> None:
    memory = HeadMemory(1_000_000, 512, 1024, 1, 1)
    assert advice(memory, 10**11) is None and advice(memory, None) is None
    told = advice(memory, 8 * 10**9)
    assert told is not None and told.startswith("the head needs 10.2 GB of the 8.0 GB that are left")
    for words, size in memory.smaller().items():
        assert words in told and size < memory.on_device()
    assert memory.smaller()["head.sample_rate=0.1 head.offload=true"] < 0.1 * memory.on_device()
