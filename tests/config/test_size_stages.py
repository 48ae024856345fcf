"""`data.size_schedule` as typed."""

import pytest
from omegaconf import DictConfig

from mfn.config.compose import composed
from mfn.errors import ConfigError
from mfn.training.assembly import sizes_of
from mfn.training.checking import check


def checked_with(*words: str) -> DictConfig:
    return check(composed("train", [*words, "paths.output=unused"], None))


@pytest.mark.parametrize(
    "typed",
    ["[64:0.5,96:0.8]", "[64: 0.5,96:0.8]", "'64:0.5,96:0.8'", "[[64,0.5],[96,0.8]]", "[64:0.5,96:0.8,112:1]"],
)
def test_stages_may_be_written_in_several_ways(typed: str) -> None:
    sizes = sizes_of(checked_with(f"data.size_schedule={typed}"))
    assert sizes.text() == "64x64 to 50 %, 96x96 to 80 % of the run, then 112x112"


def test_stages_no_smaller_than_the_image_are_of_its_size() -> None:
    config = checked_with("data.size_schedule=[64:0.5,96:0.8]", "image_size=[64,64]")
    assert sizes_of(config).text() == "64x64 all along"
    assert sizes_of(checked_with("data.size_schedule=null")).text() == "112x112 all along"


@pytest.mark.parametrize(
    "typed",
    [
        *("64", "true", "[]", "[64]", "[64:]", "[:0.5]", "[64:0.5:1]", "[a:0.5]", "[64:b]", "[[64,0.5,1]]", "[3840.5]"),
        *("[64:0]", "[64:1.5]", "[64:nan]", "[15:0.5]", "[64.5:0.5]", "[-64:0.5]", "[true:0.5]", "[[64,true]]"),
        *("[96:0.5,64:0.8]", "[64:0.5,96:0.5]", "[64:0.8,96:0.5]", "[64:0.5,64:0.8]"),
    ],
)
def test_stages_that_make_no_sense_are_told_before_data_is_read(typed: str) -> None:
    with pytest.raises(ConfigError, match=r"data.size_schedule=.* does not fit: give heights"):
        checked_with(f"data.size_schedule={typed}")


def test_a_run_must_end_at_its_own_size() -> None:
    with pytest.raises(ConfigError, match=r"ends at 64 pixels and image_size is 112x112.*add 112:1"):
        checked_with("data.size_schedule=[64:1]")
    checked_with("data.size_schedule=[64:1]", "image_size=[64,64]")


def test_a_network_of_one_size_alone_is_told_in_a_sentence() -> None:
    words = ("model=timm", "model.name=vit_tiny_patch16_224", "model.neck=pooled", "image_size=[32,32]")
    checked_with(*words)
    with pytest.raises(ConfigError, match=r"TimmBackbone takes images of 32x32 alone and not of 16x16") as told:
        checked_with(*words, "data.size_schedule=[16:0.5]")
    assert "set data.size_schedule=null, or another model" in str(told.value)


def test_beside_other_choices(tmp_path: object) -> None:
    words = ("data.size_schedule=[16:0.5]", "image_size=[32,32]", "model.width=0.25")
    with pytest.raises(ConfigError, match=r"distill=\[blocks\] compares .*set data.size_schedule=null"):
        checked_with(*words, "teacher=net.ckpt", "distill=[blocks]")
    for other in (("teacher=net.ckpt", "distill=[embedding]"), ("compile=true",), ("qat=true", "model_path=net.ckpt")):
        checked_with(*words, *other)
