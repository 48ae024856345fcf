from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from mfn.errors import ConfigError
from mfn.prepare.balance import THINNED, TOO_FEW, BalanceRules, Band, balance
from mfn.prepare.manifest import Manifest

CONF = Path(__file__).resolve().parents[2] / "conf"


def preset(name: str) -> BalanceRules:
    with initialize_config_dir(str(CONF), version_base=None):
        return BalanceRules.from_config(compose(f"balance/{name}")["balance"])


def people(**counts: int) -> Manifest:
    identity = np.repeat(list(counts), list(counts.values()))
    names = [f"{person}/{number}.jpg" for number, person in enumerate(identity)]
    return Manifest(name=np.array(names), identity=identity, row=np.arange(identity.size))


def rows_of(table: Manifest) -> dict[str, Counter[str]]:
    kept = table.take(table.kept())
    return {str(who): Counter(kept.variant[kept.identity == who].tolist()) for who in np.unique(kept.identity)}


EDGES = {"a": 30, "b": 31, "c": 90, "d": 91, "e": 200, "f": 201, "g": 350, "h": 351, "i": 400}


@pytest.mark.parametrize(("name", "first"), [("keras_hsv", "hsv"), ("keras_opening", "opening")])
def test_the_older_projects_rules_at_their_edges(name: str, first: str) -> None:
    balanced = balance(people(**EDGES), preset(name), seed=0)
    assert rows_of(balanced) == {
        **{who: {"": n, first: n, "gaussian": n, "salt_pepper": n} for who, n in (("b", 31), ("c", 90))},
        **{who: {"": n, first: n} for who, n in (("d", 91), ("e", 200))},
        **{who: {"": n} for who, n in (("f", 201), ("g", 350), ("h", 350), ("i", 350))},
    }
    assert balanced.reasons() == {TOO_FEW: 30, THINNED: 51}


def test_no_rules_change_nothing() -> None:
    table = people(**EDGES)
    balanced = balance(table, preset("none"), seed=0)
    assert balanced.kept().all() and balanced.name.tolist() == table.name.tolist()


def test_copies_follow_their_image_and_say_the_same() -> None:
    rules = BalanceRules(1, 2, (Band(0, 2, ("opening", "gaussian")),))
    table = people(a=2, b=1).drop([False, True, False], "broken")
    balanced = balance(table, rules, seed=0)
    assert balanced.row.tolist() == [0, 0, 0, 1, 2, 2, 2]
    assert balanced.variant.tolist() == ["", "opening", "gaussian", "", "", "opening", "gaussian"]
    assert balanced.reason.tolist() == ["", "", "", "broken", "", "", ""]
    again = balance(balanced, rules, seed=0)
    assert again.variant.tolist() == balanced.variant.tolist() and again.row.tolist() == balanced.row.tolist()


def test_only_kept_images_count() -> None:
    table = people(a=4).drop([True, True, False, False], "broken")
    assert balance(table, BalanceRules(min_images=3), seed=0).reasons() == {"broken": 2, TOO_FEW: 2}


def test_the_pick_is_seeded_and_hangs_on_one_identity_alone() -> None:
    table = people(a=50, b=50, c=50)
    rules = BalanceRules(max_images=10)
    kept = balance(table, rules, seed=1).kept()
    assert kept.reshape(3, 50).sum(axis=1).tolist() == [10, 10, 10]
    assert len({tuple(part) for part in kept.reshape(3, 50)}) == 3
    alone = balance(table.take(table.identity != "a"), rules, seed=1).kept()
    assert np.array_equal(alone, kept[50:])
    assert not np.array_equal(balance(table, rules, seed=2).kept(), kept)


def test_nobody_left() -> None:
    assert len(balance(people(), BalanceRules(bands=(Band(0, None, ("hsv",)),)), seed=0)) == 0
    assert not balance(people(a=3), BalanceRules(min_images=4), seed=0).kept().any()


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ({"bands": [Band(0, 5), Band(6, None)]}, "leaves a gap"),
        ({"bands": [Band(4, None), Band(0, 5)]}, "overlaps"),
        ({"bands": [Band(0, None), Band(5, None)]}, "overlaps"),
        ({"bands": [Band(1, None)]}, "ask for above 0 upto None"),
        ({"bands": [Band(0, 5)], "max_images": 6}, "upto 5"),
        ({"min_images": 0}, "min_images"),
        ({"min_images": 5, "max_images": 4}, "max_images"),
    ],
)
def test_bands_must_fit(rules: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        BalanceRules(**rules)


@pytest.mark.parametrize("band", [(5, 5), (-1, 3), (0, 3, ["sepia"]), (0, 3, ["hsv", "hsv"])])
def test_a_band_must_make_sense(band: tuple[Any, ...]) -> None:
    with pytest.raises(ConfigError, match=r"balance\.bands"):
        Band(*band)


@pytest.mark.parametrize(
    "config", [{"min_images": 1, "max_images": None}, {"min_images": 1, "max_images": None, "bands": [{"above": 0}]}]
)
def test_missing_keys_are_told(config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="it takes min_images, max_images and bands"):
        BalanceRules.from_config(config)
