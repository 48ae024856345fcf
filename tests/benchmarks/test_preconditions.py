"""Sets that can only fail are told when they are chosen, before anything is embedded; each remedy works."""

import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest

from mfn.benchmarks.benchmark import read_benchmark
from mfn.benchmarks.chosen import chosen_benchmarks, chosen_pairs, only_pairs, read_file
from mfn.benchmarks.gallery import IdentificationSet
from mfn.benchmarks.ijb import read_ijb
from mfn.benchmarks.ijb_tables import Subjects
from mfn.benchmarks.preconditions import check_benchmark
from mfn.benchmarks.verification import VerificationSet
from mfn.errors import ConfigError, DataError
from mfn.evaluation.verification import evaluate_verification
from tests.benchmarks.benchmark_files import write_cfp, write_images, write_text
from tests.benchmarks.ijb_files import write_ijb
from tests.evaluation.tiny import tiny_embedder
from tests.sources.files import ArraySource, jpeg


def made(same: list[int], folds: list[int]) -> VerificationSet:
    pairs = np.stack([np.arange(len(same)), np.arange(len(same)) + 1], axis=1)
    return VerificationSet(
        "mine", ArraySource([0] * (len(same) + 1)), pairs, np.array(same, bool), np.array(folds, np.int64)
    )


@pytest.mark.parametrize(
    ("same", "folds", "said"),
    [
        ([], [], "0 genuine and 0 impostor pairs"),
        ([1, 1, 1], [0, 1, 2], "3 genuine and 0 impostor pairs"),
        ([0, 0], [0, 1], "0 genuine and 2 impostor pairs"),
        ([1, 0], [0, 1], "it has one genuine pair"),
        ([1, 1, 0], [0, 1, 1], "it has one impostor pair"),
        ([1, 1, 0, 0], [0, 0, 0, 0], "2 genuine pairs are all in one of its 1 folds"),
        ([1, 1, 0, 0], [0, 1, 1, 1], "2 impostor pairs are all in one of its 2 folds"),
    ],
)
def test_what_can_only_fail(same: list[int], folds: list[int], said: str) -> None:
    pairs = made(same, folds)
    with pytest.raises(DataError, match=said):
        check_benchmark(pairs, "mine")
    with pytest.raises(DataError, match=said):
        chosen_benchmarks(mine=pairs)
    with pytest.raises(DataError):
        evaluate_verification(tiny_embedder((8, 6)), pairs)


@pytest.mark.parametrize("folds", [[0, 1, 0, 1], [0, 1, 1, 0], [0, 1, 2, 3], [7, 3, 3, 7]])
def test_two_of_each_kind_in_two_folds_are_enough(folds: list[int]) -> None:
    pairs = made([1, 1, 0, 0], folds)
    check_benchmark(pairs, "mine")
    assert 0 <= evaluate_verification(tiny_embedder((8, 6)), pairs).accuracy <= 1


def test_all_sets_that_can_only_fail_are_named() -> None:
    sets = {"one": dataclasses.replace(made([1, 1], [0, 1]), name="one"), "two": made([0, 0], [0, 1])}
    with pytest.raises(DataError, match=r"one cannot be judged.*; mine cannot be judged"):
        chosen_benchmarks(**sets)


def write_lfw_of_one_fold(folder: Path) -> Path:
    write_images(folder / "images", ["a/a_0001.jpg", "a/a_0002.jpg", "b/b_0001.jpg", "b/b_0002.jpg"])
    write_text(folder / "pairs.txt", "1\t2\na\t1\t2\nb\t1\t2\na\t1\tb\t1\na\t2\tb\t2\n")
    return folder


def write_sorted_pack(folder: Path) -> Path:
    images = [jpeg(seed) for seed in range(16)]
    (folder / "lfw.bin").write_bytes(pickle.dumps((images, [True] * 6 + [False] * 2)))
    return folder


def write_csv_of_one_fold(folder: Path) -> Path:
    write_images(folder, [f"{number}.jpg" for number in range(5)])
    rows = ["0.jpg,1.jpg,1,x", "1.jpg,2.jpg,1,x", "2.jpg,3.jpg,0,x", "3.jpg,4.jpg,0,x"]
    write_text(folder / "lfw.csv", "\n".join(["a,b,label,fold", *rows]))
    return folder


@pytest.mark.parametrize("write", [write_lfw_of_one_fold, write_csv_of_one_fold])
def test_the_remedy_of_folds_works(tmp_path: Path, write) -> None:
    root = write(tmp_path)
    with pytest.raises(DataError, match=r"benchmark\.lfw\.folds, up to 4"):
        chosen_benchmarks(lfw=read_benchmark("lfw", root))
    for folds in (2, 4):
        again = read_benchmark("lfw", root, folds=folds)
        assert chosen_benchmarks(lfw=again) == {"lfw": again}


