"""XQLFW, SLLFW and Notre Dame's sets, as their archives and other people's copies lay them out."""

import lzma
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfn.benchmarks.array_pack import read_arrays
from mfn.benchmarks.benchmark import read_benchmark
from mfn.benchmarks.bin_writer import write_bin
from mfn.benchmarks.chosen import chosen_benchmarks, read_file
from mfn.errors import DataError
from tests.benchmarks.benchmark_files import given, stems, write_images, write_text
from tests.sources.files import jpeg

IMAGES = [f"{name}/{name}_{number:04d}.jpg" for name in ("Ada_L", "Bob") for number in (1, 2)]
PAIRS = "2\t1\nAda_L\t1\t2\nAda_L\t1\tBob\t1\nBob\t1\t2\nAda_L\t2\tBob\t2\n"
FOUND = [["Ada_L_0001", "Ada_L_0002"], ["Ada_L_0001", "Bob_0001"], ["Bob_0001", "Bob_0002"], ["Ada_L_0002", "Bob_0002"]]
SLLFW = "".join(f"{name[:-5]}/{name}.jpg\n" for pair in FOUND for name in pair)


@pytest.mark.parametrize("below", ["", "xqlfw", "XQLFW"])
@pytest.mark.parametrize("folder", ["xqlfw_aligned_112", "lfw_original_imgs_min_qual0.85variant11"])
def test_xqlfws_images_are_its_own_though_lfws_have_the_same_names(tmp_path: Path, below: str, folder: str) -> None:
    home = tmp_path / below
    write_images(tmp_path / "lfw", IMAGES)
    write_images(home / "lfw", IMAGES)
    write_images(home / "lfw_aligned", IMAGES)
    write_text(home / "xqlfw_pairs.txt", PAIRS)
    for read in (lambda: read_benchmark("xqlfw", tmp_path), lambda: read_file(str(home / "xqlfw_pairs.txt"))):
        with pytest.raises(DataError, match="lacks 4 of the 4 images"):
            read()
    write_images(home / folder, IMAGES)
    for read in (lambda: read_benchmark("xqlfw", tmp_path), lambda: read_file(str(home / "xqlfw_pairs.txt"))):
        found = read()
        assert stems(found) == FOUND and all(f"/{folder}/" in found.source.describe(i) for i in range(4))
        assert found.fold_of.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("variant", ["plain", "windows", "two columns", "one folder", "absolute", "flags"])
@pytest.mark.parametrize("images", ["lfw", "sllfw/images", "lfw/images", "sllfw/lfw-deepfunneled/lfw-deepfunneled"])
def test_sllfws_list_pairs_lfws_images(tmp_path: Path, variant: str, images: str) -> None:
    names = IMAGES if variant != "one folder" else [Path(name).name for name in IMAGES]
    write_images(tmp_path / images, names)
    lines = SLLFW.splitlines()
    text = {
        "windows": "\ufeff" + SLLFW.replace("/", "\\").replace(".jpg", ".JPG").replace("\n", "\r\n"),
        "two columns": "".join(f"{a}\t{b}\n" for a, b in zip(lines[::2], lines[1::2], strict=True)),
        "one folder": "".join(f"{Path(line).name}\n" for line in lines),
        "absolute": "".join(f"/data/of/another/lfw/{line}\n" for line in lines),
        "flags": "".join(f"{line} {flag}\n" for line, flag in zip(lines, "11001100", strict=True)),
    }.get(variant, SLLFW)
    write_text(tmp_path / "sllfw/pair_SLLFW.txt", text)
    found = read_benchmark("sllfw", tmp_path, folds=2)
    assert stems(found) == FOUND and found.is_same.tolist() == [True, False, True, False]
    assert found.fold_of.tolist() == [0, 0, 1, 1] and given(found.identities).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds 0 pairs"),
        ("A/A_1.jpg\nA/A_2.jpg\nB/B_1.jpg\n", "has 3 lines, of which two make a pair"),
        ("A/A_1.jpg\nA/A_2.jpg\nB/B_1.jpg 1\nB/B_2.jpg 1\n", "line 3 is 'B/B_1.jpg 1', not 1 image names as line 1"),
        ("a.jpg\nb.jpg\n", "line 1 names images without a flag, and a.jpg tells no person"),
    ],
)
def test_lists_without_flags_that_do_not_do(tmp_path: Path, text: str, said: str) -> None:
    write_text(tmp_path / "pair_SLLFW.txt", text)
    with pytest.raises(DataError, match=said):
        read_benchmark("sllfw", tmp_path)


