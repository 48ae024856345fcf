"""Faces to calibrate on come from whatever holds aligned faces, and from nothing else."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from mfn.benchmarks.bin_pack import read_bin
from mfn.errors import ExportError
from mfn.export.calibration import calibration_faces
from tests.export.networks import CONTRACT, faces


def people(root: Path, count: int = 6) -> Path:
    for number, face in enumerate(faces(count)):
        folder = root / f"person{number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{number}.png"), cv2.cvtColor(face, cv2.COLOR_RGB2BGR))
    return root


def test_the_draw_is_seeded_and_the_pixels_are_rgb(tmp_path: Path) -> None:
    root = people(tmp_path / "people")
    drawn = calibration_faces(root, CONTRACT, 4, seed=1)
    assert drawn.shape == (4, 32, 32, 3) and drawn.dtype == np.uint8
    np.testing.assert_array_equal(drawn, calibration_faces(root, CONTRACT, 4, seed=1))
    assert not np.array_equal(drawn, calibration_faces(root, CONTRACT, 4, seed=2))
    assert all(any(np.array_equal(face, other) for other in faces(6)) for face in drawn)


def test_fewer_faces_broken_faces_and_faces_of_another_size(tmp_path: Path) -> None:
    root = people(tmp_path / "people")
    (root / "person0" / "0.png").write_bytes(b"no image")
    cv2.imwrite(str(root / "person1" / "1.png"), np.zeros((64, 64, 3), np.uint8))
    drawn = calibration_faces(root, CONTRACT, 512)
    assert drawn.shape == (4, 32, 32, 3) and all(face.any() for face in drawn)
    drawn = calibration_faces(root, CONTRACT, 512, fit="resize")
    assert drawn.shape == (5, 32, 32, 3)
    assert sum(not face.any() for face in drawn) == 1


def test_a_flat_folder_of_crops(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    people(tmp_path / "people")
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in (tmp_path / "people").rglob("*.png"):
        path.rename(flat / path.name.upper())
    for name in ("._0.PNG", "a.png", "b.png", "c.png"):
        (flat / name).write_bytes(b"no image")
    drawn = calibration_faces(flat, CONTRACT)
    assert sorted(face.tobytes() for face in drawn) == sorted(face.tobytes() for face in faces(6))
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == 1 and told[0].startswith("calibration: passed over 3 images, such as: ")


def test_an_insightface_pack(shared: Path) -> None:
    assert calibration_faces(shared / "data" / "celeb", CONTRACT, 3).shape == (3, 32, 32, 3)


def test_a_verification_pack(tmp_path: Path) -> None:
    encoded = [cv2.imencode(".png", face)[1].tobytes() for face in faces(4)]
    path = tmp_path / "pairs.bin"
    path.write_bytes(pickle.dumps((encoded, [True, False])))
    assert len(read_bin(path, folds=2).source) == len(calibration_faces(path, CONTRACT)) == 4


@pytest.mark.parametrize("kind", ["missing", "empty", "no_pictures", "file.bin"])
def test_no_faces(tmp_path: Path, kind: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "no_pictures" / "person").mkdir(parents=True)
    (tmp_path / "no_pictures" / "person" / "notes.txt").write_text("nobody")
    (tmp_path / "file.bin").write_bytes(b"no pack")
    with pytest.raises(ExportError, match=r"holds no aligned faces") as told:
        calibration_faces(tmp_path / kind, CONTRACT)
    assert "\n" not in str(told.value) and kind in str(told.value)


def test_a_count_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="calibration_count"):
        calibration_faces(tmp_path, CONTRACT, 0)
