from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from mfn.errors import ConfigError, DataError
from mfn.prepare.from_config import executor_of, plan_of, prepare_pack
from mfn.prepare.manifest import Manifest
from mfn.prepare.plan import Plan
from mfn.prepare.quality_gate import LOW_QUALITY
from tests.composing import CONF
from tests.inference.onnx_files import quality_onnx
from tests.prepare.fakes import write_photos


def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("prepare", ["source.root=unused", "output=unused", *overrides])


def plan(*overrides: str) -> Plan:
    return plan_of(composed(*overrides))


def test_the_presets_of_the_older_projects() -> None:
    rules = plan("balance=keras_opening").balance
    assert rules is not None
    assert (rules.min_images, rules.max_images) == (31, 350)
    assert {band.above: tuple(band.copies) for band in rules.bands}[30] == ("opening", "gaussian", "salt_pepper")


def test_one_step_alone_leaves_the_others_out() -> None:
    alone = plan("steps=[clean]")
    assert alone.clean is not None and alone.suspects is not None
    assert (alone.align, alone.balance, alone.split) == (None, None, None)


@pytest.mark.parametrize(
    "override",
    [
        "seed=1",
        "image_size=[112,96]",
        "align.several=largest",
        "align.missing=centre",
        "quality=90",
        "max_broken=0.1",
        "clean.min_face=40",
        "clean.min_blur=50",
        "clean.grey=true",
        "clean.duplicate_distance=null",
        "clean.shared=false",
        "model_path=y1.npz",
        "suspects.list_below=0.4",
        "suspects.drop_below=0.1",
        "suspects.list_above=0.5",
        "suspects.merge_above=0.8",
        "balance.min_images=3",
        "balance.max_images=9",
        "split.val_fraction=0.1",
        "split.held_out_identities=0.1",
        "pairs=100",
        "format=folder",
        "materialise=true",
        "index=parquet",
    ],
)
def test_every_key_is_read(override: str) -> None:
    assert plan(override) != plan()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("steps=[align,clear]", "names clear; there are align, clean, balance, split"),
        ("align.several=all", "align.several=all"),
        ("quality=0", "quality=0"),
        ("format=zip", "format=zip"),
        ("index=json", "index=json"),
        ("max_broken=2", "max_broken=2"),
    ],
)
def test_values_that_make_no_sense_are_refused(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan(override)


def test_executors_have_names() -> None:
    with pytest.raises(ConfigError, match="executor=slurm must be local or ray"):
        executor_of(composed("executor=slurm"))


def test_landmarks_from_a_file_make_a_pack(tmp_path: Path) -> None:
    root = write_photos(tmp_path / "in", {"ann": [1, 1], "bob": [1]})
    header = "path x y w h lex ley rex rey nx ny lmx lmy rmx rmy score"
    points = "24 36 42 36 33 46 26 56 40 56 0.9"
    rows = [header, *(f"{name} 5 10 56 56 {points}" for name in ("ann/00.png", "bob/00.png"))]
    (tmp_path / "points.tsv").write_text("\n".join(row.replace(" ", "\t") for row in rows) + "\n")
    report = prepare_pack(
        composed(
            f"source.root={root}",
            f"output={tmp_path / 'out'}",
            "detector=file",
            f"detector.path={tmp_path / 'points.tsv'}",
            "workers=0",
        )
    )
    assert (report.kept, report.dropped) == (2, {"no face": 1})


def test_the_quality_of_a_network_is_asked_of_every_crop_and_written_down(tmp_path: Path) -> None:
    root = write_photos(tmp_path / "in", {"ann": [1, 1], "bob": [1, 1, 0, -1]})
    words = (f"source.root={root}", f"output={tmp_path / 'out'}", "steps=[clean]", "workers=0", "max_broken=0.5",
             f"clean.quality={quality_onnx(tmp_path, (90, 120))}")  # fmt: skip
    every = prepare_pack(composed(*words, "clean.min_quality=-9"))
    index = Manifest.read(tmp_path / "out" / "index.csv")
    known = np.isfinite(index.quality)
    assert every.kept == 5 and known.sum() == 5 and index.reason[~known].tolist() == ["broken"]
    level = float(np.sort(index.quality[known])[2])
    gated = prepare_pack(composed(*words, f"clean.min_quality={level!r}", "overwrite=true"))
    assert (gated.kept, gated.dropped) == (3, {LOW_QUALITY: 2, "broken": 1})
    again = Manifest.read(tmp_path / "out" / "index.csv")
    np.testing.assert_array_equal(again.quality, index.quality)
    assert (again.quality[again.reason == LOW_QUALITY] < level).all() and len(list(root.rglob("*.png"))) == 6
    assert "quality" in (tmp_path / "out" / "dropped.html").read_text()
    with pytest.raises(DataError, match="loosen the rules"):
        prepare_pack(composed(*words, "clean.min_quality=1e9", "overwrite=true"))