def test_the_remedy_of_folds_works_for_packs_too(tmp_path: Path) -> None:
    write_sorted_pack(tmp_path)
    with pytest.raises(DataError, match=r"2 impostor pairs are all in one .* benchmark\.lfw\.folds, up to 8"):
        chosen_benchmarks(lfw=read_benchmark("lfw", tmp_path, folds=2))
    chosen_benchmarks(lfw=read_benchmark("lfw", tmp_path, folds=8))


def test_folds_asked_for_are_used_whatever_the_set_brings(tmp_path: Path) -> None:
    write_cfp(tmp_path, people=8, folds=4)
    assert np.unique(read_benchmark("cfp_fp", tmp_path).fold_of).size == 4
    assert np.unique(read_benchmark("cfp_fp", tmp_path, folds=2).fold_of).size == 2


def test_too_few_pairs_for_the_folds_are_told(tmp_path: Path) -> None:
    write_lfw_of_one_fold(tmp_path)
    assert read_benchmark("lfw", tmp_path, folds=3).notes == ("judged in 2 folds: 4 pairs are too few for 3",)
    assert read_benchmark("lfw", tmp_path, folds=2).notes == ()


@pytest.mark.parametrize("folds", [1, 0, -1, 2.0, "ten", True])
def test_folds_that_make_no_sense_are_told_with_their_key(tmp_path: Path, folds: object) -> None:
    with pytest.raises(ConfigError, match=rf"benchmark\.lfw\.folds={folds} must be null .* or a whole number"):
        read_benchmark("lfw", write_lfw_of_one_fold(tmp_path), folds=folds)
    with pytest.raises(ConfigError, match=rf"benchmark\.file\.folds={folds} must"):
        read_file(str(tmp_path / "pairs.txt"), folds=folds)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"allow_missing": "no"}, r"benchmark\.allow_missing=no must be true or false"),
        ({"odd_pairs": "drop"}, r"benchmark\.lfw\.odd_pairs=drop must be keep or leave_out"),
        ({"root": None}, r"benchmark\.root must be given"),
        ({"root": ""}, r"benchmark\.root must be given"),
        ({"root": 1e3}, r"benchmark\.root=1000.0 is no path"),
        ({"root": True}, r"benchmark\.root=True is no path"),
    ],
)
def test_other_options_that_make_no_sense(tmp_path: Path, options: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_benchmark("lfw", **({"root": tmp_path} | options))


def test_a_folder_named_by_a_number_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_lfw_of_one_fold(tmp_path / "2024")
    monkeypatch.chdir(tmp_path)
    assert len(read_benchmark("lfw", 2024).pairs) == 4


def test_templates_that_can_only_fail(tmp_path: Path) -> None:
    write_ijb(tmp_path)
    ijb = read_ijb(tmp_path)
    check_benchmark(ijb, "ijbc")
    for changed, said in (
        ({"is_same": np.ones_like(ijb.is_same)}, "genuine and 0 impostor pairs"),
        ({"templates": ijb.templates + 10_000}, "0 genuine and 0 impostor pairs"),
        ({"probes": Subjects(ijb.probes.templates, ijb.probes.people + 100)}, "no probe that has an image shows"),
    ):
        with pytest.raises(DataError, match=said):
            check_benchmark(dataclasses.replace(ijb, **changed), "ijbc")


def people(known: bool) -> IdentificationSet:
    return IdentificationSet(
        "who", ArraySource([0] * 3), np.array([0]), np.array([1, 2]), np.array([0, 0 if known else 5, 9])
    )


def test_nobody_to_find() -> None:
    check_benchmark(people(True), "who")
    with pytest.raises(DataError, match="who: no probe shows one of the people enrolled"):
        check_benchmark(people(False), "who")


def test_where_only_pairs_will_do_other_sets_are_named(tmp_path: Path) -> None:
    pairs = made([1, 1, 0, 0], [0, 1, 0, 1])
    assert chosen_pairs(mine=pairs) == {"mine": pairs}
    for choose in (lambda sets: only_pairs(sets), lambda sets: chosen_pairs(**sets)):
        with pytest.raises(ConfigError, match="benchmark=identification is no set of pairs: leave it out here"):
            choose({"mine": pairs, "identification": people(True)})


def test_two_sets_of_one_name_are_told_apart(tmp_path: Path) -> None:
    first, second = made([1, 1, 0, 0], [0, 1, 0, 1]), made([1, 0, 1, 0], [0, 1, 1, 0])
    second = dataclasses.replace(second, pairs=second.pairs[::-1])
    chosen = chosen_benchmarks(lfw=first, file=second)
    assert [pairs.name for pairs in chosen.values()] == ["mine", "mine (file)"] and list(chosen) == ["lfw", "file"]
