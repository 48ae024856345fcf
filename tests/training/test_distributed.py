"""Two processes on the CPU: they train together, change together and end together."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mfn.checkpoint.format import read_checkpoint
from mfn.data.datamodule import FaceDataModule
from mfn.evaluation.verification import evaluate_verification
from mfn.inference.embedder import FaceEmbedder
from mfn.synthetic.dataset import SyntheticFaces
from tests.scripts import TINY, Done, run_script

SIZE = (32, 32)
PAIRS = [(p, 8 * p + i, q, 8 * q + (i + 1) % 8) for i in range(8) for p in range(4) for q in (p, (p + 1) % 4)]
"""Genuine and impostor pairs of `write_folder`'s people: person, picture, person, picture."""
TWO = (*TINY, "trainer.devices=2", "trainer.strategy=ddp", "hydra.run.dir=run")


def train(here: Path, *words: str, status: int = 0) -> Done:
    done = run_script("train", *TWO, *words, cwd=here, status=status)
    assert "Traceback" not in done.output
    return done


def steps(here: Path) -> int:
    return json.loads((here / "run" / "summary.json").read_text())["steps"]


def write_folder(folder: Path, broken: set[int]) -> None:
    """Four people of 8 pictures; those with the given numbers are no pictures."""
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 32, 3), np.uint8)
    for number, picture in enumerate(pixels):
        file = folder / f"person{number // 8}" / f"{number:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        if number in broken:
            file.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
        else:
            cv2.imwrite(str(file), picture)


@pytest.mark.slow
def test_two_processes_train_and_go_on_together(tmp_path: Path) -> None:
    done = train(tmp_path, "trainer.max_epochs=1")
    assert done.output.count("Parameter groups") == 1
    assert steps(tmp_path) == 4  # 64 images in batches of 8 for each of the two
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    with next((tmp_path / "run").rglob("metrics.csv")).open() as file:
        logged = next(row for row in csv.DictReader(file) if row.get("val/held_out/accuracy"))
    data = FaceDataModule(SyntheticFaces(10, 8, image_size=SIZE), image_size=SIZE, val_identities=0.25, val_pairs=3000)
    data.setup()
    alone = evaluate_verification(FaceEmbedder.load(last), data.verification_sets["held_out"]).numbers()
    for name in ("accuracy", "eer", "threshold", "pairs"):
        assert float(logged[f"val/held_out/{name}"]) == pytest.approx(alone[name], abs=1e-4)
    run_script("train", f"ckpt_path={last}", "trainer.max_epochs=2", cwd=tmp_path)
    assert steps(tmp_path) == 8


@pytest.mark.slow
@pytest.mark.parametrize(
    "when",
    [
        ["callbacks.advance_head.at_step=3"],
        # No look is better than the one before by all of it, so the second one already finds a stall
        [
            "callbacks.advance_head.every_n_steps=2",
            "callbacks.advance_head.min_improvement=1",
            "callbacks.advance_head.patience=1",
        ],
    ],
    ids=["at_step", "stall"],
)
def test_a_head_of_two_stages_changes_in_both(when: list[str], tmp_path: Path) -> None:
    done = train(tmp_path, "head=softmax_then_arcface", *when)
    assert done.output.count("the head advances to its second stage") == 1
    assert steps(tmp_path) == 8


@pytest.mark.slow
def test_one_process_may_have_nothing_to_learn_from_in_a_step(tmp_path: Path) -> None:
    # The processes take turns: the first of them has none in its first batch of 4, the second has one in its second
    nothing, one_left = {0, 2, 4, 6}, {9, 11, 13}
    write_folder(tmp_path / "faces", nothing | one_left)
    data = ["data=folder", "data.root=faces", "data.batch_size=4", "data.val_identities=0", "data.shuffle=false"]
    known = [word for word in TWO if not word.startswith(("data.source", "data.batch_size"))]
    done = run_script("train", *known, *data, "callbacks.broken_images.max_share=0.5", cwd=tmp_path)
    assert steps(tmp_path) == 8, done.output
    with (tmp_path / "run" / "broken_images.csv").open() as file:
        listed = [int(row["index"]) for row in csv.DictReader(file)]
    assert sorted(listed) == sorted(nothing | one_left)


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1])
def test_what_one_process_finds_ends_both_in_one_sentence(number: int, tmp_path: Path) -> None:
    write_folder(tmp_path / "faces", {number})
    data = ["data=folder", "data.root=faces", "data.batch_size=4", "data.val_identities=0", "data.shuffle=false"]
    known = [word for word in TWO if not word.startswith(("data.source", "data.batch_size"))]
    done = run_script("train", *known, *data, "callbacks.broken_images.max_share=0", cwd=tmp_path, status=1)
    assert done.output.count("error: 1 broken images in this epoch") == 1


