"""Images under a wrong label are listed by a head with several centres."""

import csv
from functools import partial
from pathlib import Path

import pytest
import torch

from mfn.errors import ConfigError
from mfn.heads.arcface import ArcFaceHead
from mfn.training.callbacks.label_noise import LabelNoise
from tests.small_run import small_data, small_recognizer, small_trainer


def test_what_lies_around_a_centre_of_its_own_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = small_data(val_identities=0.0)
    who = data.source.labels.copy()
    wrong = [0, 6, 12]  # the first image of three people, under the next one's name
    data.source.labels = who.copy()
    data.source.labels[wrong] += 1
    data._splits = None
    data.setup()
    head = ArcFaceHead(32, 8, sub_centres=2)
    frozen = partial(torch.optim.SGD, lr=0.0)
    recognizer = small_recognizer(data, head=head, optimizer=frozen)
    by_pixels = {data.source.image(index).tobytes(): int(name) for index, name in enumerate(who)}
    axes = torch.eye(32)

    def embeds_by_identity(images: torch.Tensor, *_: object) -> torch.Tensor:
        rows = [axes[by_pixels[image.numpy().tobytes()]] for image in images]
        return torch.stack(rows) + 0 * recognizer.backbone.output.embed.conv.weight.sum()

    monkeypatch.setattr(recognizer, "forward", embeds_by_identity)
    with torch.no_grad():
        head.weight.copy_(torch.stack([axes[[c, (c - 1) % 8]] for c in range(8)]).flatten(0, 1))
    path = tmp_path / "label_noise.csv"
    small_trainer([LabelNoise(path)], tmp_path, max_epochs=1).fit(recognizer, datamodule=data)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert {row["image"] for row in rows} == {data.source.describe(index) for index in wrong}
    assert [row["label"] for row in rows] == ["1", "2", "3"]
    assert {(row["degrees"], row["nearest_centre"], row["dominant_centre"]) for row in rows} == {("90.0", "1", "0")}


def test_one_centre_is_not_enough(tmp_path: Path) -> None:
    data = small_data()
    trainer = small_trainer([LabelNoise(tmp_path / "x.csv")], tmp_path, max_epochs=1)
    with pytest.raises(ConfigError, match="head=subcentre_arcface"):
        trainer.fit(small_recognizer(data), datamodule=data)
