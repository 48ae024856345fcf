"""Each set by its name, from a configuration to the report, on a made-up root."""

import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfn.benchmarks.bin_writer import prepare_bin
from mfn.benchmarks.chosen import chosen_pairs
from mfn.benchmarks.lfw import read_lfw
from mfn.benchmarks.lfw_writer import write_lfw
from mfn.benchmarks.made_pairs import pairs_from_source
from mfn.benchmarks.verification import VerificationSet
from mfn.config.build import build
from mfn.errors import ConfigError, DataError
from mfn.synthetic.dataset import SyntheticFaces
from tests.benchmarks.benchmark_files import write_text
from tests.benchmarks.one_to_many_files import PEOPLE, STRANGERS, write_megaface, write_tinyface
from tests.commands.evaluating import judge_with
from tests.composing import composed
from tests.small_run import SIZE, save_small_checkpoint, small_data, small_recognizer, small_trainer

PAIRS = ("xqlfw", "sllfw", "hadrian", "eclipse", "nd_twins")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint, and every set below one folder."""
    root = tmp_path_factory.mktemp("sets")
    save_small_checkpoint(root)
    drawn = pairs_from_source(SyntheticFaces(8, 6, image_size=SIZE), folds=2, pairs_per_fold=20, name="lfw")
    write_lfw(drawn, root / "lfw")
    lfw = read_lfw(root / "lfw")
    write_lfw(drawn, root / "XQLFW")
    (root / "XQLFW/images").rename(root / "XQLFW/xqlfw_aligned_112")
    (root / "XQLFW/pairs.txt").rename(root / "XQLFW/xqlfw_pairs.txt")
    images = [Path(lfw.source.describe(index)) for index in lfw.pairs.ravel()]
    write_text(root / "sllfw/pair_SLLFW.txt", "\n".join(f"{image.parent.name}/{image.name}" for image in images[::-1]))
    prepare_bin(lfw, root / "hadrian.bin")
    (root / "hadrian.xz").write_bytes(lzma.compress((root / "hadrian.bin").read_bytes()))
    for file in root.glob("hadrian.bin*"):
        file.unlink()
    (root / "eclipse").mkdir()
    order = lfw.pairs[::-1]
    np.save(root / "eclipse/eclipse.npy", [lfw.source.image(int(index)).transpose(2, 0, 1) for index in order.ravel()])
    np.savetxt(root / "eclipse/issame.txt", lfw.is_same[::-1], fmt="%d")
    prepare_bin(lfw.take(np.arange(30)), root / "ND-Twins.bin")
    write_tinyface(root / "tinyface")
    write_megaface(root / "megaface")
    return root


@pytest.mark.slow
def test_sets_of_pairs_and_of_people_are_judged_together(files: Path, tmp_path: Path) -> None:
    names = ",".join((*PAIRS, "tinyface", "megaface"))
    report = judge_with(files, tmp_path, f"benchmark=[{names}]", f"benchmark.root={files}", "check_alignment=false")
    assert set(report["sets"]) == set(PAIRS) and not report.get("failed")
    assert {name: found["pairs"] for name, found in report["sets"].items()} == dict.fromkeys(PAIRS, 40) | {
        "nd_twins": 30
    }
    assert report["sets"]["xqlfw"]["eer"] == report["sets"]["hadrian"]["eer"] == report["sets"]["eclipse"]["eer"]
    found = report["identification"]
    assert set(found) == {"tinyface nearest", "tinyface centroid", "megaface 10", f"megaface {STRANGERS}"}
    assert found["tinyface nearest"]["probes"] == 2 * PEOPLE and "rank_50" in found["tinyface nearest"]
    assert found["megaface 10"]["rank_1"] >= found[f"megaface {STRANGERS}"]["rank_1"]
    assert f"megaface {STRANGERS}" in (tmp_path / "report.html").read_text()


@pytest.mark.slow
def test_a_run_is_validated_on_them(files: Path, tmp_path: Path) -> None:
    config = composed(f"benchmark=[{','.join(PAIRS)}]", f"benchmark.root={files}")
    sets: dict[str, VerificationSet] = chosen_pairs(**build_sets(config))
    data = small_data(verification=sets)
    trainer = small_trainer([], tmp_path, max_epochs=1)
    trainer.fit(small_recognizer(data), datamodule=data)
    assert {f"val/{name}/accuracy" for name in PAIRS} <= set(trainer.callback_metrics)


def build_sets(config: Any) -> dict[str, Any]:
    return {str(name): build(node) for name, node in config.benchmark.items() if "_target_" in (node or {})}


@pytest.mark.parametrize("name", ["tinyface", "megaface"])
def test_people_are_no_pairs_to_validate_on(files: Path, name: str) -> None:
    config = composed(f"benchmark={name}", f"benchmark.root={files}")
    with pytest.raises(ConfigError, match=f"mfn evaluate model_path=FILE benchmark={name}"):
        chosen_pairs(**build_sets(config))


@pytest.mark.parametrize("name", [*PAIRS, "tinyface", "megaface"])
def test_a_folder_without_the_set_says_what_was_looked_for(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"{tmp_path}.*({name}|TinyFace|facescrub)"):
        build(composed(f"benchmark={name}", f"benchmark.root={tmp_path}", config="evaluate").benchmark[name])
