"""Pairs of an image with itself, repeats and pairs called both kinds, in every form that a set may have."""

import logging
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mfn.benchmarks.benchmark import read_benchmark
from mfn.benchmarks.chosen import chosen_benchmarks, read_file
from mfn.benchmarks.gallery import split_gallery
from mfn.benchmarks.held_out import held_out_set
from mfn.benchmarks.ijb import read_ijb
from mfn.benchmarks.lfw import read_lfw
from mfn.benchmarks.lfw_writer import write_lfw
from mfn.benchmarks.made_pairs import make_pairs
from mfn.benchmarks.odd_pairs import find_odd_pairs, odd_among, settled
from mfn.benchmarks.verification import VerificationSet, consecutive_folds
from mfn.errors import DataError
from mfn.images.files import ImageFiles
from mfn.sources.record_dataset import RecordDataset
from mfn.synthetic.dataset import SyntheticFaces
from tests.benchmarks.benchmark_files import write_images, write_text
from tests.benchmarks.ijb_files import write_ijb
from tests.sources.files import ArraySource, jpeg, write_pack

PEOPLE = ("Ada", "Bob", "Cyd")
PAIRS = [  # person, image, person, image
    *(("Ada", 1, "Ada", 2), ("Ada", 1, "Bob", 1), ("Bob", 1, "Bob", 2), ("Ada", 2, "Bob", 2)),
    *(("Cyd", 1, "Cyd", 1), ("Ada", 2, "Ada", 1), ("Ada", 1, "Bob", 1), ("Cyd", 1, "Cyd", 2), ("Ada", 1, "Cyd", 2)),
]
ODD = {"self_pairs": 1, "repeated_pairs": 2}
SAME = [a == b for a, _, b, _ in PAIRS]


def name_of(person: str, number: int) -> str:
    return f"{person}/{person}_{number:04d}.jpg"


def as_lfw(folder: Path) -> None:
    lines = ["\t".join(map(str, (a, i, j) if a == b else (a, i, b, j))) for a, i, b, j in PAIRS]
    write_text(folder / "pairs.txt", "\n".join(lines))


def as_list(folder: Path) -> None:
    lines = [f"{name_of(a, i)} {name_of(b, j)} {int(a == b)}" for a, i, b, j in PAIRS]
    write_text(folder / "pairs.txt", "\n".join(lines))


def as_two_lines(folder: Path) -> None:
    lines = [f"{name_of(*image)} {int(a == b)}" for a, i, b, j in PAIRS for image in ((a, i), (b, j))]
    write_text(folder / "pairs.txt", "\n".join(lines))


def as_csv(folder: Path) -> None:
    lines = [f"images/{name_of(a, i)},images/{name_of(b, j)},{int(a == b)}" for a, i, b, j in PAIRS]
    write_text(folder / "pairs.csv", "\n".join(["a,b,label", *lines]))


def as_bin(folder: Path) -> None:
    images = [(folder / "images" / name_of(*image)).read_bytes() for a, i, b, j in PAIRS for image in ((a, i), (b, j))]
    (folder / "lfw.bin").write_bytes(pickle.dumps((images, SAME)))


def as_cfp(folder: Path) -> None:
    """Person, then kind: /Name/frontal/01.jpg; the same pairs in two folds."""
    names = [(person, number) for person in PEOPLE for number in (1, 2)]
    write_images(folder, [f"Data/Images/{person}/frontal/{number:02d}.jpg" for person, number in names])
    lines = [f"{n} ../Data/Images/{person}/frontal/{number:02d}.jpg" for n, (person, number) in enumerate(names, 1)]
    write_text(folder / "Protocol/Pair_list_F.txt", "\n".join(lines))
    for fold, part in enumerate((PAIRS[:4], PAIRS[4:])):
        for same, file in ((True, "same.txt"), (False, "diff.txt")):
            rows = [f"{names.index((a, i)) + 1},{names.index((b, j)) + 1}" for a, i, b, j in part if (a == b) == same]
            write_text(folder / f"Protocol/Split/FF/{fold + 1:02d}/{file}", "\n".join(rows))


FORMS = {"lfw": (as_lfw, as_list, as_two_lines, as_csv, as_bin), "cfp_ff": (as_cfp,)}


