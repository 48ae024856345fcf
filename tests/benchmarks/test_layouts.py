"""LFW as people and archives lay it out, and lists as people write them."""

import logging
from pathlib import Path

import pytest

from mfn.benchmarks.benchmark import read_benchmark
from mfn.benchmarks.bin_writer import write_bin
from mfn.benchmarks.chosen import read_file
from mfn.errors import DataError
from tests.benchmarks.benchmark_files import stems, write_cfp, write_images, write_text
from tests.sources.files import jpeg

IMAGES = [f"{name}/{name}_{number:04d}.jpg" for name in ("Ada_L", "Bob") for number in (1, 2)]
TEXT = "2\t1\nAda_L\t1\t2\nAda_L\t1\tBob\t1\nBob\t1\t2\nAda_L\t2\tBob\t2\n"
VIEW_1 = "2\nAda_L\t1\t2\nBob\t1\t2\nAda_L\t1\tBob\t1\nAda_L\t2\tBob\t2\n"
KAGGLE = "Ada_L,1,2,\nBob,1,2,\nAda_L,1,Bob,1\nAda_L,2,Bob,2\n"
FOUND = [["Ada_L_0001", "Ada_L_0002"], ["Ada_L_0001", "Bob_0001"], ["Ada_L_0002", "Bob_0002"], ["Bob_0001", "Bob_0002"]]
DEEP = "lfw-deepfunneled/lfw-deepfunneled"


@pytest.mark.parametrize(
    ("images", "pairs", "root"),
    [
        ("lfw-deepfunneled/lfw-deepfunneled", "pairs.txt", ""),
        ("lfw-deepfunneled/lfw-deepfunneled", "pairs.txt", "lfw-deepfunneled"),
        ("lfw-deepfunneled/lfw-deepfunneled", "pairs.txt", "lfw-deepfunneled/lfw-deepfunneled"),
        ("lfw-deepfunneled", "pairs.txt", ""),
        ("lfw_funneled", "pairs.txt", ""),
        ("lfw_home/lfw_funneled", "lfw_home/pairs.txt", ""),
        ("lfw_home/lfw_funneled", "lfw_home/pairs.txt", "lfw_home"),
        ("lfw_home/lfw_funneled", "lfw_home/pairs.txt", "lfw_home/lfw_funneled"),
        ("lfw_home/lfw", "lfw_home/pairs.txt", ""),
        ("lfw_funneled", "lfw_funneled/pairs.txt", ""),
        ("lfw", "pairs.txt", ""),
        ("lfw/lfw", "lfw/pairs.txt", ""),
        ("", "pairs.txt", ""),
        ("images", "PAIRS.TXT", ""),
        ("images", "pairs.txt", "images"),
        ("aligned_112", "lfw/../pairs.txt", ""),
    ],
)
def test_where_lfw_lies(tmp_path: Path, images: str, pairs: str, root: str) -> None:
    write_images(tmp_path / images, IMAGES)
    (tmp_path / "lfw").mkdir(exist_ok=True)
    write_text(tmp_path / pairs, TEXT)
    found = read_benchmark("lfw", tmp_path / root)
    assert sorted(stems(found)) == FOUND and found.fold_of.tolist() == [0, 0, 1, 1] and not found.notes


@pytest.mark.parametrize("header", ["name,imagenum1,imagenum2,imagenum3", "name,imagenum1,imagenum2,", ""])
@pytest.mark.parametrize("rows", [KAGGLE, KAGGLE.replace(",2,", ",2.0,"), KAGGLE.replace(",\n", "\n")])
def test_kaggles_pairs(tmp_path: Path, header: str, rows: str) -> None:
    write_images(tmp_path / DEEP, IMAGES)
    write_text(tmp_path / ("pairs.csv" if header else "pairs.txt"), f"{header}\n{rows}")
    assert sorted(stems(read_benchmark("lfw", tmp_path))) == FOUND


