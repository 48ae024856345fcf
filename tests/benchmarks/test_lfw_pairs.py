from pathlib import Path

import numpy as np
import pytest

from mfn.benchmarks.lfw import read_lfw, read_lfw_pairs
from mfn.data.evaluation_loader import evaluation_loader
from mfn.errors import BrokenImageError, DataError
from tests.benchmarks.benchmark_files import given
from tests.sources.files import jpeg

PAIRS = "1\t2\nAda\t1\t2\nBob B\t1\t3\nAda\t1\tBob B\t3\nAda\t2\tBob B\t1\n"


FILES = (
    "Ada/Ada_0001.jpg",
    "Ada/Ada_0002.png",
    "Bob B/Bob B_0001.jpg",
    "Bob B/Bob B_0003.jpg",
    "Bob/Bob_0003.bmp",
)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for number, name in enumerate(FILES):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(number))
    return tmp_path / "images"


def pairs_file(folder: Path, text: str) -> Path:
    path = folder / "pairs.txt"
    path.write_text(text)
    return path


def test_three_and_four_columns_in_file_order(tmp_path: Path, images: Path) -> None:
    benchmark = read_lfw_pairs(pairs_file(tmp_path, PAIRS), images)
    names = [[Path(benchmark.source.describe(i)).stem for i in pair] for pair in benchmark.pairs]
    assert names == [
        ["Ada_0001", "Ada_0002"],
        ["Bob B_0001", "Bob B_0003"],
        ["Ada_0001", "Bob B_0003"],
        ["Ada_0002", "Bob B_0001"],
    ]
    assert benchmark.is_same.tolist() == [True, True, False, False]
    assert benchmark.fold_of.tolist() == [0] * 4 and benchmark.name == "lfw"


@pytest.mark.parametrize("header", ["", "1\n"])
def test_spaces_and_other_headers(tmp_path: Path, images: Path, header: str) -> None:
    benchmark = read_lfw_pairs(pairs_file(tmp_path, header + "Ada 1 2\nAda 2 Bob 3\n\n"), images)
    assert len(benchmark.pairs) == 2 and benchmark.fold_of.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1\t2\nAda\t1\t2\n", "holds 1 pairs, not 4 as its header says"),
        ("", "holds 0 pairs"),
        ("Ada\t1\ttwo\n", "line 1 is 'Ada 1 two'"),
        ("1\t1\nAda\t1\t2\nAda\t1\n", "line 3 is 'Ada 1'"),
        ("ten\t300\n", "line 1"),
        (
            "Ada\t1\t2\nEve\t1\t7\n",
            "lacks 2 of the 4 images the pairs need: Eve/Eve_0001.jpg, Eve/Eve_0007.jpg",
        ),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, images: Path, text: str, said: str) -> None:
    with pytest.raises(DataError) as caught:
        read_lfw_pairs(pairs_file(tmp_path, text), images)
    assert said in str(caught.value)


def test_missing_pairs_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"pairs\.txt cannot be read"):
        read_lfw_pairs(tmp_path / "pairs.txt", tmp_path)


def test_missing_images_cost_their_pairs_where_asked(tmp_path: Path, images: Path) -> None:
    rows = ["Ada 1 2", "Ada 1 Bob 3", "Eve 1 7", "Ada 2 Bob 3", "Ada 2 1", "Bob 3 Ada 2"]
    pairs_file(tmp_path, "\n".join(["3\t1", *rows]))
    with pytest.raises(DataError, match=r"allow_missing=true"):
        read_lfw(tmp_path)
    benchmark = read_lfw(tmp_path, name="some", allow_missing=True)
    assert benchmark.missing == ("Eve/Eve_0001.jpg", "Eve/Eve_0007.jpg") and benchmark.left_out == 1
    assert benchmark.name == "some" and benchmark.fold_of.tolist() == [0, 0, 1, 2, 2]
    assert given(benchmark.identities).tolist() == [0, 0, 1]


def test_a_header_may_leave_the_count_open(tmp_path: Path, images: Path) -> None:
    rows = ["Ada 1 2", "Ada 2 1", "Ada 1 Bob 3", "Ada 2 Bob 3", "Bob 3 Ada 1"]
    benchmark = read_lfw_pairs(pairs_file(tmp_path, "\n".join(["2 0", *rows])), images)
    assert benchmark.fold_of.tolist() == [0, 1, 0, 0, 1]


def test_real_lfw(shared: Path) -> None:
    benchmark = read_lfw_pairs(shared / "data/lfw/pairs.txt", shared / "data/lfw/images")
    assert benchmark.pairs.shape == (6000, 2) and len(benchmark.source) == 7701
    assert benchmark.is_same.reshape(10, 2, 300).all(axis=2).tolist() == [[True, False]] * 10
    assert np.array_equal(benchmark.fold_of, np.repeat(np.arange(10), 600))
    assert np.array_equal(np.equal(*given(benchmark.identities)[benchmark.pairs].T), benchmark.is_same)


def test_loader_gives_every_image_once_in_order(tmp_path: Path, images: Path) -> None:
    benchmark = read_lfw_pairs(pairs_file(tmp_path, PAIRS), images)
    batches = list(evaluation_loader(benchmark.source, (16, 16), batch_size=3))
    assert [len(batch.images) for batch in batches] == [3, 1]
    assert np.concatenate([batch.indices for batch in batches]).tolist() == [0, 1, 2, 3]
    assert all((batch.labels == -1).all() for batch in batches)
    assert np.array_equal(batches[1].images[0].numpy(), benchmark.source.image(3))


@pytest.mark.parametrize("workers", [0, 1])
def test_loader_stops_at_a_broken_image(tmp_path: Path, images: Path, workers: int) -> None:
    benchmark = read_lfw_pairs(pairs_file(tmp_path, PAIRS), images)
    (images / "Bob B" / "Bob B_0001.jpg").write_bytes(b"junk")
    with pytest.raises(BrokenImageError, match=r"Bob B_0001\.jpg: these 4 bytes"):
        list(evaluation_loader(benchmark.source, (16, 16), batch_size=2, num_workers=workers))
