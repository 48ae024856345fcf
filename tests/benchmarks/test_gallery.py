from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfn.benchmarks.gallery import IdentificationSet, split_gallery
from mfn.errors import ConfigError, DataError
from tests.sources.files import write_pack

PEOPLE = {float(person): 1 + person % 5 for person in range(20)}


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return write_pack(tmp_path, PEOPLE)


def parts(split: IdentificationSet) -> tuple[set[int], set[int], np.ndarray, np.ndarray]:
    """Enrolled and unknown people, known and unknown probes."""
    enrolled = set(split.identities[split.gallery].tolist())
    is_known = np.isin(split.identities[split.probes], list(enrolled))
    unknown = set(split.identities[split.probes[~is_known]].tolist())
    return enrolled, unknown, split.probes[is_known], split.probes[~is_known]


def test_everyone_has_one_part(pack: Path) -> None:
    split = split_gallery(pack, gallery_images=2, enrolled=0.75)
    enrolled, unknown, known_probes, unknown_probes = parts(split)
    assert (len(enrolled), len(unknown)) == (15, 5) and enrolled | unknown == set(range(20))
    together = np.sort(np.concatenate([split.gallery, split.probes]))
    assert np.array_equal(together, np.arange(60)) and len(split.source) == 60
    in_gallery = np.bincount(split.identities[split.gallery], minlength=20)
    assert all(in_gallery[person] == min(2, PEOPLE[person]) for person in enrolled)
    assert known_probes.size == sum(max(0, PEOPLE[person] - 2) for person in enrolled)
    assert unknown_probes.size == sum(PEOPLE[person] for person in unknown)
    assert not split.strict and split.name == pack.name


def test_a_closed_set_and_a_name(pack: Path) -> None:
    split = split_gallery(pack, enrolled=1, name="closed")
    assert parts(split)[1] == set() and split.name == "closed" == split.source.name


def test_fewer_probes_leave_their_images_out(pack: Path) -> None:
    split = split_gallery(pack, max_probes=7)
    assert split.probes.size == 7 and len(split.source) == 7 + split.gallery.size
    whole = split_gallery(pack)
    described = {whole.source.describe(int(index)) for index in whole.probes}
    assert {split.source.describe(int(index)) for index in split.probes} <= described
    for index in split.gallery:
        assert split.source.describe(int(index)) not in described


def test_seed_decides(pack: Path) -> None:
    first, again, other = (split_gallery(pack, seed=seed).gallery.tolist() for seed in (0, 0, 1))
    assert first == again and first != other


@pytest.mark.parametrize("options", [{"gallery_images": 0}, {"enrolled": 0}, {"enrolled": 1.1}, {"max_probes": 0}])
def test_values_out_of_range(pack: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(options))}={next(iter(options.values()))}"):
        split_gallery(pack, **options)


def test_nobody_to_look_for(pack: Path) -> None:
    with pytest.raises(DataError, match="more than gallery_images=5 images each"):
        split_gallery(pack, gallery_images=5)
