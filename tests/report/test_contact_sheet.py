from pathlib import Path

import cv2
import numpy as np

from mfn.report.contact_sheet import contact_sheet, write_contact_sheet


def field(red: int, height: int = 20, width: int = 20) -> np.ndarray:
    return np.full((height, width, 3), (red, 0, 0), np.uint8)


def test_images_stand_in_rows_in_their_order() -> None:
    sheet = contact_sheet([field(60), field(120), field(180)], ["", "", ""], columns=2, side=20)
    assert sheet.dtype == np.uint8 and sheet.shape == (2 * 26 + 6, 2 * 26 + 6, 3)
    assert [int(sheet[y, x, 0]) for y, x in ((16, 16), (16, 42), (42, 16))] == [60, 120, 180]
    assert sheet[42, 42, 1] > 200  # an empty place


def test_images_keep_their_shape() -> None:
    sheet = contact_sheet([field(200, 40, 20)], [""], side=20)
    is_image = (sheet == (200, 0, 0)).all(axis=2)
    assert is_image.sum() == 20 * 10 and is_image.any(axis=0).sum() == 10


def test_captions_take_place_below_and_are_cut() -> None:
    plain, captioned = contact_sheet([field(9)], [""]), contact_sheet([field(9)], ["two\nlines"])
    assert captioned.shape[0] > plain.shape[0] and captioned.shape[1] == plain.shape[1]
    below = captioned[plain.shape[0] - 6 :]
    assert (below.max(axis=2) < 128).any()
    cut = contact_sheet([field(9)], ["ありがとう ÄÖ " * 30])
    assert cut.shape == contact_sheet([field(9)], ["x"]).shape and (cut[:, -6:] == 250).all()


def test_a_missing_image_is_a_cross() -> None:
    sheet = contact_sheet([None], [""], side=20)
    assert sheet[16, 16].tolist() == [250] * 3 and sheet[16, 8].tolist() == [200] * 3


def test_nothing_to_show() -> None:
    assert contact_sheet([], []).size > 0


def test_the_file_is_the_sheet(tmp_path: Path) -> None:
    write_contact_sheet(tmp_path / "sheet.png", [field(77)], ["a"])
    stored = cv2.imread(str(tmp_path / "sheet.png"), cv2.IMREAD_COLOR_RGB)
    assert np.array_equal(stored, contact_sheet([field(77)], ["a"]))
