"""MATLAB's files as SciPy and MATLAB write them, and damaged ones."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from mfn.benchmarks.mat_file import read_mat
from mfn.benchmarks.mat_lists import read_mat_list
from mfn.errors import DataError
from tests.benchmarks.one_to_many_files import cells
from tests.fuzz.mutation import mutated

NAMES = ["7_0.jpg", "a b.png", "é_1.jpg", "x"]
CONTENT: dict[str, Any] = {
    "probe_set": cells(NAMES),
    "probe_ids": np.array([[7], [0], [300], [70000]]),
    "other": {"a": 1, "b": [1, 2]},
    "real": np.arange(6.0).reshape(2, 3),
    "flag": np.array([[True]]),
    "rows": np.array(["ab", "cde"]),
    "void": np.empty((0, 0)),
}


@pytest.mark.parametrize("compressed", [False, True])
def test_what_scipy_writes(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "list.mat"
    savemat(path, CONTENT, do_compression=compressed)
    found, theirs = read_mat(path, list(CONTENT)), loadmat(path)
    assert found["probe_set"] == [[name] for name in NAMES] and "other" not in found
    for name in ("probe_ids", "real", "flag"):
        assert np.array_equal(np.asarray(found[name]), theirs[name]), name
    assert found["rows"] == ["ab ", "cde"] and read_mat(path, ()) == {}
    assert read_mat_list(path, "probe_set", "probe_ids") == list(zip(NAMES, [7, 0, 300, 70000], strict=True))
    with pytest.raises(DataError, match=r"has no variable gallery_ids: it should hold probe_set and gallery_ids"):
        read_mat_list(path, "probe_set", "gallery_ids")


def test_the_other_order_of_bytes(tmp_path: Path) -> None:
    def element(kind: int, data: bytes) -> bytes:
        return struct.pack(">II", kind, len(data)) + data + b"\0" * (-len(data) % 8)

    def matrix(what: int, shape: tuple[int, int], name: bytes, *content: bytes) -> bytes:
        head = element(6, struct.pack(">II", what, 0)) + element(5, struct.pack(">ii", *shape)) + element(1, name)
        return element(14, head + b"".join(content))

    names = matrix(
        1, (2, 1), b"n", *(matrix(4, (1, 3), b"", element(4, text.encode("utf-16-be"))) for text in ("a.x", "bcd"))
    )
    numbers = matrix(6, (2, 1), b"p", struct.pack(">HH", 4, 3) + struct.pack(">hh", 5, 9))  # a short element
    path = tmp_path / "big.mat"
    path.write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + b"\1\0MI" + names + numbers)
    assert read_mat_list(path, "n", "p") == [("a.x", 5), ("bcd", 9)]


@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_files_are_told_and_end_no_process(tmp_path: Path, compressed: bool) -> None:
    path, rng = tmp_path / "list.mat", np.random.default_rng(0)
    savemat(path, CONTENT, do_compression=compressed)
    whole = path.read_bytes()
    for _ in range(400):
        path.write_bytes(mutated(whole, rng))
        try:
            read_mat_list(path, "probe_set", "probe_ids")
        except DataError as error:
            assert "list.mat" in str(error) and "\n" not in str(error)


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mfn.benchmarks.mat_file._MOST", 10_000)
    savemat(tmp_path / "bomb.mat", {"a": np.zeros(100_000)}, do_compression=True)
    with pytest.raises(DataError, match="a variable of more than 10,000 bytes"):
        read_mat(tmp_path / "bomb.mat", ["a"])