@pytest.mark.parametrize(("name", "write"), [(name, write) for name, forms in FORMS.items() for write in forms])
def test_every_form_counts_them_and_leaves_them_out_where_asked(
    tmp_path: Path, name: str, write: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    write_images(tmp_path / "images", [name_of(person, number) for person in PEOPLE for number in (1, 2)])
    write(tmp_path)
    with caplog.at_level(logging.WARNING):
        kept = read_benchmark(name, tmp_path, odd_pairs="keep")
    said = "of 9 pairs 1 is of an image with itself, 2 are made before of the same images"
    assert kept.odd == ODD and len(kept.pairs) == 9 and kept.left_out == 0
    assert f"{name}: {said}: they count (benchmark.{name}.odd_pairs=leave_out judges without them)" in caplog.messages
    rest = read_benchmark(name, tmp_path, odd_pairs="leave_out")
    assert rest.odd == ODD and len(rest.pairs) == 6 and rest.left_out == 3
    assert f"{said}: left out" in rest.notes and find_odd_pairs(rest).counts() == {}
    assert chosen_benchmarks(**{name: rest}) == {name: rest}


def test_two_names_of_one_content_are_one_image(tmp_path: Path) -> None:
    write_images(tmp_path, ["a1.jpg", "a2.jpg", "b1.jpg", "b2.jpg"])
    for copy, of in (("copy.jpg", "a1.jpg"), ("again.JPG", "a1.jpg")):
        (tmp_path / copy).write_bytes((tmp_path / of).read_bytes())
    rows = ["a1.jpg a2.jpg 1", "b1.jpg b2.jpg 1", "a1.jpg b1.jpg 0", "a2.jpg b2.jpg 0"]
    rows += ["a1.jpg copy.jpg 1", "again.jpg a2.jpg 1", "b1.jpg again.JPG 0", "copy.jpg again.JPG 0"]
    found = read_file(str(write_text(tmp_path / "mine.txt", "\n".join(rows))))
    assert found.odd == {"self_pairs": 2, "repeated_pairs": 2} and len(found.pairs) == 4


def test_pairs_called_both_kinds_are_of_neither() -> None:
    odd = odd_among(np.array([[0, 1], [1, 0], [2, 3], [0, 1], [4, 4], [4, 4]]), np.array([1, 0, 1, 1, 1, 0], bool))
    assert odd.disputed.tolist() == [True, True, False, True, False, False]
    assert odd.selves.tolist() == [False] * 4 + [True] * 2 and not odd.repeats.any()


def test_a_set_without_odd_pairs_is_untouched() -> None:
    pairs = VerificationSet(
        "x", ArraySource([0] * 3), np.array([[0, 1], [1, 2]]), np.array([True, False]), np.arange(2)
    )
    assert settled(pairs, keep=False) is pairs
    assert odd_among(np.empty((0, 2), np.int64), np.empty(0, bool)).counts() == {}


def test_four_columns_with_one_name_twice_contradict_themselves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_images(tmp_path / "images", [name_of(person, number) for person in PEOPLE for number in (1, 2)])
    as_lfw(tmp_path)
    text = (tmp_path / "pairs.txt").read_text() + "\nBob\t1\tBob\t2\nAda\t1\tAda\t1"
    write_text(tmp_path / "pairs.txt", text)
    with caplog.at_level(logging.WARNING):
        found = read_benchmark("lfw", tmp_path)
    assert len(found.pairs) == 9 and found.left_out == 2 and found.is_same.tolist() == SAME
    note = "2 lines of pairs.txt have four columns but one name twice (first line 10): they are left out"
    assert note in found.notes and f"lfw: {note}" in caplog.messages


def test_a_list_of_four_columns_throughout_is_a_form_of_its_own(tmp_path: Path) -> None:
    write_images(tmp_path / "images", [name_of(person, number) for person in PEOPLE for number in (1, 2)])
    lines = ["\t".join(map(str, pair)) for pair in PAIRS]
    found = read_file(str(write_text(tmp_path / "mine.txt", "\n".join(lines))))
    assert found.odd == ODD and found.left_out == 3 and len(found.pairs) == 6
    assert "5 lines of mine.txt have four columns but one name twice" in found.notes[0]
    assert "taken for genuine pairs" in found.notes[0]


def folder_of_people(root: Path) -> Path:
    for person in range(6):
        for number in range(4):
            (root / f"p{person}").mkdir(parents=True, exist_ok=True)
            seed = 10 * person + (0 if number == 3 else number)  # the fourth is the first over again
            (root / f"p{person}" / f"{number}.jpg").write_bytes(jpeg(seed))
    return root


def test_made_pairs_leave_out_files_of_one_content(tmp_path: Path) -> None:
    made = make_pairs(folder_of_people(tmp_path), sampling="by_person", num_sample=4, folds=2)
    assert made.odd["self_pairs"] == 6 and made.left_out == len(range(276)) - len(made.pairs)
    assert len(made.pairs) == 18 * 17 // 2 and find_odd_pairs(made).counts() == {}
    write_lfw(made, tmp_path / "written")
    again = read_lfw(tmp_path / "written")
    assert np.array_equal(again.is_same, made.is_same) and np.array_equal(again.fold_of, made.fold_of)


def test_held_out_people_are_judged_without_them(tmp_path: Path) -> None:
    write_pack(tmp_path, dict.fromkeys(range(4), 4))
    source = RecordDataset(tmp_path)
    original = source.encoded

    class Repeating(RecordDataset):
        def encoded(self, index: int) -> bytes:
            return original(index - 1 if index % 4 == 3 else index)

    held_out = held_out_set(Repeating(tmp_path), np.arange(16), 40, seed=0)
    assert held_out.odd["self_pairs"] > 0 and held_out.left_out == sum(held_out.odd.values())
    assert find_odd_pairs(held_out).counts() == {}


def test_held_out_people_of_one_image_are_judged_with_them_and_that_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_pack(tmp_path, dict.fromkeys(range(4), 4))
    source = RecordDataset(tmp_path)
    original = source.encoded

    class OneImage(RecordDataset):
        def encoded(self, index: int) -> bytes:
            return original(0)

    with caplog.at_level(logging.WARNING):
        held_out = held_out_set(OneImage(tmp_path), np.arange(16), 40, seed=0)
    assert held_out.odd["self_pairs"] == len(held_out.pairs) == 40 and held_out.left_out == 0
    assert "they count, since there would be nothing to judge by without them" in caplog.text


def test_only_images_of_pairs_of_held_out_people_are_looked_at() -> None:
    source = SyntheticFaces(4, 50, image_size=(32, 32))
    held_out = held_out_set(source, np.arange(100, 200), 20, seed=0)
    assert len(held_out.pairs) == 20 and len(held_out.source) == np.unique(held_out.pairs).size <= 40
    shown = {held_out.source.describe(index) for index in range(len(held_out.source))}
    assert shown < {source.describe(index) for index in range(100, 200)}


def test_a_probe_that_is_a_gallery_image_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        people = split_gallery(folder_of_people(tmp_path), gallery_images=3, enrolled=0.9, seed=1)
    (note,) = people.notes
    assert "probes are a gallery image over again: left out" in note and note in caplog.text
    shown = {(tmp_path / people.source.describe(int(i))).read_bytes() for i in people.gallery}
    assert not any((tmp_path / people.source.describe(int(i))).read_bytes() in shown for i in people.probes)


def test_templates_with_themselves_and_repeats_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_ijb(tmp_path)
    assert read_ijb(tmp_path).notes == ()
    path = tmp_path / "meta" / "ijbc_template_pair_label.txt"
    first = path.read_text().splitlines()[0].split()
    path.write_text(path.read_text() + f"{first[1]} {first[0]} {first[2]}\n{first[0]} {first[0]} 1\n")
    with caplog.at_level(logging.WARNING):
        (note,) = read_ijb(tmp_path).notes
    assert "1 are of a template with itself and 1 repeat others" in note and note in caplog.text


def test_what_is_left_may_be_too_little_and_says_why(tmp_path: Path) -> None:
    images = [jpeg(0), jpeg(0), jpeg(1), jpeg(2), jpeg(1), jpeg(1)]
    (tmp_path / "mine.bin").write_bytes(pickle.dumps((images, [True, False, True])))
    found = read_file(str(tmp_path / "mine.bin"))
    with pytest.raises(DataError, match=r"0 genuine and 1 impostor pairs \(of 3 pairs 2 are of an image with itself"):
        chosen_benchmarks(file=found)


def test_lfw_as_published_has_none(shared: Path) -> None:
    found = read_benchmark("lfw", shared / "data" / "lfw")
    assert found.odd == {} and found.notes == () and np.array_equal(found.fold_of, consecutive_folds(6000, 10))
    assert isinstance(found.source, ImageFiles)
