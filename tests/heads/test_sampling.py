"""Which classes a step looks at."""

import pytest
import torch

from mfn.errors import ConfigError
from mfn.heads.arcface import ArcFaceHead
from mfn.heads.part import Part, held_by
from mfn.heads.sampling import chosen_classes, drawn_classes, taken_rows


@pytest.mark.parametrize(("total", "rate"), [(2, 0.1), (7, 0.5), (100, 0.1), (1001, 0.3), (50, 1.0)])
def test_every_class_is_as_likely_as_any_other(total: int, rate: float) -> None:
    torch.manual_seed(0)
    draws = [drawn_classes(total, rate) for _ in range(4000)]
    count = max(1, round(rate * total))
    assert all(len(draw) == count == len(draw.unique()) for draw in draws)
    share = torch.bincount(torch.cat(draws), minlength=total) / len(draws)
    assert (share - count / total).abs().max() < 5 * (count / total / len(draws)) ** 0.5 + 1e-9


def test_any_two_classes_meet() -> None:
    torch.manual_seed(0)
    met = torch.zeros(20, 20, dtype=torch.bool)
    for _ in range(4000):
        draw = drawn_classes(20, 0.25)
        met[draw[:, None], draw] = True
    assert met.all()


def test_targets_take_part_and_processes_share_one_choice() -> None:
    labels = torch.tensor([3, 99, 99, 50])
    parts = [Part(100, rank, 3) for rank in range(3)]
    assert [part.first for part in parts] + [parts[-1].end] == [0, 33, 66, 100]
    chosen = []
    for part in parts:
        torch.manual_seed(4)
        chosen.append(chosen_classes(labels, part.first, part.end, 100, 0.1) + part.first)
    torch.manual_seed(4)
    assert torch.cat(chosen).equal(chosen_classes(labels, 0, 100, 100, 0.1))
    assert {3, 50, 99} <= set(torch.cat(chosen).tolist())


def test_gradients_have_the_rows_alone() -> None:
    table = torch.randn(1_000_000, 4, requires_grad=True)
    rows = torch.tensor([5, 999_999])
    (taken_rows(table, rows) * 2).sum().backward()
    gradient = table.grad
    assert gradient is not None and gradient.is_sparse and gradient._values().shape == (2, 4)
    assert gradient.coalesce().indices()[0].equal(rows) and gradient.coalesce().values().unique().tolist() == [2.0]


def test_sampling_ends_with_training_and_can_leave_out_no_target() -> None:
    torch.manual_seed(0)
    head, everything = ArcFaceHead(8, 500, sample_rate=0.01), ArcFaceHead(8, 500)
    everything.load_state_dict(head.state_dict())
    embeddings, labels = torch.randn(20, 8), torch.arange(20) * 7
    sampled = head(embeddings, labels)
    assert sampled.loss < everything(embeddings, labels).loss  # fewer others in the denominator
    assert sampled.target_cosine.equal(everything(embeddings, labels).target_cosine)
    head.eval()
    torch.testing.assert_close(head(embeddings, labels), everything(embeddings, labels))


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.5])
def test_a_share_beyond_its_range_is_refused(rate: float) -> None:
    with pytest.raises(ConfigError, match=r"head\.sample_rate must be between"):
        ArcFaceHead(8, 10, sample_rate=rate)


def test_more_processes_than_classes_are_refused() -> None:
    with held_by(0, 3), pytest.raises(ConfigError, match="3 processes are too many to share 2 classes"):
        ArcFaceHead(8, 2)


def test_offloaded_centres_stay_where_they_are() -> None:
    head = ArcFaceHead(8, 10, offload=True).to("meta")
    assert head.weight.device.type == "cpu"
    assert ArcFaceHead(8, 10).to("meta").weight.device.type == "meta"


def test_the_centres_of_the_parts_are_those_of_one_head(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mfn.heads.head._BLOCK", 4)
    torch.manual_seed(0)
    whole = ArcFaceHead(3, 11, sub_centres=2).weight
    parts = []
    for rank in range(3):
        torch.manual_seed(0)
        with held_by(rank, 3):
            parts.append(ArcFaceHead(3, 11, sub_centres=2).weight)
    assert torch.cat(parts).equal(whole)
