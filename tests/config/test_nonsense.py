"""Values of another type: each ends a command in one sentence, before anything is read."""

import copy
import math
from collections.abc import Iterator
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from mfn.config.build import check_values
from mfn.config.compose import composed
from mfn.config.evaluate import EvaluateSettings
from mfn.config.export import ExportSettings
from mfn.config.prepare import PrepareSettings
from mfn.config.settings import settings
from mfn.errors import MfnError
from mfn.training.checking import check

pytestmark = pytest.mark.slow

PLACES = ("benchmark.root=x", "paths.output=unused")
COMMANDS = {
    "train": ("data=folder", "data.root=x", "benchmark=lfw", "callbacks=[default,ema,early_stopping,series]", *PLACES),
    "evaluate": ("model_path=x", "benchmark=[lfw,pairs,identification,ijbc,tinyface,megaface]", *PLACES),
    "export": ("model_path=x", "target=[onnx,safetensors]", "benchmark=lfw", *PLACES),
    "prepare": ("source.root=x", "output=unused"),
}
WIRES = ("data.module.source", "data.module.validation", "data.module.verification")
"""Given as objects by the command, whatever the configuration says."""
TOLD_LATER = ("trainer.devices", "photos.detector")
"""Told before data is read, but not here: Lightning knows which devices there are, and `align` which keys there are."""


def keys_of(node: DictConfig, prefix: str = "") -> Iterator[str]:
    """Every key that holds no further keys."""
    plain: Any = OmegaConf.to_container(node)
    for name, value in plain.items():
        if str(name).startswith("_"):
            continue
        if isinstance(value, dict) and value:
            yield from keys_of(node[name], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def look_at(command: str, config: DictConfig) -> None:
    """What a command does first."""
    if command == "train":
        check(config)
        return
    declared = {"evaluate": EvaluateSettings, "export": ExportSettings, "prepare": PrepareSettings}[command]
    settings(config, declared)
    groups = {
        "evaluate": ["benchmark"],
        "export": ["benchmark", "limits"],
        "prepare": ["source", "detector", "balance"],
    }
    for group in groups[command]:
        check_values(config[group])
    for target in config.target.values() if command == "export" else ():
        if isinstance(target, DictConfig):
            check_values(target)


@pytest.mark.parametrize("nonsense", [{"a": 1}, [[1], [2]], math.nan], ids=str)
@pytest.mark.parametrize("command", COMMANDS)
def test_no_key_takes_a_value_of_another_type(command: str, nonsense: object) -> None:
    usual = composed(command, COMMANDS[command])
    look_at(command, copy.deepcopy(usual))
    taken = []
    for key in keys_of(usual):
        if key in (*WIRES, *TOLD_LATER):
            continue
        config = copy.deepcopy(usual)  # composing it with the wrong word comes to the same and takes ten times as long
        OmegaConf.update(config, key, nonsense, merge=False)
        try:
            look_at(command, config)
        except MfnError as error:
            assert "\n" not in str(error) and str(error), key
        else:
            taken.append(key)
    assert not taken


@pytest.mark.parametrize(
    ("chosen", "key"),
    [
        ("cosine", "final"),
        ("multistep", "gamma"),
        ("polynomial", "power"),
        ("staircase", "every"),
        ("plateau", "patience"),
        ("plateau", "factor"),
    ],
)
def test_no_number_of_a_schedule_is_negative(chosen: str, key: str) -> None:
    words = ["data=synthetic", f"scheduler={chosen}", "paths.output=unused"]
    check(composed("train", words))
    with pytest.raises(MfnError, match=rf"scheduler\.{key}=-7 does not fit: input should be greater than"):
        check(composed("train", [*words, f"scheduler.{key}=-7"]))
