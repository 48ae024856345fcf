"""Sentences that tell what to install."""

import shlex
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from mfn.about import install_command

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_command_names_our_distribution_and_the_extra(extra: str) -> None:
    program, verb, wanted = shlex.split(install_command(extra))
    assert (program, verb) == ("pip", "install")
    assert Requirement(wanted).name == PROJECT["name"] == "mobilefacenet" and Requirement(wanted).extras == {extra}


def test_packages_that_mfn_itself_needs_are_named_alone() -> None:
    assert shlex.split(install_command("", "onnx", "onnxruntime")) == [
        "pip",
        "install",
        "onnx>=1.17",
        "onnxruntime>=1.18",
    ]


def test_an_extra_or_a_package_that_does_not_exist_is_a_mistake_of_ours() -> None:
    for wrong in (["nothing"], ["", "nothing"], ["", "ncnn"]):
        with pytest.raises(KeyError):
            install_command(*wrong)


def test_no_message_installs_a_strangers_package() -> None:
    root = Path(__file__).parents[1]
    files = [*root.glob("mfn/**/*.py"), *root.glob("conf/**/*.yaml"), *root.glob("docs/**/*.md"), root / "README.md"]
    assert not [file for file in files if "install 'mfn" in file.read_text() or "install mfn" in file.read_text()]
