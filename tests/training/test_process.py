import pytest
import torch

from mfn.training.process import use_matmul_precision


@pytest.mark.parametrize(
    ("wanted", "device", "precision"),
    [(None, "cuda", "high"), (None, "cpu", "highest"), ("highest", "cuda", "highest"), ("medium", "cpu", "medium")],
)
def test_products_are_as_exact_as_they_are_to_be(wanted: str | None, device: str, precision: str) -> None:
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        use_matmul_precision(wanted, device)
        assert torch.get_float32_matmul_precision() == precision
        assert torch.backends.cudnn.allow_tf32 is (precision != "highest")
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]
