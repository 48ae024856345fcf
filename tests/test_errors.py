"""What other libraries say is passed on; what they advise is not."""

import pickle

import pytest

from mfn.errors import first_line

SAID = {
    "Model has no input": "Model has no input",
    "\n\n  second line \nthird": "second line",
    "": "ValueError",
    "Shapes differ. Please file an issue at https://example.org": "Shapes differ.",
    "Weights only load failed. Re-running `torch.load` with `weights_only` set to `False` will likely succeed.": (
        "Weights only load failed."
    ),
    "Cannot load file containing pickled data when allow_pickle=False": "ValueError",
    "Pickled data. If you trust the file you can load it unsafely.": "Pickled data.",
    "Try CUDA_LAUNCH_BLOCKING=1": "ValueError",
    "Setting of 3 is wrong; use another": "Setting of 3 is wrong",
    "x" * 1000: "x" * 200,
}


@pytest.mark.parametrize("text", SAID)
def test_the_first_line_without_advice(text: str) -> None:
    assert first_line(ValueError(text)) == SAID[text]


def test_an_error_without_text_is_told_by_its_name() -> None:
    assert first_line(pickle.UnpicklingError()) == "UnpicklingError"
