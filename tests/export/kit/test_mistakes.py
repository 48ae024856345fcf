"""What a network sees when one thing is done wrong."""

import dataclasses

import numpy as np
import pytest
import torch

from mfn.contract import InputContract
from mfn.export.kit.mistakes import MISTAKES, RIGHT, wrong_inputs
from tests.export.kit.planting import planted
from tests.export.networks import CONTRACT, faces

IMAGENET = {"mean": (123.7, 116.3, 103.5), "std": (58.4, 57.1, 57.4)}


def made(contract: InputContract, *, takes_pixels: bool = False, **how: bool) -> dict[str, torch.Tensor]:
    pixels = contract.arrange(torch.from_numpy(faces(3))).contiguous()
    return wrong_inputs(pixels, contract, takes_pixels=takes_pixels, **{"rows_last": False, **how})


@pytest.mark.parametrize("rows_last", [False, True])
def test_each_mistake_is_what_a_board_would_do(rows_last: bool) -> None:
    found = made(CONTRACT, rows_last=rows_last)
    assert list(found) == [name for name in MISTAKES if name not in ("signed_pixels", "wrong_sign")]
    for name, values in found.items():
        np.testing.assert_allclose(values, planted(faces(3), CONTRACT, name, rows_last), atol=1e-5, err_msg=name)


def test_channels_are_exchanged_before_they_are_normalised() -> None:
    bgr = dataclasses.replace(CONTRACT, color="BGR")
    found, pixels = made(bgr)["swapped_channels"], faces(3).astype(np.float32)
    expected = (pixels - np.float32(CONTRACT.mean)) / np.float32(CONTRACT.std)  # red where the network expects blue
    np.testing.assert_allclose(found, expected.transpose(0, 3, 1, 2), atol=1e-5)


def test_what_does_no_harm_is_no_mistake() -> None:
    assert "wrong_scale_signed" not in made(InputContract.for_size(32, 32, std=(128.0,) * 3))
    assert {"wrong_scale", "wrong_scale_signed"} <= made(InputContract.for_size(32, 32, **IMAGENET)).keys()
    unit = made(InputContract.for_size(32, 32, mean=(0.0,) * 3, std=(255.0,) * 3))
    assert "wrong_scale" not in unit and "wrong_scale_signed" in unit


def test_a_file_of_pixels_has_other_mistakes() -> None:
    found = made(CONTRACT, takes_pixels=True)
    assert {"signed_pixels", "double_normalisation", "wrong_scale"} <= found.keys()
    assert not {"not_normalised", "wrong_sign"} & found.keys()
    assert found["signed_pixels"].min() >= -128 and found["signed_pixels"].max() <= 127
    taken_as_signed = made(CONTRACT, takes_pixels=True, bytes_in=True)["wrong_sign"].numpy()
    expected = faces(3).transpose(0, 3, 1, 2).view(np.int8).astype(np.float32) + 128
    np.testing.assert_array_equal(taken_as_signed, expected)


def test_a_narrow_crop_cannot_be_transposed() -> None:
    contract = InputContract.for_size(32, 28)
    pixels = torch.randint(0, 256, (2, 3, 32, 28), dtype=torch.uint8)
    found = wrong_inputs(pixels, contract, takes_pixels=False, rows_last=True)
    assert "transposed" not in found and found["wrong_layout"].shape == (2, 3, 32, 28)
    assert RIGHT not in found
