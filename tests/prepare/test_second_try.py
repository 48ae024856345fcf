"""Photos in which the detector finds a face at a second look only."""

import csv
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from mfn.align.face import Face
from mfn.align.second_try import SecondTry
from mfn.config.compose import composed
from mfn.config.prepare import PrepareSettings
from mfn.config.settings import checked
from mfn.errors import ConfigError
from mfn.prepare.align_step import AlignRules
from mfn.prepare.from_config import prepare_pack
from mfn.prepare.pipeline import run
from mfn.prepare.plan import Plan
from mfn.prepare.workspace import Workspace
from mfn.sources.folder_dataset import FolderDataset
from tests.prepare.fakes import MarkDetector, write_photos
from tests.prepare.running import HERE, prepared


class Narrow(MarkDetector):
    """Finds the faces of a photo that has a black border, and of one that is called 00."""

    def lenient(self) -> "Narrow":
        return self

    def __call__(self, images: Sequence[np.ndarray], names: Sequence[str]) -> list[list[Face]]:
        found = super().__call__(images, names)
        return [
            faces if image[0, 0].max() == 0 or "00" in name else []
            for faces, image, name in zip(found, images, names, strict=True)
        ]


def narrow_tried_twice() -> SecondTry:
    return SecondTry(Narrow(), ["padded"])


def test_the_index_and_the_report_tell_which_try_found_a_face(tmp_path: Path) -> None:
    root = write_photos(tmp_path / "photos", {"a": [1, 1, 0], "b": [1, 1]})
    how = partial(run, FolderDataset(root), Plan(align=AlignRules()))
    once = how(Narrow, HERE, Workspace(tmp_path / "once"), {})
    twice = how(narrow_tried_twice, HERE, Workspace(tmp_path / "twice"), {"second_try": ["padded"]})
    assert once.dropped == {"no face": 3} and once.second_tries == {}
    assert twice.dropped == {"no face": 1} and twice.second_tries == {"padded": 2}
    with (tmp_path / "twice/index.csv").open() as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert {name: row["found_by"] for name, row in rows.items()} == {
        "a/00.png": "",
        "a/01.png": "padded",
        "a/02.png": "",
        "b/00.png": "",
        "b/01.png": "padded",
    }
    assert float(rows["a/01.png"]["x"]) == 5 and float(rows["a/01.png"]["y"]) == 10  # in the photo's own pixels
    assert json.loads((tmp_path / "twice/report.json").read_text())["second_tries"] == {"padded": 2}
    assert ("found by second try: padded", "2") in {(row["what"], row["value"]) for row in twice.rows()}


def test_a_run_of_before_there_were_second_tries_goes_on(tmp_path: Path) -> None:
    root = write_photos(tmp_path / "photos", {person: [1] * 18 for person in "ab"})
    first = prepared(root, tmp_path / "out", keep_work=True)
    shards = sorted((tmp_path / "out.work").rglob("*.npz"))
    with np.load(shards[0]) as content:
        columns = {name: content[name] for name in content.files if name != "found_by"}
    np.savez(shards[0], **columns)
    again = prepared(root, tmp_path / "out", keep_work=True, overwrite=True, max_broken=0.3)
    assert len(shards) == 2 and again.worked_on == 0 and again.pack_hash == first.pack_hash


def configured(root: Path, output: Path, *words: str) -> list[str]:
    return ["source=folder", f"source.root={root}", f"output={output}", "workers=0", *words]


def test_configured_tries_are_told_apart_from_runs_without(tmp_path: Path) -> None:
    root = write_photos(tmp_path / "photos", {"a": [1, 1], "b": [1, 1]})
    words = configured(root, tmp_path / "out", "align.missing=centre", "align.second_try=[padded,mtcnn]")
    report = prepare_pack(checked(composed("prepare", words), PrepareSettings))
    assert report.aligned == 4
    settings = (tmp_path / "out").rglob("*.json")
    assert any(json.loads(file.read_text()).get("second_try") == ["padded", "mtcnn"] for file in settings)
    for wrong in ("[squint]", "[a.onnx]"):
        words = configured(root, tmp_path / "other", f"align.second_try={wrong}")
        with pytest.raises(ConfigError, match=r"squint must be|a\.onnx is missing"):
            prepare_pack(checked(composed("prepare", words), PrepareSettings))
    assert not (tmp_path / "other").exists()
