"""conf/head: every file makes its head, and states every key with the constructor's default."""

import inspect
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf

from mfn.heads.base import MarginHead, MarginOptions
from mfn.heads.head import Head
from mfn.heads.staged import StagedHead

CONF = Path(__file__).resolve().parents[2] / "conf"
NAMES = sorted(path.stem for path in (CONF / "head").glob("*.yaml"))


def load(name: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base=None):
        return compose(config_name=f"head/{name}").head


def defaults(head: type) -> dict[str, Any]:
    parameters = dict(inspect.signature(head).parameters)
    if options := parameters.pop("options", None):
        (known,) = get_args(options.annotation)
        base = inspect.signature(MarginHead if known is MarginOptions else Head).parameters
        parameters |= {name: base[name] for name in known.__annotations__}
    return {n: p.default for n, p in parameters.items() if n not in ("embedding_dim", "num_classes")}


PAIRS = ("contrastive", "triplet")
WITHOUT_CENTRES = {*PAIRS, "none"}
DIFFERENT = {
    "elasticface_cos": ("kind", "margin"),
    "mv_arc": ("kind", "margin"),
    "sphereface_r": ("straight_through",),
    "subcentre_arcface": ("sub_centres",),
}
"""What a file of a class that has several says otherwise than the class."""


@pytest.mark.parametrize("name", sorted(set(NAMES) - WITHOUT_CENTRES))
def test_makes_a_head_that_trains(name: str) -> None:
    head = instantiate(load(name), _convert_="all", embedding_dim=8, num_classes=5)
    head.at_step(0, 100)
    head(torch.randn(3, 8), torch.tensor([0, 4, 2])).loss.backward()
    assert head.weight.shape == (15 if name.startswith("subcentre") else 5, 8)
    assert head.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("name", PAIRS)
def test_losses_of_pairs_train_the_embeddings(name: str) -> None:
    pytest.importorskip("pytorch_metric_learning", reason="an optional package")
    torch.manual_seed(0)
    head = instantiate(load(name), _convert_="all", embedding_dim=8, num_classes=5)
    head.at_step(0, 100)
    labels = torch.arange(8) // 2
    embeddings = torch.randn(8, 8, requires_grad=True)
    optimiser = torch.optim.Adam([embeddings], lr=0.05)
    before = head(embeddings, labels)
    for _ in range(50):
        optimiser.zero_grad()
        head(embeddings, labels).loss.backward()
        optimiser.step()
    after = head(embeddings, labels)
    assert after.loss < before.loss and after.target_cosine.mean() > before.target_cosine.mean()
    assert after.predicted.equal(labels)
    alone = head(embeddings[::2].detach().requires_grad_(), labels[::2])  # nobody twice
    alone.loss.backward()
    assert alone.loss.isfinite() and alone.target_cosine.tolist() == [0.0] * 4


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"softmax_then_arcface", *PAIRS}))
def test_states_every_key_with_its_default(name: str) -> None:
    config = OmegaConf.to_container(load(name))
    assert isinstance(config, dict)
    expected = {"_target_": config["_target_"], **defaults(get_class(config["_target_"]))}
    own = {key: config[key] for key in DIFFERENT.get(name, ())}
    assert all(expected[key] != value for key, value in own.items())
    assert config == expected | own


def test_options_of_both_stages_can_be_set() -> None:
    with initialize_config_dir(str(CONF), version_base=None):
        config = compose("head/softmax_then_arcface", ["head.second.margin=0.3"]).head
    head = instantiate(config, _convert_="all", embedding_dim=8, num_classes=5)
    assert isinstance(head, StagedHead)
    assert head.second.margin == 0.3
