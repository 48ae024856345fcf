"""What the messages of `mfn prepare` say to do, done."""

from pathlib import Path

import pytest

from mfn.errors import ConfigError, DataError
from mfn.prepare.align_step import AlignRules
from mfn.prepare.balance import BalanceRules
from tests.prepare.fakes import write_photos
from tests.prepare.running import prepared
from tests.prepare.test_resume import StopsAfter


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six photos, two of them broken, one without a face."""
    return write_photos(tmp_path / "in", {"ann": [1, 1, -1], "bob": [1, 0, -1]})


def test_raise_max_broken(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"more than 20% of the 6 images are broken, .*raise max_broken to go on"):
        prepared(root, tmp_path / "out", max_broken=0.2)
    assert prepared(root, tmp_path / "out", max_broken=0.5).kept == 3


def test_loosen_the_rules(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no image is left to train on .*too few images: 3.*: loosen the rules"):
        prepared(root, tmp_path / "out", max_broken=0.5, balance=BalanceRules(min_images=4))
    assert prepared(root, tmp_path / "out", max_broken=0.5, balance=BalanceRules(min_images=2)).kept == 2


@pytest.mark.parametrize("missing", ["skip", "centre"])
def test_take_a_photo_without_a_face_out_or_choose_what_to_do(root: Path, tmp_path: Path, missing: str) -> None:
    with pytest.raises(DataError, match=r"bob/01\.png shows no face: take it out, or choose align\.missing=skip or"):
        prepared(root, tmp_path / "out", max_broken=0.5, align=AlignRules(missing="fail"))
    with pytest.raises(ConfigError, match=r"was begun with .*: move that folder away, or choose another output"):
        prepared(root, tmp_path / "out", max_broken=0.5, align=AlignRules(missing=missing))
    (tmp_path / "out.work").rename(tmp_path / "moved")
    assert prepared(root, tmp_path / "out", max_broken=0.5, align=AlignRules(missing=missing)).kept >= 3
    (root / "bob/01.png").unlink()
    assert prepared(root, tmp_path / "other", max_broken=0.5, align=AlignRules(missing="fail")).kept == 3


def test_unfinished_work_of_other_settings_is_left_alone(root: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        prepared(root, tmp_path / "out", StopsAfter(0), max_broken=0.5)
    with pytest.raises(ConfigError, match="choose another output"):
        prepared(root, tmp_path / "out", max_broken=0.5, align=AlignRules(quality=50))
    assert prepared(root, tmp_path / "other", max_broken=0.5, align=AlignRules(quality=50)).kept == 3
    assert prepared(root, tmp_path / "out", max_broken=0.5).kept == 3