def test_missing_images_of_sllfw(tmp_path: Path) -> None:
    write_images(tmp_path / "lfw", IMAGES[:3])
    write_text(tmp_path / "pair_SLLFW.txt", SLLFW)
    with pytest.raises(DataError, match=r"lacks 1 of the 4 images .*Bob_0002"):
        read_benchmark("sllfw", tmp_path)
    found = read_benchmark("sllfw", tmp_path, allow_missing=True)
    assert stems(found) == FOUND[:2] and found.left_out == 2


def test_lfw_and_sllfw_are_two_sets_even_where_only_the_last_image_differs(tmp_path: Path) -> None:
    images = [*IMAGES, "Cy/Cy_0001.jpg", "Dan/Dan_0001.jpg", "Eva/Eva_0001.jpg", "Eva/Eva_0002.jpg", "Flo/Flo_0001.jpg"]
    write_images(tmp_path / "lfw/images", images)
    write_text(tmp_path / "lfw/pairs.txt", "Ada_L 1 2\nCy 1 Dan 1\nBob 1 2\nEva 1 Flo 1\n")
    order = (*IMAGES[:2], "Cy/Cy_0001.jpg", "Dan/Dan_0001.jpg", *IMAGES[2:], "Eva/Eva_0002.jpg", "Flo/Flo_0001.jpg")
    write_text(tmp_path / "sllfw/pair_SLLFW.txt", "".join(f"{image}\n" for image in order))
    sets = {name: read_benchmark(name, tmp_path, folds=2) for name in ("lfw", "sllfw")}
    assert np.array_equal(sets["lfw"].pairs, sets["sllfw"].pairs) and chosen_benchmarks(None, **sets) == sets


@pytest.mark.parametrize("place", ["nd_twins.xz", "ND-Twins.xz", "nd_twins/nd-twins.XZ", "ND-Twins/ndtwins.bin"])
def test_packs_of_notre_dame(tmp_path: Path, place: str) -> None:
    images = [jpeg(number) for number in range(3)]
    file = tmp_path / place
    file.parent.mkdir(exist_ok=True)
    write_bin(file.with_suffix(".bin"), [images[0], images[1], images[2], images[0]], [True, False])
    if file.suffix.lower() == ".xz":
        file.write_bytes(lzma.compress(file.with_suffix(".bin").read_bytes()))
        file.with_suffix(".bin").unlink()
    found = read_benchmark("nd_twins", tmp_path)
    assert found.pairs.tolist() == [[0, 1], [2, 0]] and found.is_same.tolist() == [True, False]
    assert found.name == "nd_twins" and read_file(str(file)).pairs.tolist() == [[0, 1], [2, 0]]


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("ran",)


def test_nothing_in_a_compressed_pack_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    whole = lzma.compress(pickle.dumps(([jpeg(0), jpeg(1)], [True])))
    for name, data, said in (
        ("hostile", lzma.compress(pickle.dumps(([Hostile()], [True]))), "is refused"),
        ("short", whole[: len(whole) // 2], "is no whole pickle"),
        ("bent", whole[:20] + b"\0\0\0\0" + whole[24:], "is no whole pickle"),
        ("empty", b"", "is no whole pickle"),
    ):
        (tmp_path / f"{name}.xz").write_bytes(data)
        with pytest.raises(DataError, match=said):
            read_file(str(tmp_path / f"{name}.xz"))
    assert not (tmp_path / "ran").exists()


def write_arrays(folder: Path, pixels: np.ndarray, flags: str, name: str = "hadrian") -> Path:
    folder.mkdir(exist_ok=True)
    np.save(folder / f"{name}.npy", pixels, allow_pickle=pixels.dtype == object)
    (folder / "issame.txt").write_text(flags)
    return folder / f"{name}.npy"


PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 6, 3), np.uint8)
PIXELS[5] = PIXELS[0]


