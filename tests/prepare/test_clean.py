from typing import Any

import numpy as np
import pytest

from mfn.errors import ConfigError, DataError
from mfn.prepare.clean import BLURRY, DUPLICATE, GREY, SHARED, TINY, CleanRules, clean
from mfn.prepare.manifest import Manifest


def table(identity: str, hashes: list[int] | None = None, **columns: Any) -> Manifest:
    """One row for each letter of `identity`, all different from one another unless hashes are given."""
    count = len(identity)
    apart = np.random.default_rng(0).integers(0, 2**64, count, dtype=np.uint64)
    given: dict[str, Any] = {
        "hash": apart if hashes is None else np.array(hashes, np.uint64),
        "blur": np.full(count, 100.0),
        "height": np.full(count, 112),
        "width": np.full(count, 112),
    }
    names = [f"{person}/{number}.jpg" for number, person in enumerate(identity)]
    return Manifest(name=np.array(names), identity=np.array(list(identity)), **(given | columns))


def test_small_faces_are_measured_in_the_photo() -> None:
    box = np.array([[0, 0, 30, 50], [0, 0, 50, 30], [0, 0, 31, 31], [np.nan] * 4, [np.nan] * 4])
    sides = np.array([500, 500, 500, 40, 25])
    cleaned = clean(table("aabbb", box=box, height=sides, width=np.full(5, 600)), CleanRules(min_face=31))
    assert cleaned.reason.tolist() == [TINY, TINY, "", "", TINY]


def test_grey_and_blurry() -> None:
    images = table("aab", grey=np.array([True, False, True]), blur=np.array([80.0, 20.0, 20.0]))
    assert clean(images, CleanRules()).kept().all()
    assert clean(images, CleanRules(grey=True, min_blur=50)).reason.tolist() == [GREY, BLURRY, GREY]


def test_the_largest_then_sharpest_copy_stays() -> None:
    box = np.array([[0, 0, side, side] for side in (50, 80, 80, 80)])
    blur = np.array([900.0, 100.0, 300.0, 300.0])
    cleaned = clean(table("aaaa", [0b0, 0b11, 0b1111, 0b11], box=box, blur=blur), CleanRules(duplicate_distance=2))
    assert cleaned.reason.tolist() == [DUPLICATE, DUPLICATE, "", DUPLICATE]
    assert clean(table("aaaa", [7] * 4), CleanRules(duplicate_distance=None)).kept().all()


def test_a_dropped_image_does_not_drop_its_copies() -> None:
    cleaned = clean(table("aa", [5, 5], blur=np.array([90.0, 10.0])), CleanRules(min_blur=50))
    assert cleaned.reason.tolist() == ["", BLURRY]
    broken = table("aa", [5, 5], blur=np.array([np.nan, 10.0])).drop([True, False], "broken")
    assert clean(broken, CleanRules()).reason.tolist() == ["broken", ""]


def test_an_image_under_two_identities_goes_with_its_near_copies() -> None:
    hashes = [5, 4, 5, 1 << 40, (1 << 40) + 1]
    cleaned = clean(table("aabbc", hashes), CleanRules(duplicate_distance=1))
    assert cleaned.reason.tolist() == [SHARED, SHARED, SHARED, "", ""]
    apart = clean(table("aabbc", hashes), CleanRules(duplicate_distance=1, shared=False))
    assert apart.reason.tolist() == ["", DUPLICATE, "", "", ""]


def test_unmeasured_images_are_an_error() -> None:
    with pytest.raises(DataError, match="2 images have no blur"):
        clean(table("aaa", blur=np.array([1.0, np.nan, np.nan])), CleanRules())


@pytest.mark.parametrize("value", [{"min_face": -1}, {"min_blur": -0.1}, {"duplicate_distance": 16}])
def test_rules_out_of_range(value: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(value))):
        CleanRules(**value)
