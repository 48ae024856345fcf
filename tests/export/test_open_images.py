from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mfn.benchmarks.bin_writer import write_bin
from mfn.errors import ConfigError, DataError
from mfn.export.calibration import open_images
from tests.packs.tfrecords.tfrecords import write_examples
from tests.sources.files import jpeg, write_pack


def flat(root: Path) -> Path:
    for number in range(3):
        (root / f"{number}.jpg").write_bytes(jpeg(number))
    (root / "._0.jpg").write_bytes(jpeg(9))
    return root


def nested(root: Path) -> Path:
    for number in range(3):
        (root / str(number) / "a").mkdir(parents=True)
        (root / str(number) / "a" / "1.JPG").write_bytes(jpeg(number))
    return root


def mixed(root: Path) -> Path:
    nested(root / "more")
    (root / "more/2/a/1.JPG").rename(root / "z.jpg")
    return root


def pack(root: Path) -> Path:
    return write_pack(root, {0.0: 3})


def pack_file(root: Path) -> Path:
    return pack(root) / "train.rec"


def records(root: Path) -> Path:
    return write_examples(root / "a.tfrecord", [{"label": [0], "image_raw": [jpeg(n)]} for n in range(3)])


def records_folder(root: Path) -> Path:
    return records(root).parent


def verification(root: Path) -> Path:
    write_bin(root / "a.bin", [jpeg(0), jpeg(1), jpeg(2), jpeg(0)], [True, False])
    return (root / "a.bin").rename(root / "A.BIN")


@pytest.mark.parametrize("make", [flat, nested, mixed, pack, pack_file, records, records_folder, verification])
def test_images_wherever_they_lie(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    source = open_images(make(tmp_path))
    assert len(source) == 3
    first = 1 if make in (pack, pack_file) else 0
    expected = {jpeg(number) for number in range(first, first + 3)}
    assert {source.encoded(index) for index in range(3)} == expected  # type: ignore[attr-defined]
    assert all(source.image(index).dtype == np.uint8 for index in range(3))


def test_places_without_images(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    with pytest.raises(DataError, match=r"hold no image; passed over files that are no images \(\.txt\): 1 \(a\.txt\)"):
        open_images(tmp_path)
    with pytest.raises(DataError, match="is a file, not a folder"):
        open_images(tmp_path / "a.txt")
    with pytest.raises(ConfigError, match="calibration must be given"):
        open_images("", "calibration")
