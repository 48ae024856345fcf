import inspect
from pathlib import Path

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf
from omegaconf.errors import MissingMandatoryValue

from mfn.data.datamodule import FaceDataModule
from tests.composing import CONF, composed
from tests.sources.files import jpeg, write_pack


def data_module(*overrides: str) -> FaceDataModule:
    return instantiate(composed(*overrides).data.module, _convert_="all")


def test_every_key_of_the_module_is_in_the_config() -> None:
    wired = OmegaConf.load(CONF / "data" / "base.yaml").module
    assert set(wired) - {"_target_"} == set(inspect.signature(FaceDataModule).parameters)


def test_pack(tmp_path: Path) -> None:
    write_pack(tmp_path, {0.0: 8, 5.0: 9, 6.0: 8})
    data = data_module(
        "data=ms1m",
        f"data.root={tmp_path}",
        "data.batch_size=4",
        "image_size=[20,16]",
        "fit=resize",
        "data.val_identities=0",
    )
    data.setup()
    assert data.label_map.tolist() == [0, 5, 6]
    assert next(iter(data.train_dataloader())).images.shape == (4, 20, 16, 3)


def test_folders(tmp_path: Path) -> None:
    for person in "abc":
        (tmp_path / person).mkdir()
        for number in range(4):
            (tmp_path / person / f"{number}.jpg").write_bytes(jpeg(number))
    data = data_module(
        "data=folder", f"data.root={tmp_path}", "data.val_identities=0", "augment=none", "image_size=[16,16]"
    )
    data.setup()
    assert data.num_images == 12 and data.augment is not None and data.augment.transforms == []


def test_synthetic_faces() -> None:
    data = data_module("data=synthetic", "seed=3")
    data.setup()
    assert data.source.name == "synthetic" and data.seed == 3
    assert "held_out" in data.verification_sets


@pytest.mark.parametrize("name", ["ms1m", "folder"])
def test_root_must_be_given(name: str) -> None:
    with pytest.raises(Exception, match="root") as caught:
        data_module(f"data={name}")
    assert isinstance(caught.value, MissingMandatoryValue) or "Missing mandatory value" in str(caught.value)
