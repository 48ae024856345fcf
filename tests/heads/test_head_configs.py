"""conf/head: every file makes its head, and states every key with the constructor's default."""

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf

from mfn.heads.base import MarginHead
from mfn.heads.staged import StagedHead

CONF = Path(__file__).resolve().parents[2] / "conf"
NAMES = sorted(path.stem for path in (CONF / "head").glob("*.yaml"))


def load(name: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base=None):
        return compose(config_name=f"head/{name}").head


def defaults(head: type) -> dict[str, Any]:
    parameters = dict(inspect.signature(head).parameters)
    if parameters.pop("options", None):
        parameters = {**inspect.signature(MarginHead).parameters, **parameters}
    return {n: p.default for n, p in parameters.items() if n not in ("embedding_dim", "num_classes")}


@pytest.mark.parametrize("name", NAMES)
def test_makes_a_head_that_trains(name: str) -> None:
    head = instantiate(load(name), _convert_="all", embedding_dim=8, num_classes=5)
    head.at_step(0, 100)
    head(torch.randn(3, 8), torch.tensor([0, 4, 2])).loss.backward()
    assert head.weight.shape == (5, 8)
    assert head.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("name", [name for name in NAMES if name != "softmax_then_arcface"])
def test_states_every_key_with_its_default(name: str) -> None:
    config = OmegaConf.to_container(load(name))
    assert isinstance(config, dict)
    assert config == {"_target_": config["_target_"], **defaults(get_class(config["_target_"]))}


def test_options_of_both_stages_can_be_set() -> None:
    with initialize_config_dir(str(CONF), version_base=None):
        config = compose("head/softmax_then_arcface", ["head.second.margin=0.3"]).head
    head = instantiate(config, _convert_="all", embedding_dim=8, num_classes=5)
    assert isinstance(head, StagedHead)
    assert head.second.margin == 0.3
