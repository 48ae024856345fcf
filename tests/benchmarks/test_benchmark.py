from pathlib import Path

import pytest

from mfn.benchmarks.benchmark import read_benchmark
from mfn.benchmarks.bin_writer import write_bin
from mfn.benchmarks.chosen import chosen_benchmarks
from mfn.errors import DataError
from tests.benchmarks.benchmark_files import stems, write_cfp, write_images, write_text
from tests.sources.files import jpeg

LIST = "a_1.jpg a_2.jpg 1\na_1.jpg b_1.jpg 0\n"
FOUR = LIST + "b_1.jpg b_2.jpg 1\na_2.jpg b_2.jpg 0\n"
LFW = "1\t1\na\t1\t2\na\t1\tb\t1\n"
CSV = "image_a,image_b,label\nimages/a_1.jpg,images/a_2.jpg,1\nimages/a_1.jpg,images/b_1.jpg,0\n"
FLAT = ("a_1.jpg", "a_2.jpg", "b_1.jpg")
PACK = [jpeg(0), jpeg(1), jpeg(0), jpeg(2)]


@pytest.mark.parametrize("place", ["", "mine"])
@pytest.mark.parametrize(
    "file", ["pairs_MINE.txt", "mine_pairs.txt", "mine_pair.txt", "Mine.txt", "pairs.txt", "mine.csv", "pairs.csv"]
)
def test_lists_under_their_names(tmp_path: Path, place: str, file: str) -> None:
    folder = tmp_path / place
    write_images(folder / "images", FLAT)
    write_text(folder / file, CSV if file.endswith("csv") else LIST)
    found = read_benchmark("mine", tmp_path)
    assert found.name == "mine" and stems(found) == [["a_1", "a_2"], ["a_1", "b_1"]]


@pytest.mark.parametrize("images", ["images", "aligned images", "aligned_images", "imgs", "mine", ""])
def test_where_images_lie(tmp_path: Path, images: str) -> None:
    write_images(tmp_path / images, FLAT)
    write_text(tmp_path / "pairs.txt", LIST)
    assert len(read_benchmark("mine", tmp_path).source) == 3


@pytest.mark.parametrize("place", ["mine.bin", "mine/mine.bin"])
def test_packs(tmp_path: Path, place: str) -> None:
    (tmp_path / "mine").mkdir()
    write_bin(tmp_path / place, PACK, [True, False])
    for root in (tmp_path, tmp_path / place):
        found = read_benchmark("mine", root, folds=2)
        assert found.name == "mine" and found.fold_of.tolist() == [0, 1]


def test_lfw_and_single_files(tmp_path: Path) -> None:
    write_images(tmp_path / "lfw/images", ["a/a_0001.jpg", "a/a_0002.jpg", "b/b_0001.jpg"])
    write_text(tmp_path / "lfw/pairs.txt", LFW)
    for root in (tmp_path, tmp_path / "lfw", tmp_path / "lfw/pairs.txt"):
        found = read_benchmark("lfw", root)
        assert found.name == "lfw" and stems(found) == [["a_0001", "a_0002"], ["a_0001", "b_0001"]]


def test_cfp_by_the_end_of_the_name(tmp_path: Path) -> None:
    write_cfp(tmp_path / "cfp-dataset")
    for root in (tmp_path, tmp_path / "cfp-dataset"):
        both = {name: read_benchmark(name, root) for name in ("cfp_fp", "cfp_ff")}
        assert [
            len({"profile" in pairs.source.describe(i) for i in range(len(pairs.source))}) for pairs in both.values()
        ] == [2, 1]
    with pytest.raises(DataError, match="holds no benchmark agedb_30"):
        read_benchmark("agedb_30", tmp_path)


def test_its_own_name_goes_first(tmp_path: Path) -> None:
    write_images(tmp_path / "images", FLAT)
    write_text(tmp_path / "pairs.txt", LIST)
    write_text(tmp_path / "pairs_mine.txt", LIST.splitlines()[0])
    assert len(read_benchmark("mine", tmp_path).pairs) == 1
    write_bin(tmp_path / "mine.bin", PACK * 2, [True, False] * 2)
    assert len(read_benchmark("mine", tmp_path).pairs) == 4


def test_two_names_for_one_file(tmp_path: Path) -> None:
    write_images(tmp_path / "images", (*FLAT, "b_2.jpg"))
    write_text(tmp_path / "pairs.txt", FOUR)
    both = {name: read_benchmark(name, tmp_path) for name in ("lfw", "calfw")}
    with pytest.raises(DataError, match="lfw and calfw are the same pairs"):
        chosen_benchmarks(str(tmp_path), **both)
    write_text(tmp_path / "pairs_CALFW.txt", "\n".join(FOUR.splitlines()[::-1]))
    both["calfw"] = read_benchmark("calfw", tmp_path)
    assert chosen_benchmarks(str(tmp_path), **both) == both


def test_missing_images(tmp_path: Path) -> None:
    write_images(tmp_path / "images", FLAT[:2])
    for file, text in (("pairs.txt", LIST), ("pairs.csv", CSV)):
        write_text(tmp_path / file, text)
        with pytest.raises(DataError, match="allow_missing=true"):
            read_benchmark("mine", tmp_path)
        assert read_benchmark("mine", tmp_path, allow_missing=True).left_out == 1


@pytest.mark.parametrize("root", ["", "nothing"])
def test_nothing_there(tmp_path: Path, root: str) -> None:
    with pytest.raises(DataError) as caught:
        read_benchmark("vgg2_fp", tmp_path / root)
    for name in ("vgg2_fp.bin", "pairs_vgg2_fp.txt", "pairs.csv", "Protocol"):
        assert name in str(caught.value)
