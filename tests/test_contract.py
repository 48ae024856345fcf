import numpy as np
import pytest
import torch

from mfn.contract import ARCFACE_112, InputContract
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
    contract = InputContract(color="BGR", threshold=0.31, threshold_far=1e-3)
    assert InputContract.from_dict(contract.to_dict()) == contract
    with pytest.raises(CheckpointError, match="colour"):
        InputContract.from_dict(contract.to_dict() | {"colour": "RGB"})


def test_template_of_the_96_column_crop_is_the_112_one_without_8_columns_on_each_side() -> None:
    template = np.array(InputContract.for_size(112, 96).template)
    np.testing.assert_allclose(template, np.array(ARCFACE_112) - [8, 0])
    half = np.array(InputContract.for_size(56, 56).template)
    np.testing.assert_allclose(half, np.array(ARCFACE_112) / 2)


def test_differences_name_conventions_but_no_thresholds() -> None:
    assert InputContract(threshold=0.3).differences(InputContract()) == []
    (phrase,) = InputContract(std=(128.0,) * 3).differences(InputContract())
    assert phrase.startswith("std (128.0")


@pytest.mark.parametrize("wrong", [{"color": "GBR"}, {"std": (0.0, 1.0, 1.0)}, {"height": 0}, {"template": ()}])
def test_nonsense_is_refused(wrong: dict) -> None:
    with pytest.raises(ConfigError):
        InputContract(**wrong)
