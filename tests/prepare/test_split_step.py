from typing import Any

import numpy as np
import pytest

from mfn.errors import ConfigError
from mfn.prepare.balance import BalanceRules, Band, balance
from mfn.prepare.manifest import Manifest
from mfn.prepare.split_step import SplitShares, split


def people(count: int, images: int) -> Manifest:
    identity = np.repeat([f"person {number:03d}" for number in range(count)], images)
    names = [f"{person}/{number}.jpg" for number, person in enumerate(identity)]
    return Manifest(name=np.array(names), identity=identity, row=np.arange(identity.size))


TABLE = people(100, 20)
SHARES = SplitShares(val_fraction=0.1, held_out_identities=0.2)


def test_shares() -> None:
    table = split(TABLE, SHARES, seed=0)
    held_out = table.split == "held_out"
    assert np.unique(table.identity[held_out]).size == 20 and held_out.sum() == 400
    assert not set(table.identity[held_out]) & set(table.identity[~held_out])
    assert (table.split == "val").sum() == 160 and (table.split == "train").sum() == 1440
    assert set(table.identity[table.split == "val"]) == set(table.identity[table.split == "train"])


def test_everything_trains_unless_asked() -> None:
    assert set(split(TABLE, SplitShares(), seed=0).split) == {"train"}


def test_the_older_projects_share_of_one_in_two_hundred() -> None:
    share = (split(TABLE, SplitShares(val_fraction=0.005), seed=0).split == "val").mean()
    assert 0.002 < share < 0.009


def test_dropped_rows_are_in_no_part_and_change_nothing() -> None:
    twice = TABLE.take(np.repeat(np.arange(len(TABLE)), 2))
    table = split(twice.drop(np.arange(len(twice)) % 2 == 1, "broken"), SHARES, seed=0)
    assert (table.split[1::2] == "").all()
    assert np.array_equal(table.split[::2], split(TABLE, SHARES, seed=0).split)


def test_copies_train_and_never_judge() -> None:
    balanced = balance(TABLE, BalanceRules(bands=[Band(0, None, ("hsv", "gaussian"))]), seed=0)
    table = split(balanced, SHARES, seed=0)
    copies = table.variant != ""
    assert set(table.split[copies]) == {"train"} and copies.sum() == 2 * 1440
    assert not set(table.row[copies]) & set(table.row[table.split != "train"])
    assert np.array_equal(table.split[~copies], split(TABLE, SHARES, seed=0).split)


def test_the_seed_decides_and_no_other_identity_does() -> None:
    first, other = split(TABLE, SHARES, seed=0), split(TABLE, SHARES, seed=1)
    assert not np.array_equal(first.split, other.split)
    fewer = TABLE.take(TABLE.identity != "person 000")
    shares = SplitShares(val_fraction=0.1)
    assert np.array_equal(split(fewer, shares, seed=0).split, split(TABLE, shares, seed=0).split[20:])


def test_no_rows() -> None:
    assert len(split(people(0, 0), SHARES, seed=0)) == 0


@pytest.mark.parametrize("value", [{"val_fraction": 1.0}, {"held_out_identities": -0.1}])
def test_shares_out_of_range(value: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=rf"split\.{next(iter(value))}"):
        SplitShares(**value)
