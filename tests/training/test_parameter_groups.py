import pytest
from torch import nn

from mfn.errors import ConfigError
from mfn.models.mobilefacenet import MobileFaceNet
from mfn.training.parameter_groups import group_rows, parameter_groups


def groups_of(backbone: nn.Module, head: nn.Module, **changes: float) -> dict[str, dict]:
    settings = {"weight_decay": 4e-5, "last_weight_decay": 4e-4, "lr": 0.1} | changes
    return {group["name"]: group for group in parameter_groups(backbone, head, **settings)}


def test_every_parameter_is_in_exactly_one_group() -> None:
    backbone, head = MobileFaceNet(), nn.Linear(128, 10)
    groups = groups_of(backbone, head)
    members = [id(p) for group in groups.values() for p in group["params"]]
    assert sorted(members) == sorted(id(p) for p in [*backbone.parameters(), *head.parameters()])


def test_the_papers_decay_on_the_right_layers() -> None:
    backbone, head = MobileFaceNet(), nn.Linear(128, 10)
    groups = groups_of(backbone, head)
    assert {name: group["weight_decay"] for name, group in groups.items()} == {
        "backbone": 4e-5,
        "last layer": 4e-4,
        "norm, PReLU, bias": 0,
        "head": 4e-4,
        "head bias": 0,
    }
    assert all(p.dim() == 4 for p in groups["backbone"]["params"])
    assert all(p.dim() == 1 for p in groups["norm, PReLU, bias"]["params"])
    (last,) = groups["last layer"]["params"]
    assert last is backbone.output.embed.conv.weight
    (centres,) = groups["head"]["params"]
    assert centres is head.weight


def test_head_may_learn_faster_and_frozen_parts_are_left_out() -> None:
    backbone, head = MobileFaceNet(), nn.Linear(128, 10, bias=False)
    backbone.features.requires_grad_(False)
    groups = groups_of(backbone, head, head_lr_factor=10)
    assert groups["head"]["lr"] == 1.0
    assert groups["last layer"]["lr"] == 0.1
    assert "head bias" not in groups
    assert [row["group"] for row in group_rows(list(groups.values()))] == list(groups)
    assert sum(len(group["params"]) for group in groups.values()) == 2 + 1 + 4


def test_negative_numbers_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"optimizer\.lr"):
        groups_of(MobileFaceNet(), nn.Linear(128, 10), lr=-0.1)
