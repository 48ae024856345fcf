from pathlib import Path
from typing import Any

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from tests.composing import CONF, composed
from tests.packs.tarshards.tars import face, write_tar
from tests.packs.tfrecords.tfrecords import write_examples
from tests.sources.files import jpeg, write_pack


def source(name: str, **keys: Any) -> Any:
    return instantiate(OmegaConf.merge(OmegaConf.load(CONF / "source" / f"{name}.yaml"), keys))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann/1.jpg").write_bytes(jpeg(1))
    (tmp_path / "list.txt").write_text("ann/1.jpg ann\n")
    write_tar(tmp_path / "a.tar", face("0", 0, 1))
    write_examples(tmp_path / "a.tfrecord", [{"label": [0], "image_raw": [jpeg(1)]}])
    return write_pack(tmp_path, {0.0: 1})


@pytest.mark.parametrize("name", ["folder", "pack", "list", "tfrecord", "webdataset"])
def test_every_source_names_its_images_and_gives_their_bytes(root: Path, name: str) -> None:
    faces = source(name, root=str(root), **({"path": str(root / "list.txt")} if name == "list" else {}))
    assert len(faces) == len(faces.labels) == len(faces.names) == 1
    assert faces.encoded(0) == jpeg(1) and faces.image(0).shape == (16, 16, 3)


def test_training_on_tfrecords(root: Path) -> None:
    config = composed("data=tfrecord", f"data.root={root}").data
    faces = instantiate(config.source)
    assert faces.labels.tolist() == [0] and "module" in config


@pytest.mark.parametrize("name", ["ms1m", "folder", "webdataset"])
def test_training_sees_virtual_copies(root: Path, name: str) -> None:
    key = {"ms1m": "1", "folder": "ann/1.jpg", "webdataset": "0"}[name]
    (root / "variants.tsv").write_text(f"# mfn variants 1\n{key}\thsv\n")
    assert len(instantiate(composed(f"data={name}", f"data.root={root}").data.source)) == 2