@pytest.mark.slow
def test_a_broken_image_of_a_benchmark_ends_both_in_one_sentence(tmp_path: Path) -> None:
    write_folder(tmp_path / "faces", {9})
    pairs = "".join(f"person{a}/{b:02}.png person{c}/{d:02}.png {int(a == c)}\n" for a, b, c, d in PAIRS)
    (tmp_path / "faces" / "pairs.txt").write_text(pairs)
    judged = ["benchmark=file", "benchmark.root=faces/pairs.txt", "metric=val/file/accuracy"]
    done = train(tmp_path, *judged, "trainer.max_epochs=1", status=1)
    assert done.output.count("error: ") == 1 and "09.png" in done.last_line


@pytest.mark.slow
def test_two_processes_learn_from_a_teacher_beside_them_or_its_kept_answers(tmp_path: Path) -> None:
    run_script("train", *TINY, "trainer.max_steps=2", "hydra.run.dir=teacher", cwd=tmp_path)
    teacher = "teacher=teacher/checkpoints/last.ckpt"
    ends = []
    for number, kept in enumerate(([], ["teacher_cache=answers"])):
        learnt = ["head=none", "distill=[embedding,relations,centres]", *kept, f"hydra.run.dir=run{number}"]
        done = run_script("train", *TWO[:-1], teacher, *learnt, cwd=tmp_path)
        assert "Traceback" not in done.output
        with next((tmp_path / f"run{number}").rglob("metrics.csv")).open() as file:
            rows = [row for row in csv.DictReader(file) if row.get("train/embedding_loss")]
        ends.append([float(rows[-1][f"train/{name}_loss"]) for name in ("embedding", "relations", "centres")])
    assert ends[0] == pytest.approx(ends[1], rel=1e-3)
    assert len(list((tmp_path / "answers").glob("*.npy"))) == 1


@pytest.mark.slow
def test_a_network_stays_frozen_in_two_processes(tmp_path: Path) -> None:
    run_script("train", *TINY, "trainer.max_steps=2", "hydra.run.dir=teacher", cwd=tmp_path)
    start = tmp_path / "teacher" / "checkpoints" / "last.ckpt"
    callbacks = ["callbacks=[default,mean_centres,freeze]", "callbacks.freeze.share=1"]
    train(tmp_path, f"model_path={start}", *callbacks)
    before, after = (
        read_checkpoint(path)["state_dict"] for path in (start, tmp_path / "run" / "checkpoints" / "last.ckpt")
    )
    moved = {name.partition(".")[0] for name, value in after.items() if not torch.equal(value, before[name])}
    assert moved == {"head"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["head=none", "teacher=net.ckpt", "distill=[blocks,embedding]", "distill.blocks.crop=16"],
        ["model_path=net.ckpt", "callbacks=[default,mean_centres,freeze]", "callbacks.freeze.share=0.5"],
        ["experiment=qat", "model_path=net.ckpt"],
    ],
    ids=["blocks", "finetune", "qat"],
)
def test_two_processes_go_through_every_part_of_a_run_together(words: list[str], tmp_path: Path) -> None:
    run_script("train", *TINY, "trainer.max_steps=2", "hydra.run.dir=teacher", cwd=tmp_path)
    (tmp_path / "teacher" / "checkpoints" / "last.ckpt").rename(tmp_path / "net.ckpt")
    train(tmp_path, *words)
    assert steps(tmp_path) == 8
