from typing import Any

import numpy as np
import pytest

from mfn.packs.tfrecords.example import Example, ExampleError
from tests.packs.tfrecords.tfrecords import Features, example


def values(data: bytes) -> dict[str, list[Any]]:
    parsed = Example(data)
    return {name: [bytes(x) if isinstance(x, memoryview) else x for x in parsed[name]] for name in parsed.names}


def test_features_of_another_writer() -> None:
    features: Features = {
        "label": [2**40],
        "numbers": [0, -1, 127, 128, 2**63 - 1, -(2**63)],
        "image_raw": [bytes(range(256)) * 300],
        "texts": [b"a", b"", "ü".encode()],
        "floats": [0.5, -2.0, 1e30],
    }
    found = values(example(features))
    assert found.pop("floats") == np.float32(features.pop("floats")).tolist()
    assert found == features


def message_with(feature: bytes, before: bytes = b"") -> bytes:
    """An Example with one feature named x, by hand; all lengths fit one byte."""
    entry = bytes([0x0A, 1]) + b"x" + bytes([0x12, len(feature)]) + feature
    features = bytes([0x0A, len(entry)]) + entry
    return before + bytes([0x0A, len(features)]) + features


def test_numbers_that_are_not_packed() -> None:
    assert values(message_with(bytes([0x1A, 5, 0x08, 0xAC, 0x02, 0x08, 7]))) == {"x": [300, 7]}
    assert values(message_with(bytes([0x12, 5, 0x0D]) + np.float32(1.5).tobytes())) == {"x": [1.5]}


def test_unknown_fields_are_passed_over() -> None:
    unknown = bytes([0x49]) + bytes(8) + bytes([0x50, 0x96, 0x01]) + bytes([0x5D]) + bytes(4)
    assert values(message_with(bytes([0x1A, 3, 0x0A, 1, 9]), before=unknown)) == {"x": [9]}


def test_what_is_not_there_is_empty() -> None:
    assert Example(example({"label": [1]}))["other"] == []
    assert Example(b"")["label"] == [] and not Example(b"").names


@pytest.mark.parametrize("end", [1, 5, -1])
def test_broken_off(end: int) -> None:
    data = example({"label": [5], "image_raw": [b"abc"]})
    with pytest.raises(ExampleError):
        values(data[:end])


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_an_error_and_no_crash(seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(example({"label": [5, 6, 7], "image_raw": [b"abc"], "f": [1.0, 2.0]}))
    for _ in range(500):
        noisy = bytearray(data)
        for place in rng.integers(0, len(data), 2):
            noisy[place] = rng.integers(256)
        try:
            values(bytes(noisy))
        except ExampleError as error:
            assert str(error)