@pytest.mark.parametrize("file", ["matchpairsDevTest.csv", "mismatchpairsDevTest.csv"])
@pytest.mark.parametrize("headers", [("name,imagenum1,imagenum2", "name,imagenum1,name,imagenum2"), ("", "")])
def test_kaggles_two_files_are_one_set(tmp_path: Path, file: str, headers: tuple[str, str]) -> None:
    write_images(tmp_path / DEEP, IMAGES)
    kinds = [[line.rstrip(",") for line in KAGGLE.splitlines() if line.endswith(",") == same] for same in (True, False)]
    for name, header, rows in zip(("match", "mismatch"), headers, kinds, strict=True):
        write_text(tmp_path / f"{name}pairsDevTest.csv", "\n".join([*([header] if header else []), *rows]))
    if headers[0]:
        for root in (tmp_path, tmp_path / file):
            found = read_benchmark("lfw", root)
            assert sorted(stems(found)) == FOUND and "pairs to develop on" in found.notes[0]
    else:
        with pytest.raises(DataError, match="lacks the column"):
            read_benchmark("lfw", tmp_path / "other.csv" if False else _alone(tmp_path, file))


def _alone(folder: Path, file: str) -> Path:
    for other in folder.glob("*pairsDevTest.csv"):
        if other.name != file:
            other.unlink()
    return folder / file


@pytest.mark.parametrize("file", ["pairsDevTest.txt", "pairsDevTrain.txt"])
def test_pairs_to_develop_on_are_read_and_told(tmp_path: Path, file: str, caplog: pytest.LogCaptureFixture) -> None:
    write_images(tmp_path / "lfw_home/lfw_funneled", IMAGES)
    path = write_text(tmp_path / "lfw_home" / file, VIEW_1)
    with caplog.at_level(logging.WARNING):
        alone = read_file(str(path))
    assert alone.name == Path(file).stem and sorted(stems(alone)) == FOUND
    assert f"{file} holds pairs to develop on (LFW's view 1)" in caplog.text
    if file == "pairsDevTest.txt":
        assert "view 1" in read_benchmark("lfw", tmp_path).notes[0]
        write_text(tmp_path / "lfw_home/pairs.txt", TEXT)
        assert not read_benchmark("lfw", tmp_path).notes
    else:
        with pytest.raises(DataError, match=r"for \S+pairsDevTrain\.txt, say benchmark=file benchmark\.root=\S+"):
            read_benchmark("lfw", tmp_path)


def test_what_was_looked_into_is_said(tmp_path: Path) -> None:
    (tmp_path / "lfw_home").mkdir()
    with pytest.raises(DataError) as caught:
        read_benchmark("lfw", tmp_path)
    assert str(tmp_path / "lfw_home") in str(caught.value) and "pairs_lfw.txt" in str(caught.value)
    write_text(tmp_path / "lfw_home/pairs.txt", TEXT)
    (tmp_path / "lfw_home/lfw_funneled").mkdir()
    with pytest.raises(DataError) as caught:
        read_benchmark("lfw", tmp_path)
    said = str(caught.value)
    assert "lacks 4 of the 4 images" in said and "looked in" in said and str(tmp_path / "lfw_home/lfw_funneled") in said


