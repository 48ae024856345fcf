"""Every key of conf/evaluate.yaml: wrong types and ranges end in one sentence that names it."""

import pytest
from omegaconf import OmegaConf

from mfn.config.evaluate import EvaluateSettings
from mfn.config.settings import settings
from mfn.errors import ConfigError
from tests.composing import CONF, composed


def judged_with(*overrides: str) -> EvaluateSettings:
    return settings(composed("model_path=x", *overrides, config="evaluate"), EvaluateSettings)


def test_the_defaults_are_right() -> None:
    assert judged_with().flip == "sum" and judged_with().bootstrap == 1000 and judged_with().benchmark.root is None


@pytest.mark.parametrize(
    "override",
    [
        "bootstrap=-1", "bootstrap=abc", "bootstrap=1.5", "bootstrap=null", "bootstrap=99999999999", "pca=0", "pca=abc",
        "batch_size=0", "batch_size=true", "num_workers=-1", "num_workers=100000", "check_contract_pairs=1",
        "check_contract=maybe",
        "flip=maybe", "flip=null", "score=x", "device=banana", "device=null", "device=[cpu]", "store_threshold=2",
        "store_threshold=0", "store_threshold=nan", "store_threshold=abc", "store_threshold=true", "cache=",
        "cache=true", "model_path=", "model_path=null", "ijb.keep_norm=maybe", "ijb.detector_weight=7",
        "ijb.media_pooling=null", "ijb.cache=null", "fit=squash", "check_alignment=maybe",
        "contract.color=GRB", "contract.mean=[1,2]", "contract.mean=[1,2,x]", "contract.mean=5",
        "contract.std=[0,1,1]", "benchmark.root=", "benchmark.root=[a]", "benchmark.allow_missing=7",
    ],
)  # fmt: skip
def test_values_that_make_no_sense_are_told_by_their_key(override: str) -> None:
    key, _, value = override.partition("=")
    with pytest.raises(ConfigError, match=f"{key}=.* does not fit: give ") as caught:
        judged_with(override)
    assert f"{key}={value}" in str(caught.value) and "\n" not in str(caught.value)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"pca=0 does not fit.*; bootstrap=-1 does not fit.*; nothing goes by more"):
        judged_with("bootstrap=-1", "pca=0", "+more=1")


@pytest.mark.parametrize("override", ["+more=1", "+ijb.more=1", "+contract.size=3", "+paths.x.y=1"])
def test_a_key_that_nothing_reads_is_told(override: str) -> None:
    with pytest.raises(ConfigError, match=f"nothing goes by {override[1:].partition('=')[0]}"):
        judged_with(override)


@pytest.mark.parametrize(
    ("override", "get", "value"),
    [
        ("flip=true", lambda s: s.flip, "sum"),
        ("flip=false", lambda s: s.flip, "none"),
        ("benchmark.root='caf\udce9'", lambda s: s.benchmark.root, "caf\udce9"),
        ("store_threshold=1e-3", lambda s: s.store_threshold, 1e-3),
        ("contract.mean=[0,127.5,1]", lambda s: s.contract.mean, (0, 127.5, 1)),
        ("check_contract=yes", lambda s: s.check_contract, True),
        ("device=cuda:7", lambda s: s.device, "cuda:7"),
    ],
)
def test_values_that_make_sense_are_taken(override: str, get, value: object) -> None:
    assert get(judged_with(override)) == value


def test_a_model_is_asked_for() -> None:
    with pytest.raises(ConfigError, match="model_path must be given: the network file to judge"):
        settings(composed(config="evaluate"), EvaluateSettings)


def test_broken_interpolations_are_told() -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        judged_with("benchmark.root=${nowhere}")


def test_every_key_of_the_file_has_a_type() -> None:
    keys = set(OmegaConf.load(CONF / "evaluate.yaml")) - {"defaults", "hydra"}
    assert keys == set(EvaluateSettings.model_fields)
