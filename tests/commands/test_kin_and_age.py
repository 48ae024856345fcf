"""Kin and age gaps as groupings, from the configuration to the report."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfn.benchmarks.lfw import read_lfw
from mfn.benchmarks.lfw_writer import write_lfw
from mfn.benchmarks.made_pairs import pairs_from_source
from mfn.errors import DataError
from mfn.evaluation.all_groups import all_images, rates_of_cut
from mfn.evaluation.groupings import gap_groups, same_groups
from mfn.metrics.group_rates import GroupRates
from mfn.sources.encode import png
from mfn.synthetic.dataset import SyntheticFaces
from tests.benchmarks.benchmark_files import write_text
from tests.commands.evaluating import judge_with
from tests.small_run import SIZE, save_small_checkpoint

PEOPLE, EACH = 12, 4


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint; LFW of 12 people, each two of a family but the last two; and AgeDB by its names."""
    root = tmp_path_factory.mktemp("kin")
    save_small_checkpoint(root)
    faces = SyntheticFaces(PEOPLE, EACH, image_size=SIZE)
    drawn = pairs_from_source(faces, folds=2, pairs_per_fold=60, name="lfw")
    write_lfw(drawn, root / "lfw")
    names = sorted(folder.name for folder in (root / "lfw/images").iterdir())
    rows = [f"{name},{f'f{number // 2}' if number < PEOPLE - 2 else ''}" for number, name in enumerate(names)]
    write_text(root / "kin.csv", "\ufeffidentity;family\r\n" + "\r\n".join(row.replace(",", ";") for row in rows))
    lines = []
    for a, b in drawn.pairs.tolist():
        pair = []
        for index in (a, b):
            person, number = divmod(int(index), EACH)
            name = f"{index}_P{person}x_{20 + 15 * number}_{'mf'[person % 2]}.png"
            (root / "agedb_30/images").mkdir(parents=True, exist_ok=True)
            (root / "agedb_30/images" / name).write_bytes(png(drawn.source.image(index)))
            pair.append(name)
        lines.append(f"{pair[0]} {pair[1]} {int(drawn.identities[a] == drawn.identities[b])}")  # type: ignore[index]
    write_text(root / "agedb_30/agedb_30.txt", "\n".join(lines))
    return root


def rates(report: dict[str, Any], name: str, by: str) -> dict[str, dict[str, Any]]:
    """The groups of one grouping, by name."""
    (found,) = [each for each in report["sets"][name]["group_rates"] if each["by"] == by]
    return {row["name"]: row for row in found["groups"]}


@pytest.mark.slow
@pytest.mark.parametrize("comparisons", ["pairs", "all"])
def test_relatives_stand_beside_the_others(files: Path, tmp_path: Path, comparisons: str) -> None:
    words = [f"groups.file={files / 'kin.csv'}", "groups.same=family", f"groups.comparisons={comparisons}"]
    report = judge_with(
        files, tmp_path, "benchmark=lfw", f"benchmark.root={files}", "groups.fmr=0.1", "check_alignment=false", *words
    )
    found = rates(report, "lfw", "sharing family")
    assert list(found) == ["same family", "other family"]
    kin, others = found["same family"], found["other family"]
    assert kin["people"] == PEOPLE - 2 and others["fnmr"]["comparisons"] == 0
    if comparisons == "all":
        assert kin["fmr"]["comparisons"] == 5 * EACH**2 and kin["fnmr"]["comparisons"] == 10 * EACH * (EACH - 1) // 2
        assert others["fmr"]["comparisons"] == (10 * 9 // 2 - 5) * EACH**2
    else:
        assert 0 < kin["fmr"]["comparisons"] < others["fmr"]["comparisons"]
    assert "sharing family" in (tmp_path / "report.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("comparisons", ["pairs", "all"])
def test_agedbs_names_make_gaps(files: Path, tmp_path: Path, comparisons: str) -> None:
    report = judge_with(
        files, tmp_path, "benchmark=agedb_30", f"benchmark.root={files}", "groups.gap=age", "groups.gap_bins=[10,40]",
        "groups.by=[gender]", "groups.fmr=0.1", f"groups.comparisons={comparisons}", "check_alignment=false",
    )  # fmt: skip
    gaps = rates(report, "agedb_30", "gap in age")
    assert list(gaps) == ["<10", "10 to <40", ">=40"] and gaps["<10"]["fnmr"]["comparisons"] == 0
    assert gaps[">=40"]["fmr"]["comparisons"] > 0 and set(rates(report, "agedb_30", "gender")) == {"f", "m"}


def test_all_comparisons_are_counted_as_plain_loops_do(files: Path) -> None:
    pairs = read_lfw(files / "lfw")
    rows = np.random.default_rng(0).normal(size=(len(pairs.source), 5)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert pairs.identities is not None
    ages = np.array([str(20 + 7 * index % 40) for index in range(len(rows))])
    families = np.array([f"f{person // 2}" if person < 10 else "" for person in pairs.identities.tolist()])
    images = all_images(pairs, np.arange(len(rows)), rows)
    for cut, names in (
        (lambda pairs: gap_groups("age", ages, pairs, [10.0, 20.0]), ("<10", "10 to <20", ">=20")),
        (lambda pairs: same_groups("family", families, pairs), ("same family", "other family")),
    ):
        _, tally, found = rates_of_cut(images, cut, 0.3)
        wanted = {name: [[0, 0], [0, 0], set()] for name in names}
        for one in range(len(rows)):
            for two in range(one + 1, len(rows)):
                grouping = cut(np.array([[one, two]]))
                if (code := int(grouping.codes[0])) < 0:
                    continue
                same = int(pairs.identities[one] == pairs.identities[two])
                wanted[names[code]][1][same] += 1
                wanted[names[code]][0][same] += int((rows[one] @ rows[two] >= 0.3) != same)
                wanted[names[code]][2] |= {pairs.identities[one], pairs.identities[two]}
        check(found, wanted)
        assert tally.comparisons.sum() == len(rows) * (len(rows) - 1) // 2


def check(found: GroupRates, wanted: dict[str, list[Any]]) -> None:
    for row in found.groups:
        errors, comparisons, people = wanted[row.name]
        assert [row.fmr.errors, row.fnmr.errors] == errors and row.people == len(people)
        assert [row.fmr.comparisons, row.fnmr.comparisons] == comparisons and row.fmr.low is None


def test_a_set_without_names_cannot_be_compared_in_full(files: Path) -> None:
    pairs = read_lfw(files / "lfw")
    with pytest.raises(DataError, match=r"does not say who is who.*groups\.comparisons=pairs"):
        all_images(type(pairs)(**{**vars(pairs), "identities": None}), np.arange(3), np.eye(3, dtype=np.float32))
