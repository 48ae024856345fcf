"""Every file of conf/detector is made into its detector, and names all of its arguments with their defaults."""

import inspect
from pathlib import Path

import pytest
from hydra.utils import get_class, instantiate
from omegaconf import OmegaConf

from mfn.errors import ConfigError

FILES = sorted((Path(__file__).parents[2] / "conf/detector").glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_keys_are_the_arguments_and_their_defaults(file: Path) -> None:
    config = OmegaConf.load(file)
    arguments = inspect.signature(get_class(config.pop("_target_"))).parameters
    keys = dict(OmegaConf.to_container(config))
    assert list(keys) == list(arguments)
    for key, value in keys.items():
        default = arguments[key].default
        assert value == ("???" if default is inspect.Parameter.empty else OmegaConf.create([default])[0])


def test_every_choice_is_made_into_its_detector(tmp_path: Path) -> None:
    assert [file.stem for file in FILES] == ["file", "mtcnn", "yunet"]
    landmarks, yunet = OmegaConf.load(FILES[0]), OmegaConf.load(FILES[2])
    assert instantiate(OmegaConf.load(FILES[1]), _convert_="all", min_face=64)([], []) == []
    for config, key in ((landmarks, "path"), (yunet, "model_path")):
        with pytest.raises(Exception, match=str(tmp_path)) as caught:
            instantiate(config, _convert_="all", **{key: str(tmp_path / "missing")})
        assert isinstance(caught.value.__cause__, ConfigError)
