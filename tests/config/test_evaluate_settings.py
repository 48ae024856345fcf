"""Every key of conf/evaluate.yaml: wrong types and ranges end in one sentence that names it."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from mfn.config.checked import checked
from mfn.config.evaluate import EvaluateSettings
from mfn.config.words import check_words
from mfn.errors import ConfigError
from mfn.judging import settings_of
from tests.composing import CONF, composed


def settings(*overrides: str) -> EvaluateSettings:
    return settings_of(composed("model_path=x", *overrides, config="evaluate"))


def test_the_defaults_are_right() -> None:
    assert settings().flip == "sum" and settings().bootstrap == 1000 and settings().benchmark.root is None


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("bootstrap=-1", "bootstrap=-1 must be at least 0"),
        ("bootstrap=abc", "bootstrap=abc must be a whole number"),
        ("bootstrap=1.5", "bootstrap=1.5 must be a whole number"),
        ("bootstrap=null", "bootstrap=null must be given"),
        ("bootstrap=99999999999", "bootstrap=99999999999 must be at most"),
        ("pca=0", "pca=0 must be at least 1"),
        ("pca=abc", "pca=abc must be a whole number"),
        ("batch_size=0", "batch_size=0 must be at least 1"),
        ("batch_size=true", "batch_size=True must be a whole number"),
        ("num_workers=-1", "num_workers=-1 must be at least 0"),
        ("num_workers=100000", "num_workers=100000 must be at most 1024"),
        ("probe_pairs=1", "probe_pairs=1 must be at least 4"),
        ("probe=yes", "probe=yes must be true or false"),
        ("flip=maybe", "flip=maybe must be one of none, sum, concat"),
        ("flip=null", "flip=null must be given"),
        ("score=x", "score=x must be one of cosine, euclidean, angle"),
        ("device=banana", "device=banana must be cpu, cuda"),
        ("device=null", "device=null must be given"),
        ("device=[cpu]", "device=.* must be text"),
        ("store_threshold=2", "store_threshold=2 must be less than 1"),
        ("store_threshold=0", "store_threshold=0 must be more than 0"),
        ("store_threshold=nan", "store_threshold=nan must be"),
        ("store_threshold=abc", "store_threshold=abc must be a number"),
        ("cache=", "cache= must not be empty"),
        ("cache=true", "cache=True must be a path"),
        ("model_path=", "model_path= must not be empty"),
        ("model_path=null", "model_path=null must be given"),
        ("model_path=1e3", "model_path=1000.0 must be a path"),
        ("ijb.keep_norm=maybe", "ijb.keep_norm=maybe must be true or false"),
        ("ijb.detector_weight=1", "ijb.detector_weight=1 must be true or false"),
        ("ijb.media_pooling=null", "ijb.media_pooling=null must be given"),
        ("ijb.cache=null", "ijb.cache=null must be given"),
        ("ijb=3", "ijb=3 must be a group of keys"),
        ("+ijb.more=1", "ijb.more=1 is no key of this command"),
        ("+more=1", "more=1 is no key of this command"),
        ("contract.color=GRB", "contract.color=GRB must be one of RGB, BGR"),
        ("contract.mean=[1,2]", "contract.mean=.* must be 3 numbers"),
        ("contract.mean=[1,2,x]", "contract.mean.2=x must be a number"),
        ("contract.mean=5", "contract.mean=5 "),
        ("contract.std=[0,1,1]", "contract.std=.* must be positive numbers"),
        ("benchmark.root=", "benchmark.root= must not be empty"),
        ("benchmark.root=1e3", "benchmark.root=1000.0 must be a path"),
        ("benchmark.root=[a]", "benchmark.root=.* must be a path"),
        ("benchmark.allow_missing=no", "benchmark.allow_missing=no must be true or false"),
    ],
)
def test_values_that_make_no_sense_are_told_by_their_key(override: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        settings(override)
    assert "\n" not in str(caught.value)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"pca=0 must .*; bootstrap=-1 must"):
        settings("bootstrap=-1", "pca=0")


@pytest.mark.parametrize(
    ("override", "get", "value"),
    [
        ("flip=true", lambda s: s.flip, "sum"),
        ("flip=false", lambda s: s.flip, "none"),
        ("benchmark.root=2024", lambda s: s.benchmark.root, "2024"),
        ("benchmark.root='caf\udce9'", lambda s: s.benchmark.root, "caf\udce9"),
        ("store_threshold=1e-3", lambda s: s.store_threshold, 1e-3),
        ("contract.mean=[0,127.5,1]", lambda s: s.contract.mean, [0, 127.5, 1]),
        ("'benchmark.root=\"1e3\"'", lambda s: s.benchmark.root, "1e3"),
        ("device=cuda:7", lambda s: s.device, "cuda:7"),
    ],
)
def test_values_that_make_sense_are_taken(override: str, get, value: object) -> None:
    assert get(settings(override.strip("'") if override.startswith("'") else override)) == value


def test_a_model_is_asked_for() -> None:
    with pytest.raises(ConfigError, match="model_path must be given"):
        settings_of(composed(config="evaluate"))


def test_broken_interpolations_are_told() -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        settings("benchmark.root=${nowhere}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["benchmark=lffw"], "Could not find 'benchmark/lffw' Available options in 'benchmark': agedb_30"),
        (["benchmark=[lfw,nothing]"], "Could not load 'benchmark/nothing'. There is agedb_30, calfw"),
        (["bencmark=lfw"], "bencmark"),
        (["benchmark.rot=x"], "benchmark.rot"),
        (["foo"], "foo"),
        ([""], "mismatched input"),
        (["benchmark.root=~/faces (2)"], "faces"),
    ],
)
def test_words_that_do_not_compose_end_in_one_sentence(words: list[str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_words("evaluate", words, CONF)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_words_that_compose_pass_and_flags_are_left_to_hydra() -> None:
    check_words("evaluate", ["benchmark=[lfw,cfp_fp]", "benchmark.root=x", "model_path=y"], CONF)
    check_words("evaluate", ["flip=none,sum", "model_path=y"], CONF)
    check_words("evaluate", ["--help", "nonsense"], CONF)


def test_every_key_of_the_file_has_a_type() -> None:
    keys = set(OmegaConf.load(Path(CONF) / "evaluate.yaml")) - {"defaults", "hydra"}
    assert keys == set(EvaluateSettings.model_fields)


def test_a_missing_key_is_told() -> None:
    plain = OmegaConf.to_container(composed("model_path=x", config="evaluate"), resolve=True)
    assert isinstance(plain, dict)
    del plain["score"]
    with pytest.raises(ConfigError, match="score is missing"):
        checked(EvaluateSettings, plain)  # type: ignore[arg-type]
