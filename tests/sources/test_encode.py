from pathlib import Path

import numpy as np
import pytest

from mfn.errors import BrokenImageError
from mfn.images.decode import decode_rgb
from mfn.images.files import ImageFiles
from mfn.sources.encode import encoded, png, suffix_of
from mfn.sources.record_dataset import RecordDataset
from mfn.sources.subset import Subset
from tests.sources.files import ArraySource, jpeg, write_pack


def test_stored_bytes_come_out_untouched(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(5))
    assert encoded(ImageFiles("files", [tmp_path / "a.jpg"]), 0) == jpeg(5)
    pack = RecordDataset(write_pack(tmp_path, {0.0: 2, 1.0: 1}))
    assert [encoded(pack, index) for index in range(3)] == [jpeg(1), jpeg(2), jpeg(3)]
    assert encoded(Subset("some", pack, np.array([2, 0])), 0) == jpeg(3)


def test_other_images_lose_nothing() -> None:
    source = ArraySource([0, 1])
    for data in (encoded(source, 1), encoded(Subset("one", source, np.array([1])), 0), png(source.image(1))):
        assert suffix_of(data) == ".png" and np.array_equal(decode_rgb(data), source.image(1))


def test_suffixes() -> None:
    assert suffix_of(jpeg(0)) == ".jpg" and suffix_of(b"?") == ".jpg"
    assert suffix_of(b"BM....\0\0\0\0") == ".bmp" and suffix_of(b"RIFF....WEBP") == ".webp"
    assert suffix_of(b"II*\0") == ".tif" and suffix_of(b"GIF89a") == ".gif" and suffix_of(b"P6\n1 1") == ".ppm"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BrokenImageError, match=r"gone\.jpg: No such file"):
        encoded(ImageFiles("files", [tmp_path / "gone.jpg"]), 0)
