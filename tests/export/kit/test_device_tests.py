"""Tests for phones that come with a kit: of the right file, whole, and with the numbers of its golden input."""

import re
from pathlib import Path

import numpy as np
import pytest

from mfn.export.kit.board import write_kit
from mfn.export.target import Description
from tests.export.networks import small_deployable

KINDS = {".mlpackage": "GoldenTest.swift", ".pte": "GoldenTest.kt"}
WORDS = {
    (".mlpackage", "float32"): ["MLMultiArray(shape: [1, 3, 32, 32]", 'forResource: "my face"'],
    (".mlpackage", "uint8"): ['inputDescriptionsByName["image"]?.imageConstraint', '"images/\\(index).png"'],
    (".pte", "float32"): ['floats(asset("golden/input.bin"))', "Tensor.fromBlob(one, longArrayOf(1, 3, 32, 32))"],
    (".pte", "uint8"): ['known.bin")), asset("golden/input.bin"))', "Tensor.fromBlobUnsigned(one"],
}


@pytest.mark.parametrize(("suffix", "kind"), WORDS)
def test_a_kit_for_a_phone_has_its_test(suffix: str, kind: str, tmp_path: Path) -> None:
    deployable = small_deployable(input=kind)
    kit = write_kit(tmp_path / f"my face{suffix}", suffix, Description("1", batch="1"), deployable, None, None, 1)
    text = (kit / KINDS[suffix]).read_text(encoding="utf-8")
    assert all(words in text for words in (f"my face{suffix}", *WORDS[suffix, kind])) and "$" not in text
    assert all(text.count(one) == text.count(other) for one, other in ("{}", "()", "[]"))
    assert f"`{KINDS[suffix]}`" in (kit / "README.md").read_text(encoding="utf-8")
    values = np.fromfile(kit / "golden" / "input.bin", np.uint8 if kind == "uint8" else "<f4")
    assert len(values) == 3 * 32 * 32 * len(list((kit / "golden" / "images").iterdir()))
    called = {*re.findall(r"(?<![.\w])(floats|diagnosis)\(", text)} if suffix == ".pte" else set()
    assert all(f"fun {name}(" in (kit / "Check.kt").read_text(encoding="utf-8") for name in called)
    assert {KINDS[suffix]} == {*KINDS.values()} & {path.name for path in kit.iterdir()}


def test_other_kits_have_none(tmp_path: Path) -> None:
    kit = write_kit(tmp_path / "net.tflite", ".tflite", Description("1"), small_deployable(), None, None, 1)
    assert not {*KINDS.values()} & {path.name for path in kit.iterdir()}