LISTS = {
    "blanks round tabs": "Ada_L/Ada_L_0001.jpg \t Bob/Bob_0001.jpg\t0 \nBob/Bob_0001.jpg\t Bob/Bob_0002.jpg \t1\t",
    "windows": "\ufeffAda_L\\Ada_L_0001.JPG Bob\\Bob_0001.JPG 0\r\nBob\\Bob_0001.jpg Bob\\Bob_0002.jpg 1\r\n",
    "semicolons": "Ada_L/Ada_L_0001.jpg;Bob/Bob_0001.jpg;0;\nBob/Bob_0001.jpg;Bob/Bob_0002.jpg;1;\n",
    "floats": "Ada_L/Ada_L_0001.jpg,Bob/Bob_0001.jpg,0.0\nBob/Bob_0001.jpg,Bob/Bob_0002.jpg,1.0\n",
    "quotes": '"Ada_L/Ada_L_0001.jpg" "Bob/Bob_0001.jpg" "-1"\n"Bob/Bob_0001.jpg" "Bob/Bob_0002.jpg" "1"\n',
    "flag first": "-1.0\tada_l/ADA_L_0001.png\tbob/bob_0001.bmp\n1.0\tbob/bob_0001\tbob/bob_0002\n",
    "two lines": "Ada_L/Ada_L_0001.jpg 0\nBob/Bob_0001.jpg 0.0\nBob/Bob_0001.jpg 1\nBob/Bob_0002.jpg 1\n",
    "with the folder": "images/Ada_L/Ada_L_0001.jpg images/Bob/Bob_0001.jpg 0\n"
    "images/Bob/Bob_0001.jpg images/Bob/Bob_0002.jpg 1\n",
    "lfw": "Ada_L\t1 \tBob\t 1\nBob;1;2",
    "csv": "Image1;Image2;Label;\nimages\\Ada_L\\Ada_L_0001.JPG;images/Bob/Bob_0001.jpg;0.0;\n"
    'images/Bob/Bob_0001.jpg;"images/Bob/Bob_0002.jpg";1.0;\n',
    "csv of a spreadsheet": "sep=;\r\nimg1;img2;same\r\nAda_L/Ada_L_0001.jpg;Bob/Bob_0001.jpg;FALSE\r\n"
    "Bob/Bob_0001.jpg;Bob/Bob_0002.jpg;TRUE\r\n",
    "csv with a divider at the end of its header alone": "img1,img2,same,\nAda_L/Ada_L_0001.jpg,Bob/Bob_0001.jpg,0\n"
    "Bob/Bob_0001.jpg,Bob/Bob_0002.jpg,1\n",
    "csv with quoted names": '"Img1","Img2","Same"\n"Ada_L/Ada_L_0001.jpg","Bob/Bob_0001.jpg","0"\n'
    '"Bob/Bob_0001.jpg","Bob/Bob_0002.jpg","1"\n',
    "csv with tabs": "a\tb\tlabel\nAda_L/Ada_L_0001.jpg\tBob/Bob_0001.jpg\tno\nBob/Bob_0001.jpg\tBob/Bob_0002.jpg\tyes",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("form", LISTS)
def test_lists_as_people_write_them(tmp_path: Path, form: str, encoding: str) -> None:
    write_images(tmp_path / "images", IMAGES)
    path = tmp_path / f"mine.{'CSV' if 'csv' in form else 'txt'}"
    path.write_bytes(LISTS[form].removeprefix("\ufeff" if encoding == "utf-16" else "").encode(encoding))
    found = read_file(str(path))
    assert sorted(stems(found)) == [["Ada_L_0001", "Bob_0001"], ["Bob_0001", "Bob_0002"]]
    assert sorted(found.is_same.tolist()) == [False, True]


@pytest.mark.parametrize("divider", [",", ";", "\t", ", "])
def test_cfps_lists_as_people_write_them(tmp_path: Path, divider: str) -> None:
    write_cfp(tmp_path)
    for path in (tmp_path / "Protocol").rglob("*.txt"):
        text = path.read_text().replace(",", divider).replace("/", "\\").replace(".jpg", ".JPG")
        path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", f"{divider.strip()}\r\n").encode())
    assert len(read_benchmark("cfp_fp", tmp_path).pairs) == 6


@pytest.mark.parametrize("place", ["MINE.BIN", "mine/Mine.Bin"])
def test_packs_in_capitals(tmp_path: Path, place: str) -> None:
    (tmp_path / "mine").mkdir()
    write_bin(tmp_path / place, [jpeg(0), jpeg(1), jpeg(2), jpeg(3)], [True, False])
    for root in (tmp_path, tmp_path / place):
        assert len(read_benchmark("mine", root).pairs) == 2


def test_names_of_any_bytes(tmp_path: Path) -> None:
    names = ["caf\udce9.jpg", "a\x1b[31m.jpg", "$x_<b>.jpg", "d.jpg"]
    write_images(tmp_path, names)
    text = f"{names[0]}\t{names[1]}\t1\n{names[2]}\t{names[3]}\t0\ngone\udcff.jpg\td.jpg\t0\n"
    path = tmp_path / "list\udcff.txt"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DataError, match=r"gone\\xff\.jpg"):
        read_file(str(path))
    found = read_file(str(path), allow_missing=True)
    assert found.name == "list\\xff" and found.missing == ("gone\udcff.jpg",) and found.source.image(0).shape
    assert found.source.describe(0).endswith("caf\\xe9.jpg") and "\x1b" not in found.source.describe(1)


def test_hostile_headers_do_not_hang_or_fill_memory(tmp_path: Path) -> None:
    write_images(tmp_path / "images", IMAGES)
    for header, said in (("999999999\t0", "4 of"), ("9" * 5000 + "\t1", "line"), ("3\t99999", "holds 4")):
        write_text(tmp_path / "pairs.txt", TEXT.replace("2\t1", header))
        if said == "4 of":
            assert len(read_benchmark("lfw", tmp_path).pairs) == 4
        else:
            with pytest.raises(DataError, match=said):
                read_benchmark("lfw", tmp_path)
