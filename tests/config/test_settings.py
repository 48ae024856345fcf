"""Values by type and range, told by their key before data is read."""

import pytest

from mfn.config import compose
from mfn.config.settings import checked
from mfn.config.train import TrainSettings
from mfn.errors import ConfigError
from mfn.training.checking import check
from tests.composing import composed


@pytest.mark.parametrize(
    "override",
    [
        "seed=-1", "seed=abc", "seed=4294967296", "seed=1.5", "image_size=160", "image_size=[112]", "image_size=[4,4]",
        "image_size=[112,abc]", "trainer.max_epochs=abc", "trainer.max_epochs=0", "trainer.max_epochs=-2",
        "trainer.max_steps=0", "trainer.val_check_interval=0", "trainer.val_check_interval=1.5",
        "trainer.val_check_interval=-3", "trainer.limit_train_batches=0", "trainer.limit_train_batches=1.5",
        "trainer.accumulate_grad_batches=0", "trainer.gradient_clip_val=0", "trainer.gradient_clip_val=nan",
        "trainer.log_every_n_steps=0", "trainer.check_val_every_n_epoch=0", "norm_penalty=-1", "norm_penalty=abc",
        "norm_penalty=nan", "channels_last=banana", "compile=maybe", "keep_freed_memory=7", "last_weight_decay=-1",
        "head_lr_factor=-1", "contract.color=GRB", "contract.std=[0,1,1]", "contract.std=[1]", "contract.mean=abc",
        "mode=sideways", "fit=squash", "fit=null", "check_alignment=maybe",
        "metric=", "data.batch_size=0", "data.batch_size=abc", "data.eval_batch_size=0",
        "data.num_workers=-1", "data.shuffle=perhaps", "data.multiprocessing_context=thread", "data.min_images=0",
        "data.max_images=0", "data.val_fraction=1", "data.val_identities=-0.1", "data.val_pairs=3", "model_path=",
    ],
)  # fmt: skip
def test_a_value_that_makes_no_sense_is_told_with_its_key_and_what_to_give(override: str) -> None:
    key, _, value = override.partition("=")
    with pytest.raises(ConfigError) as error:
        checked(composed(override), TrainSettings)
    assert str(error.value).startswith(f"{key}={value}") or "nan" in value
    assert key in str(error.value) and " does not fit: give " in str(error.value)


@pytest.mark.parametrize("choice", ["ms1m", "folder", "tfrecord", "webdataset"])
@pytest.mark.parametrize("root", [None, "null", ""])
def test_a_root_is_asked_for(choice: str, root: str | None) -> None:
    with pytest.raises(ConfigError, match=r"data\.root(=null|=)? (must be given|does not fit)"):
        checked(composed(f"data={choice}", *([] if root is None else [f"data.root={root}"])), TrainSettings)


@pytest.mark.parametrize("text", ["no", "off", "false", "0", "yes", "on", "true", "1"])
def test_words_for_no_mean_no(text: str) -> None:
    value = text in ("yes", "on", "true", "1")
    config = checked(composed(f"data.shuffle={text}", f"channels_last={text}"), TrainSettings)
    assert (config.data.shuffle, config.channels_last) == (value, value)
    assert config.data.module.shuffle is value


def test_numbers_become_numbers_and_shares_stay_shares() -> None:
    config = checked(composed("seed=7.0", "trainer.limit_train_batches='3'", "norm_penalty=1"), TrainSettings)
    assert (config.seed, config.trainer.limit_train_batches, config.trainer.val_check_interval) == (7, 3, 1.0)
    assert [type(v) for v in (config.seed, config.trainer.limit_train_batches, config.trainer.val_check_interval)] == [
        int,
        int,
        float,
    ]


def test_the_default_configuration_is_left_as_it_is() -> None:
    assert checked(composed(), TrainSettings) == composed()


def test_validations_counted_in_batches_are_counted_over_epochs() -> None:
    assert check(composed("trainer.val_check_interval=5000")).trainer.check_val_every_n_epoch is None
    assert check(composed("trainer.val_check_interval=0.5")).trainer.check_val_every_n_epoch == 1
    with pytest.raises(ConfigError, match="is a share of an epoch, which needs"):
        check(composed("trainer.check_val_every_n_epoch=null"))


@pytest.mark.parametrize("group", ["callbacks", "logger"])
def test_groups_may_be_empty(group: str) -> None:
    assert not check(composed(f"{group}=[]"))[group]


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("head=null", "head=null chooses nothing: head is one of adacos, .*arcface, "),
        ("optimzer.lr=1", "there is no key optimzer: the configuration has .*optimizer"),
        ("data.sorce.root=x", r"there is no key data\.sorce: data has .*source"),
    ],
)
def test_what_does_not_exist_is_told_with_what_does(word: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        compose.composed("train", ["data=folder", "data.root=x", word])
