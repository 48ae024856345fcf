"""Fixtures shared by all tests."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of real faces, weights and reference values beside the checkout; users do not have it."""
    if not SHARED.is_dir():
        pytest.skip("needs the folder 'shared' (real faces and reference values) beside the checkout")
    return SHARED
