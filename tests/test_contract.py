import json

import numpy as np
import pytest
import torch

from mfn.contract import ARCFACE_112, InputContract, MeasuredScores
from mfn.errors import CheckpointError, ConfigError


def test_normalize_maps_pixels_to_the_stated_range_and_order() -> None:
    images = torch.zeros(1, 112, 112, 3, dtype=torch.uint8)
    images[..., 0] = 255
    network_input = InputContract().normalize(images)
    assert network_input.shape == (1, 3, 112, 112)
    assert network_input[0, :, 0, 0].tolist() == [1.0, -1.0, -1.0]
    swapped = InputContract(color="BGR", std=(128.0,) * 3).normalize(images)
    assert swapped[0, :, 0, 0].tolist() == [-127.5 / 128, -127.5 / 128, 127.5 / 128]


def test_normalize_refuses_other_sizes_and_types() -> None:
    with pytest.raises(ConfigError, match="uint8 RGB"):
        InputContract().normalize(torch.zeros(1, 3, 112, 112, dtype=torch.uint8))
    with pytest.raises(ConfigError, match="float32"):
        InputContract().normalize(torch.zeros(1, 112, 112, 3))


def test_survives_a_round_trip_through_plain_values() -> None:
    measured = MeasuredScores("lfw", "sum", 100, 50, ((0.5, -0.1), (0.01, 0.4)), ((0.5, 0.8), (0.02, 0.3)))
    contract = InputContract(color="BGR", threshold=0.31, threshold_far=1e-3, threshold_flip="sum", measured=measured)
    assert json.loads(json.dumps(contract.to_dict())) == contract.to_dict()
    assert InputContract.from_dict(contract.to_dict()) == contract


def test_files_of_older_and_newer_versions_are_read(caplog: pytest.LogCaptureFixture) -> None:
    plain = InputContract(threshold=0.31).to_dict()
    del plain["threshold_flip"], plain["measured"]
    assert InputContract.from_dict(plain).threshold_flip is None and not caplog.text
    assert InputContract.from_dict(plain | {"of_tomorrow": 1}) == InputContract(threshold=0.31)
    assert "'of_tomorrow' is unknown here" in caplog.text


def test_a_misspelt_field_is_a_missing_one() -> None:
    plain = InputContract().to_dict()
    plain["colour"] = plain.pop("color")
    with pytest.raises(CheckpointError, match="lacks color"):
        InputContract.from_dict(plain)


def test_template_of_the_96_column_crop_is_the_112_one_without_8_columns_on_each_side() -> None:
    template = np.array(InputContract.for_size(112, 96).template)
    np.testing.assert_allclose(template, np.array(ARCFACE_112) - [8, 0])
    half = np.array(InputContract.for_size(56, 56).template)
    np.testing.assert_allclose(half, np.array(ARCFACE_112) / 2)


def test_differences_name_conventions_but_no_thresholds() -> None:
    assert InputContract(threshold=0.3).differences(InputContract()) == []
    (phrase,) = InputContract(std=(128.0,) * 3).differences(InputContract())
    assert phrase.startswith("std (128.0")


NAN, INFINITY, HUGE = float("nan"), float("inf"), 10**400
DEEP: list = []
for _ in range(100_000):
    DEEP = [DEEP]
MEASURED = {"source": "lfw", "flip": "sum", "impostors": 10, "genuine": 5, "fmr": [[0.1, 0.5]], "fnmr": [[0.2, 0.6]]}
NONSENSE = {
    "height": [0, -1, 112.0, "112", None, True, HUGE, 10**6, NAN, [112]],
    "width": [0, 10**6, "x"],
    "color": [5, None, "GBR", ["RGB"], torch.ones(2)],
    "mean": [
        [1, 2],
        [1, 2, "3"],
        None,
        5,
        [NAN] * 3,
        [1e308] * 3,
        [HUGE] * 3,
        "127",
        {"a": 1},
        [[1, 2, 3]] * 3,
        [0.485] * 3,
    ],
    "std": [[0, 0, 0], [-1, 1, 1], [INFINITY] * 3, [1e-300] * 3, "x", [0.229] * 3],
    "template": [[], [[1, 2]] * 4, [[1, 2, 3]] * 5, [["a", "b"]] * 5, [1, 2, 3, 4, 5], None, [[1, NAN]] * 5, "abcde"],
    "embedding_dim": [0, 10**9, "128", None],
    "threshold": ["x", NAN, 5, [1], True],
    "threshold_far": ["x", -1, INFINITY],
    "threshold_flip": ["maybe", 5, ["sum"]],
    "measured": [
        *(5, "x", {}, [1]),
        *(
            MEASURED | {key: value}
            for key, value in (("impostors", 0), ("genuine", True), ("flip", "twice"), ("source", 5))
        ),
        *(MEASURED | {"fmr": points} for points in ([], "ab", None, 5, [[1]], [[0.5, "x"]], [[0, 0.5]], [[2, 0.5]])),
        *(MEASURED | {"fmr": points} for points in ([[0.1, NAN]], [[0.1, 0.5], [0.2, 0.6]], [[0.2, 0.5], [0.1, 0.4]])),
        MEASURED | {"fmr": [[1 / (n + 1), 0.5] for n in range(5000)]},
    ],
}


@pytest.mark.parametrize(
    ("field", "value"), [(name, value) for name, values in NONSENSE.items() for value in [*values, DEEP]]
)
def test_nonsense_is_refused_in_one_sentence(field: str, value: object) -> None:
    with pytest.raises(CheckpointError, match=f"contract.{field} must be") as told:
        InputContract.from_dict(InputContract().to_dict() | {field: value})
    assert len(str(told.value)) < 300 and "\n" not in str(told.value)
    with pytest.raises(ConfigError):
        InputContract(**{field: value})


@pytest.mark.parametrize("plain", [None, 5, [1], "RGB", {}])
def test_what_is_no_contract_is_told(plain: object) -> None:
    with pytest.raises(CheckpointError, match="input contract"):
        InputContract.from_dict(plain)
