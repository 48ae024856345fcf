"""Blocks that learn from a teacher's blocks: which belong together, what is learnt when, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mfn.checkpoint.format import read_checkpoint
from mfn.contract import InputContract
from mfn.errors import ConfigError
from mfn.heads.none import NoHead
from mfn.inference.embedder import FaceEmbedder
from mfn.models.insightface import InsightFaceMBF
from mfn.models.iresnet import IResNet
from mfn.models.mobilefacenet import MobileFaceNet
from mfn.training.callbacks.last_checkpoint import LastCheckpoint
from mfn.training.checking import check
from mfn.training.distill.blocks import BlockTerm
from mfn.training.distill.functional import unexplained
from mfn.training.distill.teacher import CachedTeacher, Teacher
from mfn.training.distill.terms import EmbeddingTerm
from tests.composing import composed
from tests.small_run import SIZE, small_data, small_recognizer, small_trainer

CONTRACT = InputContract.for_size(*SIZE, embedding_dim=32)


def network(**options: Any) -> MobileFaceNet:
    torch.manual_seed(7)
    made = MobileFaceNet(32, SIZE, **({"width": 0.25} | options))
    for module in made.modules():  # a trained network has statistics and factors of its own
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
    for _ in range(30):
        made.train()(torch.randn(16, 3, *SIZE))
    return made.eval()


def teacher_of(module: nn.Module, contract: InputContract = CONTRACT) -> Teacher:
    return Teacher(FaceEmbedder(module, contract), "teacher.ckpt")


def attached(student: nn.Module, teacher: Teacher, **options: Any) -> BlockTerm:
    term = BlockTerm(32, teacher.dim, 4, **options)
    term.attach(student, CONTRACT, teacher)
    return term


def test_the_unexplained_share_is_one_for_the_mean_and_nothing_for_the_same() -> None:
    features = torch.randn(4, 3, 5, 5, dtype=torch.float64)
    mean = features.mean((0, 2, 3), keepdim=True).expand_as(features)
    assert float(unexplained(features, features)) == 0
    assert float(unexplained(mean, features)) == pytest.approx(1)
    leaf = mean.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: unexplained(x, features), leaf)


def test_a_copy_of_the_teacher_has_nothing_to_learn() -> None:
    teacher, student = network(), network()
    term = attached(student, teacher_of(teacher), crop=None)
    images = torch.randint(0, 256, (4, *SIZE, 3), dtype=torch.uint8)
    assert float(term.lesson(images)) == pytest.approx(0, abs=1e-6)
    student.features.stage3_0.project.conv.weight.data.mul_(-1)
    # One block is wrong, and the next begin with the teacher's features: the others' losses stay at nothing
    one = float(term.lesson(images)) * len(student.features)
    assert 0.5 < one < 8


@pytest.mark.parametrize(
    ("options", "sections"),
    [({}, 18), ({"activation": "relu"}, 18), ({"stem_pointwise": "linear"}, 5), ({"expansion": 0.5}, 18)],
)
def test_blocks_are_compared_as_finely_as_shapes_allow(options: dict[str, Any], sections: int) -> None:
    term = attached(network(**options).train(), teacher_of(network()))
    assert len(term._student) == len(term._teacher) == sections
    images = torch.randint(0, 256, (4, *SIZE, 3), dtype=torch.uint8)
    loss = term.lesson(images)
    loss.backward()
    assert float(loss.detach()) > 0


@pytest.mark.parametrize("crop", [16, 24, None, 999])
def test_lessons_teach_from_crops_of_any_size(crop: int | None) -> None:
    torch.manual_seed(0)
    student = MobileFaceNet(32, SIZE, width=0.25).train()
    term = attached(student, teacher_of(network()), crop=crop)
    optimizer = torch.optim.Adam(student.features.parameters(), lr=5e-3)
    losses = []
    for _ in range(25):
        loss = term.lesson(torch.randint(0, 256, (8, *SIZE, 3), dtype=torch.uint8))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]
    assert all(parameter.grad is None for parameter in student.output.parameters())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_lessons_for_networks_of_any_type(dtype: torch.dtype) -> None:
    student = MobileFaceNet(32, SIZE, width=0.25).train().to(dtype)
    loss = attached(student, teacher_of(network()), crop=16).lesson(
        torch.randint(0, 256, (8, *SIZE, 3), dtype=torch.uint8)
    )
    loss.backward()
    assert loss.isfinite()


def run(folder: Path, ckpt: Path | None = None, steps: int = 8, **options: Any) -> Any:
    data = small_data()
    teacher = teacher_of(network())
    terms = {"blocks": BlockTerm(32, 32, data.num_classes, crop=16, **options), "embedding": EmbeddingTerm(32, 32, 4)}
    recognizer = small_recognizer(data, head=NoHead(32, data.num_classes), terms=terms, teacher=teacher)
    terms["blocks"].attach(recognizer.backbone, recognizer.contract, teacher)
    trainer = small_trainer([LastCheckpoint(folder, every_n_steps=3)], folder, max_steps=steps, max_epochs=-1)
    trainer.fit(recognizer, datamodule=data, ckpt_path=ckpt, weights_only=True)
    return recognizer, trainer


def test_the_last_layer_waits_until_the_lessons_are_over(tmp_path: Path) -> None:
    before = small_recognizer(small_data(), head=NoHead(32, 6)).backbone.state_dict()
    for lessons, moved in ((1.0, False), (0.5, True)):
        after = run(tmp_path / str(lessons), lessons=lessons)[0].backbone.state_dict()
        assert not torch.equal(after["features.conv1.conv.weight"], before["features.conv1.conv.weight"])
        assert torch.equal(after["output.embed.conv.weight"], before["output.embed.conv.weight"]) != moved


@pytest.mark.parametrize("stop", [3, 6])
def test_stopped_in_a_lesson_or_after_it_goes_on_to_the_same_weights(stop: int, tmp_path: Path) -> None:
    class Stop(LastCheckpoint):
        def on_train_batch_end(self, trainer: Any, *rest: Any) -> None:
            super().on_train_batch_end(trainer, *rest)
            if trainer.global_step == stop:
                trainer.save_checkpoint(tmp_path / "stopped.ckpt")

    data, teacher = small_data(), teacher_of(network())
    terms = {"blocks": BlockTerm(32, 32, data.num_classes, crop=16), "embedding": EmbeddingTerm(32, 32, 4)}
    whole = small_recognizer(data, head=NoHead(32, data.num_classes), terms=terms, teacher=teacher)
    terms["blocks"].attach(whole.backbone, whole.contract, teacher)
    callbacks = [Stop(tmp_path / "whole", every_n_steps=100)]
    small_trainer(callbacks, tmp_path, max_steps=8, max_epochs=-1).fit(whole, datamodule=data)
    resumed = run(tmp_path / "resumed", tmp_path / "stopped.ckpt")[0]
    expected = whole.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in resumed.state_dict().items())
    saved = read_checkpoint(tmp_path / "stopped.ckpt")["state_dict"]
    assert not any("_student" in name or "_teacher" in name for name in saved)
    assert saved.keys() == small_recognizer(small_data(), head=NoHead(32, 6)).state_dict().keys()


@pytest.mark.parametrize(
    ("theirs", "says"),
    [
        (lambda: network(width=0.5), "of another make"),
        (lambda: InsightFaceMBF(32, SIZE, blocks=(1, 1, 1, 1)).eval(), "of another make"),
        (lambda: IResNet(32, SIZE, 18).eval(), "no blocks that follow one another"),
    ],
)
def test_a_teacher_of_another_make_is_refused(theirs: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        attached(network(), teacher_of(theirs()))


def test_a_teacher_without_layers_is_refused(tmp_path: Path) -> None:
    class Whole:
        fingerprint, takes_pixels, device = "x", False, torch.device("cpu")

        def __call__(self, batch: torch.Tensor) -> torch.Tensor:
            return batch.flatten(1)[:, :32]

    embedder = FaceEmbedder(network(), CONTRACT)
    embedder.network = Whole()
    with pytest.raises(ConfigError, match="mfn import FILE"):
        attached(network(), Teacher(embedder, "teacher.onnx"))
    with pytest.raises(ConfigError, match="leave that out"):
        attached(network(), CachedTeacher(FaceEmbedder(network(), CONTRACT), "teacher.ckpt", tmp_path))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["distill.blocks.lessons=1.5"], "lessons must lie in"),
        (["distill.blocks.crop=3"], "crop be null or at least 16"),
        (["teacher_cache=x"], "which teacher_cache keeps out"),
        (["compile=true"], "which compile=true melts together"),
    ],
)
def test_nonsense_is_told_before_data_is_read(words: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        check(composed("teacher=x.ckpt", "distill=[blocks]", *words))
