from pathlib import Path

import numpy as np

from mfn.images.decode import decode_rgb
from mfn.report.histogram import draw_histogram, histogram, histogram_text

COUNTS = np.array([2, 5, 30, 31, 90, 90, 5000])


def test_bins_hold_their_ends() -> None:
    rows = dict(histogram(COUNTS))
    assert rows == {
        "2-5": 2, "6-10": 0, "11-20": 0, "21-30": 1, "31-90": 3, "91-200": 0, "201-350": 0, "351-1000": 0, "1001-": 1
    }  # fmt: skip
    assert histogram(np.array([1, 1])) == [("1", 2)]
    assert histogram(np.empty(0, np.int64)) == []


def test_the_longest_bar_is_the_largest_bin() -> None:
    lines = histogram_text(COUNTS).splitlines()
    bars = {line.split()[0]: line.count("█") for line in lines}
    assert bars["31-90"] == 40 and bars["2-5"] == 27 and bars["6-10"] == 0


def test_the_picture(tmp_path: Path) -> None:
    pictures = []
    for counts in ({"before": COUNTS}, {"before": COUNTS, "after": COUNTS[:4]}, {"nobody": COUNTS[:0]}):
        draw_histogram(counts, tmp_path / "histogram.png")
        pictures.append(decode_rgb((tmp_path / "histogram.png").read_bytes()))
    assert all(picture.std() > 5 for picture in pictures) and not np.array_equal(*pictures[:2])
