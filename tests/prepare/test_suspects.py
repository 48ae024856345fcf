import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mfn.contract import InputContract
from mfn.errors import BrokenImageError, ConfigError
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.quality import quality_of
from mfn.prepare.clean import CleanRules
from mfn.prepare.crops import Crops
from mfn.prepare.manifest import Manifest
from mfn.prepare.plan import Plan
from mfn.prepare.quality_gate import LOW_QUALITY, gated, look_at
from mfn.prepare.suspects import OUTLIER, SuspectRules, check_identities
from mfn.sources.source import FaceSource

SIZE = 16


class Corners(nn.Module):
    """Where the light is: the means of the four quarters."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.adaptive_avg_pool2d(images.mean(1, keepdim=True), 2).flatten(1) * self.scale + 1


class Lights:
    """Images with light in one corner; -1 is broken."""

    name = "lights"
    label_names = None

    def __init__(self, corners: str, identities: str) -> None:
        self.corners = corners
        self.labels = np.unique(list(identities), return_inverse=True)[1]

    def __len__(self) -> int:
        return len(self.corners)

    def image(self, index: int) -> np.ndarray:
        if self.corners[index] == "x":
            raise BrokenImageError(self.describe(index))
        image = np.zeros((2, 8, 2, 8, 3), np.uint8)
        corner = int(self.corners[index])
        image[corner // 2, :, corner % 2] = 200 + index
        return image.reshape(SIZE, SIZE, 3)

    def describe(self, index: int) -> str:
        return f"light {index}"


def crops(corners: str, identities: str) -> Crops:
    source: FaceSource = Lights(corners, identities)
    count = len(corners)
    names = np.array([f"{index}.png" for index in range(count)])
    return Crops(source, Manifest(name=names, identity=list(identities), row=np.arange(count)))


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def embedder() -> FaceEmbedder:
    return FaceEmbedder(Corners(), InputContract.for_size(SIZE, SIZE, embedding_dim=4))


PEOPLE = crops("0003" + "11" + "33x" + "11", "aaaabbcccdd")


def test_suspects_are_listed_and_nothing_else_happens(tmp_path: Path, embedder: FaceEmbedder) -> None:
    checked = check_identities(PEOPLE, look_at(PEOPLE, embedder), SuspectRules(), tmp_path)
    assert checked.kept().all() and checked.identity.tolist() == PEOPLE.manifest.identity.tolist()
    (outlier,) = lines(tmp_path / "outliers.csv")
    assert (outlier["name"], outlier["identity"], outlier["looks_like"]) == ("3.png", "a", "c")
    assert float(outlier["cosine"]) < 0.3 < 0.9 < float(outlier["cosine_to_that"])
    (pair,) = lines(tmp_path / "similar_identities.csv")
    assert (pair["identity"], pair["images"], pair["other_identity"], pair["other_images"]) == ("b", "2", "d", "2")


def test_drop_and_merge_by_threshold(tmp_path: Path, embedder: FaceEmbedder) -> None:
    rules = SuspectRules(drop_below=0.2, merge_above=0.9)
    checked = check_identities(PEOPLE, look_at(PEOPLE, embedder), rules, tmp_path)
    assert checked.reasons() == {OUTLIER: 1} and checked.name[~checked.kept()].tolist() == ["3.png"]
    assert "".join(checked.identity) == "aaaabbbbccc"
    assert checked.row.tolist() == [0, 1, 2, 3, 4, 5, 9, 10, 6, 7, 8]


def test_dropped_images_are_not_looked_at(tmp_path: Path, embedder: FaceEmbedder) -> None:
    dropped = Crops(Lights("0003", "aaaa"), PEOPLE.manifest.take([0, 1, 2, 3]))
    dropped.manifest = dropped.manifest.drop([False, False, False, True], "tiny")
    seen = look_at(dropped, embedder)
    assert check_identities(dropped, seen, SuspectRules(drop_below=0.2), tmp_path).reasons() == {"tiny": 1}
    assert not lines(tmp_path / "outliers.csv")


@pytest.mark.parametrize("rules", [{"drop_below": 0.4}, {"merge_above": 0.5}])
def test_what_is_done_must_be_listed(rules: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(rules))):
        SuspectRules(**rules)


def test_faces_of_low_quality_are_dropped_and_all_qualities_written_down(
    tmp_path: Path, embedder: FaceEmbedder
) -> None:
    seen = look_at(PEOPLE, embedder)
    quality = quality_of(seen.embedded.plain)
    level = float(np.median(quality))
    manifest = gated(PEOPLE.manifest, seen, level)
    assert manifest.reasons() == {LOW_QUALITY: int((quality < level).sum())}
    np.testing.assert_array_equal(manifest.quality[seen.rows], quality)
    broken = np.setdiff1d(np.arange(len(manifest)), seen.rows)
    assert np.isnan(manifest.quality[broken]).all() and manifest.kept()[broken].all()
    manifest.write(tmp_path / "index.csv")
    np.testing.assert_array_equal(Manifest.read(tmp_path / "index.csv").quality, manifest.quality)
    rest = seen.kept(manifest)
    checked = check_identities(PEOPLE.of(manifest), rest, SuspectRules(), tmp_path)
    assert (
        checked.reasons() == manifest.reasons() and (quality[quality >= level] == quality_of(rest.embedded.plain)).all()
    )
    assert gated(PEOPLE.manifest, seen, 1e9).kept().tolist() == np.isin(np.arange(len(manifest)), broken).tolist()


@pytest.mark.parametrize(
    ("clean", "model", "says"),
    [
        ({"quality": "a.onnx"}, None, "give clean.min_quality too, or leave it out"),
        ({"min_quality": 3.0}, None, "give model_path=FILE for the length of its embeddings, or clean.quality=FILE"),
    ],
)
def test_a_gate_without_a_level_or_a_network_is_refused(clean: dict[str, Any], model: str | None, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Plan(clean=CleanRules(**clean), model_path=model)
    assert Plan(clean=CleanRules(min_quality=3.0, quality="a.onnx")) and Plan(
        clean=CleanRules(min_quality=3.0), model_path="net.ckpt"
    )