@pytest.mark.parametrize(
    "flags", ["1\n0\n1\n", "\ufeff1\r\n0\r\n1\r\n", "1.000e+00\n0.000e+00\n1.000e+00\n", "True\nFalse\nTrue"]
)
@pytest.mark.parametrize("first", [False, True])
def test_arrays_of_pixels(tmp_path: Path, flags: str, first: bool) -> None:
    file = write_arrays(tmp_path / "hadrian", np.moveaxis(PIXELS, 3, 1) if first else PIXELS, flags)
    for found in (read_benchmark("hadrian", tmp_path), read_file(str(file))):
        assert found.is_same.tolist() == [True, False, True] and found.pairs.tolist() == [[0, 1], [2, 3], [4, 0]]
        assert len(found.source) == 5 and found.source.describe(4) == "hadrian.npy image 4"
        for (a, b), number in zip(found.pairs.tolist(), (0, 2, 4), strict=True):
            assert np.array_equal(found.source.image(a), PIXELS[number])
            assert np.array_equal(found.source.image(b), PIXELS[number + 1])


@pytest.mark.parametrize(
    ("pixels", "flags", "said"),
    [
        (PIXELS, "1\n0\n", "holds 6 images and issame.txt 2 flags"),
        (PIXELS, "1\n0\n2\n", "issame.txt line 3 is no flag"),
        (PIXELS, "", "holds no flags"),
        (PIXELS.astype(np.float32), "1\n0\n1\n", "holds float32"),
        (PIXELS[..., :2], "1\n0\n1\n", "not images"),
        (PIXELS[0], "1\n", "not images"),
        (np.array([Hostile()], object), "1\n", "is no array of images"),
    ],
)
def test_arrays_that_do_not_do(tmp_path: Path, pixels: np.ndarray, flags: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_arrays(write_arrays(tmp_path, pixels, flags))
    assert not Path("ran").exists()


def test_arrays_without_flags(tmp_path: Path) -> None:
    np.save(tmp_path / "hadrian.npy", PIXELS)
    with pytest.raises(DataError, match=r"lacks issame\.txt"):
        read_benchmark("hadrian", tmp_path)


@pytest.mark.parametrize("leading", ["/home/a/faces/", "C:\\faces\\aligned\\", "../../x/", "lfw_112/"])
def test_lists_with_paths_of_another_machine(tmp_path: Path, leading: str) -> None:
    write_images(tmp_path / "images", ["aligned/a.jpg", "aligned/b.jpg"])
    path = write_text(tmp_path / "mine.txt", f"{leading}aligned/a.jpg\t{leading}aligned/b.jpg\t1\n")
    assert stems(read_file(str(path))) == [["a", "b"]]
    path = write_text(tmp_path / "mine.txt", f"{leading}aligned/a.jpg\t{leading}other/b.jpg\t1\n")
    with pytest.raises(DataError, match="lacks 1 of the 2 images"):
        read_file(str(path))


def test_agedbs_names_tell_ages(tmp_path: Path) -> None:
    write_images(tmp_path, ["0_Maria_35_f.jpg", "1_Maria_70_f.jpg", "2_John_20_m.jpg"])
    text = "0_Maria_35_f.jpg 1_Maria_70_f.jpg 1\n0_Maria_35_f.jpg 2_John_20_m.jpg 0\n"
    found = read_file(str(write_text(tmp_path / "agedb.txt", text)))
    assert {name: values.tolist() for name, values in found.attributes.items()} == {
        "age": ["35", "70", "20"],
        "gender": ["f", "f", "m"],
    }
