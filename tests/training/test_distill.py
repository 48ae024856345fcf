"""Learning from a teacher: what the terms compute, what the teacher sees, and what is kept of it."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mfn.checkpoint.format import read_checkpoint
from mfn.contract import InputContract
from mfn.data.augment import Augmentation
from mfn.data.datamodule import FaceDataModule
from mfn.data.flip import HorizontalFlip
from mfn.data.transforms import Opening
from mfn.errors import CheckpointError, ConfigError, MfnError
from mfn.heads.none import NoHead
from mfn.inference.embedder import FaceEmbedder
from mfn.models.mobilefacenet import MobileFaceNet
from mfn.synthetic.dataset import SyntheticFaces
from mfn.training.callbacks.last_checkpoint import LastCheckpoint
from mfn.training.checking import check
from mfn.training.distill.functional import adapted_centres, cosine_distance, relation_distance, relative_l2
from mfn.training.distill.teacher import CachedTeacher, Teacher, open_teacher
from mfn.training.distill.terms import CentreTerm, EmbeddingTerm, RelationTerm
from mfn.training.objective import TrainingStep, Weight
from tests.composing import composed
from tests.small_run import SIZE, small_data, small_recognizer, small_trainer


def teacher_network(dim: int = 32, color: str = "RGB", size: tuple[int, int] = SIZE) -> FaceEmbedder:
    torch.manual_seed(7)
    network = MobileFaceNet(dim, size, width=0.25).eval()
    return FaceEmbedder(network, InputContract.for_size(*size, embedding_dim=dim, color=color))


def step_of(student: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor | None = None) -> TrainingStep:
    return TrainingStep(student, teacher, torch.zeros(len(student), dtype=torch.int64) if labels is None else labels)


def test_distances_are_what_they_say() -> None:
    student, teacher = torch.randn(5, 8, dtype=torch.float64), torch.randn(5, 8, dtype=torch.float64)
    cosines = (F.normalize(student) * F.normalize(teacher)).sum(1)
    torch.testing.assert_close(cosine_distance(student, teacher), (1 - cosines).mean())
    expected = ((student - teacher) ** 2).sum() / (teacher**2).sum()
    torch.testing.assert_close(relative_l2(student, teacher), expected)
    total, count = 0.0, 0
    for i in range(5):
        for j in range(5):
            if i != j:
                ours = F.cosine_similarity(student[i], student[j], dim=0)
                theirs = F.cosine_similarity(teacher[i], teacher[j], dim=0)
                total, count = total + (ours - theirs) ** 2, count + 1
    torch.testing.assert_close(relation_distance(student, teacher), total / count)
    for distance in (cosine_distance, relative_l2, relation_distance):
        assert distance(teacher, teacher).item() == pytest.approx(0, abs=1e-9)
        leaf = student.clone().requires_grad_()
        assert torch.autograd.gradcheck(lambda x, d=distance: d(x, teacher), leaf)
    assert relation_distance(student[:1], teacher[:1]).item() == 0


def test_centres_go_from_the_image_to_the_class_as_the_student_learns() -> None:
    teacher = F.normalize(torch.randn(3, 4))
    labels = torch.tensor([0, 0, 2])
    empty = torch.zeros(4, 4)

    def moved(centres: torch.Tensor, *batch: torch.Tensor) -> torch.Tensor:
        classes, rows = adapted_centres(centres, *batch)
        return centres.index_copy(0, classes, rows)

    first = moved(empty, torch.randn(3, 4), teacher, labels)
    torch.testing.assert_close(first[0], F.normalize(teacher[0] + teacher[1], dim=0))
    torch.testing.assert_close(first[2], teacher[2])
    assert first[[1, 3]].abs().sum() == 0
    other = F.normalize(torch.randn(1, 4))
    unlike = moved(first, -other, other, torch.tensor([2]))
    torch.testing.assert_close(unlike[2], other[0])  # the student knows nothing: the image itself
    alike = moved(first, other, other, torch.tensor([2]))
    torch.testing.assert_close(alike[2], first[2])  # it knows it all: the class
    torch.testing.assert_close(alike[0], first[0])


@pytest.mark.parametrize("dims", [(8, 8), (8, 12)])
@pytest.mark.parametrize(
    "made",
    [EmbeddingTerm, partial(EmbeddingTerm, distance="l2"), RelationTerm, partial(CentreTerm, scale=8.0, margin=0.1)],
)
def test_each_term_teaches(made: Any, dims: tuple[int, int]) -> None:
    torch.manual_seed(0)
    term = made(*dims, 4)
    student = torch.randn(8, dims[0], requires_grad=True)
    teacher, labels = torch.randn(8, dims[1]), torch.arange(8) % 4
    optimizer = torch.optim.Adam([student, *term.parameters()], lr=0.05)
    losses = []
    for _ in range(80):
        optimizer.zero_grad()
        loss = term(step_of(student, teacher, labels))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert teacher.grad is None


def test_weights_go_linearly_over_the_run() -> None:
    assert [Weight(1.0, 3.0).at(share) for share in (0, 0.5, 1, 2)] == [1, 2, 3, 3]
    assert Weight(0.5).at(0.7) == 0.5
    with pytest.raises(ConfigError, match="must not be negative"):
        EmbeddingTerm(8, 8, 4, weight=-1.0)
    with pytest.raises(ConfigError, match=r"distill\.embedding\.distance"):
        EmbeddingTerm(8, 8, 4, distance="l1")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"distill\.centres\.scale"):
        CentreTerm(8, 8, 4, scale=0.0)


def distilled(folder: Path, teacher: Teacher, data: Any = None, epochs: int = 2, **options: Any) -> Any:
    data = data or small_data(augment=Augmentation([HorizontalFlip(0.5)]))
    if isinstance(teacher, CachedTeacher):
        teacher.prepare(data)
    terms = {"embedding": EmbeddingTerm(32, teacher.dim, data.num_classes)}
    recognizer = small_recognizer(data, terms=terms, teacher=teacher, **options)
    trainer = small_trainer([LastCheckpoint(folder)], folder, max_epochs=epochs)
    trainer.fit(recognizer, datamodule=data)
    return recognizer, trainer


def test_a_student_becomes_like_its_teacher_without_labels(tmp_path: Path) -> None:
    embedder = teacher_network()
    data = small_data()
    images = torch.stack([torch.from_numpy(data.source.image(index)) for index in range(12)])

    def likeness(network: torch.nn.Module) -> float:
        ours = FaceEmbedder(network.eval(), embedder.contract)(images.numpy())
        return float((ours * embedder(images.numpy())).sum(1).mean())

    before = likeness(small_recognizer(data).backbone)
    head = NoHead(32, data.num_classes)
    recognizer, trainer = distilled(tmp_path, Teacher(embedder, "t"), epochs=12, head=head, head_weight=Weight(0.0))
    assert likeness(recognizer.backbone) > before + 0.2
    assert {"train/embedding_loss", "train/loss"} <= trainer.logged_metrics.keys()
    # Nobody is recognised, so nothing is claimed
    assert not {"train/accuracy", "train/head_loss", "train/target_angle"} & trainer.logged_metrics.keys()


def test_a_teacher_is_no_part_of_what_is_saved(tmp_path: Path) -> None:
    embedder = teacher_network(dim=48)
    recognizer, trainer = distilled(tmp_path, Teacher(embedder, "t"))
    assert {"train/head_loss", "train/embedding_loss"} <= trainer.logged_metrics.keys()
    saved = read_checkpoint(tmp_path / "last.ckpt")["state_dict"]
    assert {name.partition(".")[0] for name in saved} == {"backbone", "head", "terms"}
    assert saved["terms.embedding.project.weight"].shape == (48, 32)
    of_student = {id(parameter) for parameter in recognizer.parameters()}
    assert not of_student & {id(parameter) for parameter in embedder.network.module.parameters()}
    assert FaceEmbedder.load(tmp_path / "last.ckpt").contract.embedding_dim == 32


@pytest.mark.parametrize("color", ["RGB", "BGR"])
def test_kept_answers_are_those_of_the_teacher_beside(tmp_path: Path, color: str) -> None:
    """Each image and each mirror image of a run has its own answer."""
    embedder = teacher_network(color=color)
    told: dict[str, list[torch.Tensor]] = {}
    for made in (Teacher(embedder, "t"), CachedTeacher(embedder, "t", tmp_path / "answers")):
        name = type(made).__name__

        class Listening(type(made)):  # type: ignore[misc]
            def __call__(self, batch: Any, name: str = name) -> torch.Tensor:
                told.setdefault(name, []).append(super().__call__(batch))
                return told[name][-1]

        made.__class__ = Listening
        distilled(tmp_path / name, made)
    beside, kept = torch.cat(told["Teacher"]), torch.cat(told["CachedTeacher"])
    assert len(beside) > 40
    torch.testing.assert_close(kept, beside, rtol=1e-3, atol=1e-3 * beside.abs().max().item())


def test_answers_are_asked_for_once_and_belong_to_teacher_and_data(tmp_path: Path, monkeypatch: Any) -> None:
    embedder, asked = teacher_network(), []
    raw = FaceEmbedder.raw
    monkeypatch.setattr(FaceEmbedder, "raw", lambda self, images: asked.append(len(images)) or raw(self, images))

    def prepare(embedder: FaceEmbedder, **data: Any) -> int:
        asked.clear()
        CachedTeacher(embedder, "t", tmp_path / "answers").prepare(small_data(**data))
        return sum(asked)

    assert prepare(embedder) == 2 * 36
    assert prepare(embedder) == 0
    assert prepare(embedder, seed=3) > 0  # other people train
    other = teacher_network()
    other.network.module.output.embed.conv.weight.data += 1
    assert prepare(other) == 2 * 36
    assert prepare(embedder) == 0
    (file,) = [each for each in (tmp_path / "answers").glob("*.npy") if np.load(each).shape[0] == 36][:1]
    assert np.isfinite(np.load(file)).all()


def test_a_cache_that_cannot_hold_is_refused(tmp_path: Path) -> None:
    data = small_data(augment=Augmentation([HorizontalFlip(0.5), Opening(p=0.5)]))
    with pytest.raises(ConfigError, match="augment=flip or augment=none, or teacher_cache=null"):
        CachedTeacher(teacher_network(), "t", tmp_path).prepare(data)


def test_a_teacher_of_another_size_sees_the_images_at_its_own(tmp_path: Path) -> None:
    embedder = teacher_network(size=(112, 112))
    with pytest.raises(ConfigError, match=r"wants images of 112x112, .* set image_size=\[112,112\], or teacher"):
        Teacher(embedder, "t").check_size(SIZE)
    teacher = CachedTeacher(embedder, "t", tmp_path)
    teacher.check_size((56, 56))
    source = SyntheticFaces(4, 3, image_size=(112, 112))
    data = FaceDataModule(source, image_size=(56, 56), batch_size=4, num_workers=0, val_identities=0.0)
    data.setup()
    teacher.prepare(data)
    batch = next(iter(data.train_dataloader()))
    assert batch.images.shape[1:3] == (56, 56)
    originals = np.stack([source.image(int(index)) for index in batch.indices])
    torch.testing.assert_close(teacher(batch), embedder.raw(originals), rtol=1e-3, atol=1e-6)


def test_a_teacher_that_gives_no_numbers_is_told(tmp_path: Path) -> None:
    embedder = teacher_network()
    embedder.network.module.output.embed.conv.weight.data.fill_(float("nan"))
    for teacher in (Teacher(embedder, "t.ckpt"), CachedTeacher(embedder, "t.ckpt", tmp_path / "answers")):
        with pytest.raises(MfnError, match=r"teacher=t\.ckpt gives embeddings that are not finite"):
            distilled(tmp_path, teacher)
    assert not list((tmp_path / "answers").glob("*.npy"))


def test_a_teacher_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MFN_HOME", str(tmp_path))
    with pytest.raises(CheckpointError, match="there is no network file at"):
        open_teacher(str(tmp_path / "no.ckpt"), None, SIZE)
    with pytest.raises(CheckpointError, match="`mfn fetch w600k_r50`"):
        open_teacher("w600k_r50", None, SIZE)


def test_batches_say_which_images_were_mirrored() -> None:
    data = small_data(augment=Augmentation([HorizontalFlip(0.5)]))
    seen = []
    for batch in data.train_dataloader():
        for image, index, mirrored in zip(batch.images, batch.indices, batch.mirrored, strict=True):
            original = data.source.image(int(index))
            assert np.array_equal(image.numpy(), original[:, ::-1] if mirrored else original)
            seen.append(bool(mirrored))
    assert 0.2 < np.mean(seen) < 0.8
    assert not any(small_data().train_dataloader().__iter__().__next__().mirrored)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["distill=[embedding]"], r"distill=\[embedding\] learns from a teacher: set teacher=FILE"),
        (["head=none"], "head=none needs teacher=FILE"),
        (["teacher_cache=x"], "teacher_cache needs teacher=FILE"),
        (["teacher=x.ckpt"], r"teaches nothing: set distill=\[embedding\]"),
        (["teacher=x.ckpt", "distill=[embedding]", "distill.embedding.weight=-1"], "must not be negative"),
        (["head_weight=-1"], "head_weight"),
        (["teacher=x.ckpt", "distill=[embedding]", "distill.embedding.distanc=l2"], "distanc"),
    ],
)
def test_nonsense_is_told_before_data_is_read(words: list[str], says: str) -> None:
    with pytest.raises(Exception, match=says):
        check(composed(*words))
