"""Softmax first, ArcFace later, over the same centres."""

import copy
from functools import partial

import torch
from torch import Tensor

from mfn.heads.arcface import ArcFaceHead
from mfn.heads.softmax import SoftmaxHead
from mfn.heads.staged import StagedHead

D, C = 8, 5


def staged() -> StagedHead:
    return StagedHead(D, C, SoftmaxHead, partial(ArcFaceHead, warmup_length=10))


def batch() -> tuple[Tensor, Tensor]:
    return torch.randn(4, D, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 4])


def test_delegates_to_the_first_head_then_to_the_second() -> None:
    head, data = staged(), batch()
    assert head(*data).loss == head.first(*data).loss
    head.advance()
    assert head(*data).loss == head.second(*data).loss


def test_both_heads_share_the_class_centres_also_after_a_copy() -> None:
    for head in (staged(), copy.deepcopy(staged()), staged().double()):
        assert head.second.weight is head.first.weight
        assert len(list(head.parameters())) == 2  # centres and the bias of softmax


def test_steps_of_the_second_head_count_from_the_change() -> None:
    head = staged()
    head.at_step(1000, total_steps=2000)
    head.advance()
    assert head.second.step == 0
    head.at_step(1005, total_steps=2000)
    assert (head.second.step, head.second.total_steps) == (5, 1000)
    head.advance()
    assert head.advanced_at == 1000


def test_the_state_dict_brings_back_stage_and_centres() -> None:
    head, restored = staged(), staged()
    head.at_step(7)
    head.advance()
    restored.load_state_dict(head.state_dict())
    for each in (head, restored):
        each.at_step(12)
    assert restored.current is restored.second
    assert restored(*batch()).loss == head(*batch()).loss

    restored.load_state_dict(staged().state_dict())
    assert restored.current is restored.first


def test_the_bias_gets_no_gradient_in_the_second_stage() -> None:
    head = staged()
    head.advance()
    head(*batch()).loss.backward()
    assert head.first.bias.grad is None
    assert head.weight.grad is not None
