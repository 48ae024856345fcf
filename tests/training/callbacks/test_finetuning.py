"""New people on old weights: where centres start, and a backbone that waits."""

from pathlib import Path

import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from torch.nn import functional as F

from mfn.errors import ConfigError
from mfn.heads.arcface import ArcFaceHead
from mfn.heads.none import NoHead
from mfn.training.callbacks.freeze import FreezeBackbone
from mfn.training.callbacks.mean_centres import MeanCentres, start_at
from mfn.training.distill.blocks import BlockTerm
from tests.small_run import small_data, small_recognizer, small_trainer


class Steps(Callback):
    """Weights of the backbone and the head as each step leaves them."""

    def __init__(self) -> None:
        self.backbones: list[dict[str, torch.Tensor]] = []
        self.centres: list[torch.Tensor] = []

    def keep(self, module: LightningModule) -> None:
        self.backbones.append({name: value.clone() for name, value in module.backbone.state_dict().items()})
        self.centres.append(module.head.weight.detach().clone())

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.keep(pl_module)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_) -> None:
        self.keep(pl_module)


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, right[name]) for name, value in left.items())


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_frozen_backbone_keeps_every_number_and_the_head_learns(share: float, tmp_path: Path) -> None:
    data, steps = small_data(), Steps()
    recognizer = small_recognizer(data)
    trainer = small_trainer([FreezeBackbone(share), steps], tmp_path)
    trainer.fit(recognizer, datamodule=data)
    frozen = round(share * trainer.global_step)
    for number, (before, after) in enumerate(zip(steps.backbones, steps.backbones[1:], strict=False)):
        assert same(before, after) == (number < frozen), number
    for before, after in zip(steps.centres, steps.centres[1:], strict=False):
        assert not torch.equal(before, after)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_is_one(share: float) -> None:
    with pytest.raises(ConfigError, match=r"share must lie in \[0, 1\]"):
        FreezeBackbone(share)


def test_centres_start_at_the_mean_embedding_of_their_people(tmp_path: Path) -> None:
    data, steps = small_data(), Steps()
    recognizer = small_recognizer(data, head=ArcFaceHead(32, data.num_classes, sub_centres=2))
    drawn = recognizer.head.weight.detach().norm(dim=1)
    trainer = small_trainer([MeanCentres(), steps], tmp_path, max_epochs=1)
    trainer.fit(recognizer, datamodule=data)
    plain = small_recognizer(data, head=recognizer.head).eval()
    means = torch.zeros(data.num_classes, 32)
    with torch.no_grad():
        for batch in data.images_as_they_are():
            means.index_add_(0, batch.labels, F.normalize(plain(batch.images)))
    started = steps.centres[0]
    assert torch.allclose(F.normalize(started[::2]), F.normalize(means), atol=1e-5)
    assert torch.allclose(started.norm(dim=1), drawn, rtol=1e-4)
    aside = F.cosine_similarity(started[1::2], means)
    assert ((aside > 0.6) & (aside < 0.999)).all()


def test_a_class_without_images_keeps_its_centre() -> None:
    head = ArcFaceHead(4, 3)
    before = head.weight.detach().clone()
    directions = torch.eye(3, 4)
    directions[1] = 0
    start_at(head, directions)
    assert torch.equal(head.weight[1], before[1])
    assert F.cosine_similarity(head.weight[[0, 2]], directions[[0, 2]]).min() > 0.9999


def test_a_head_without_centres_is_refused(tmp_path: Path) -> None:
    data = small_data()
    recognizer = small_recognizer(data, head=NoHead(32, data.num_classes))
    with pytest.raises(ConfigError, match="NoHead has no class centres"):
        small_trainer([MeanCentres()], tmp_path).fit(recognizer, datamodule=data)
    with pytest.raises(ConfigError, match="NoHead has nothing to learn while the network waits"):
        small_trainer([FreezeBackbone()], tmp_path).fit(recognizer, datamodule=data)
    recognizer = small_recognizer(data, terms={"blocks": BlockTerm(32, 32, data.num_classes)})
    with pytest.raises(ConfigError, match=r"distill=\[blocks\] is to teach first"):
        small_trainer([FreezeBackbone()], tmp_path).fit(recognizer, datamodule=data)
