"""Threads and providers of ONNX Runtime, by key."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from mfn.errors import ConfigError
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.onnx_network import PROVIDERS
from tests.recognition.made_people import crop_of, network_file
from tests.small_run import save_small_checkpoint


def test_an_onnx_file_takes_threads_and_a_provider(tmp_path: Path) -> None:
    file = network_file(tmp_path)
    plain = FaceEmbedder.load(file)(crop_of(1)[None])
    np.testing.assert_allclose(FaceEmbedder.load(file, threads=1, provider="cpu")(crop_of(1)[None]), plain, atol=1e-6)


@pytest.mark.parametrize("provider", [*PROVIDERS, "abacus"])
def test_a_provider_that_is_not_here_is_told_with_those_that_are(tmp_path: Path, provider: str) -> None:
    file = network_file(tmp_path)
    if PROVIDERS.get(provider) in onnxruntime.get_available_providers():
        assert FaceEmbedder.load(file, provider=provider)(crop_of(1)[None]).shape == (1, 48)
    else:
        with pytest.raises(ConfigError, match=r"cpu"):
            FaceEmbedder.load(file, provider=provider)


@pytest.mark.parametrize("words", [{"threads": 2}, {"provider": "cpu"}])
def test_other_files_take_neither(tmp_path: Path, words: dict) -> None:
    with pytest.raises(ConfigError, match="for ONNX files only"):
        FaceEmbedder.load(save_small_checkpoint(tmp_path), **words)


def test_nothing_is_told_to_anybody_and_no_number_left(tmp_path: Path) -> None:
    """ONNX Runtime's telemetry would write among temporary files and into the cache of the user."""
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    places = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME"), str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    code = f"import mfn; mfn.FaceEmbedder.load({str(network_file(tmp_path))!r})"
    subprocess.run([sys.executable, "-c", code], env=environment | places, check=True, timeout=200)
    left = [path.name for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert not [name for name in left if name == ".ses" or "device" in name.casefold()], left
