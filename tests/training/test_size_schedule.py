"""Small images first."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mfn.checkpoint.format import weights_hash
from mfn.contract import InputContract
from mfn.training import size_schedule
from mfn.training.callbacks.last_checkpoint import LastCheckpoint
from mfn.training.callbacks.safe_points import SafePoints
from mfn.training.recognizer import FaceRecognizer
from mfn.training.size_schedule import SizeSchedule, scaled
from tests.scripts import TINY, run_script
from tests.small_run import small_data, small_recognizer, small_trainer

WHOLE = InputContract()
STAGES = ((16, 0.3), (24, 0.6))


def test_each_stage_holds_to_its_share_of_the_run() -> None:
    sizes = SizeSchedule(WHOLE, ((64, 0.5), (96, 0.8)))
    heights = [sizes.at(step / 10).height for step in range(11)]
    assert heights == [64] * 5 + [96] * 3 + [112] * 3
    assert sizes.at(0.9) == WHOLE
    assert SizeSchedule(WHOLE).at(0.0) is WHOLE


def test_narrow_crops_keep_their_shape() -> None:
    sizes = SizeSchedule(InputContract.for_size(112, 96), ((56, 0.5), (200, 0.8)))
    assert (sizes.at(0.1).height, sizes.at(0.1).width) == (56, 48)
    assert (sizes.at(0.6).height, sizes.at(0.6).width) == (112, 96)


def test_work_is_the_sum_of_the_steps() -> None:
    sizes = SizeSchedule(WHOLE, ((64, 0.5), (96, 0.8)))
    steps = 1000
    each = [(sizes.at(step / steps).height / 112) ** 2 / steps for step in range(steps)]
    assert sizes.work(0) == pytest.approx(sum(each), abs=1e-9)
    assert sizes.work(0.3, 0.9) == pytest.approx(sum(each[300:900]), abs=1e-9)
    assert sizes.work(1.0) == 0
    assert SizeSchedule(WHOLE).work(0.25) == 0.75
    for share in (0.0, 0.3, 0.6, 0.99):
        now = (sizes.at(share).height / 112) ** 2
        assert sizes.pace(share) == pytest.approx(sizes.work(share) / (1 - share) / now)
    assert (sizes.pace(0.8), sizes.pace(1.0), SizeSchedule(WHOLE).pace(0.3)) == pytest.approx((1, 1, 1))


def test_scaled_images_are_means_of_what_they_cover() -> None:
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 32, 24, 3), np.uint8))
    assert scaled(images, (32, 24)) is images
    small = scaled(images, (16, 12))
    assert (small.shape, small.dtype) == ((2, 16, 12, 3), torch.uint8)
    assert float(small.float().mean()) == pytest.approx(float(images.float().mean()), abs=1)
    assert (scaled(torch.full((1, 32, 32, 3), 200, dtype=torch.uint8), (20, 20)) == 200).all()


def test_devices_without_kernels_for_bytes_see_the_same() -> None:
    pixels = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (2, 3, 112, 112), np.uint8))
    bytes_, floats = size_schedule._averaged(pixels, (64, 64)), size_schedule._averaged_as_floats(pixels, (64, 64))
    assert floats.dtype == torch.uint8
    assert int((bytes_.int() - floats.int()).abs().max()) <= 1


class KeepAll(SafePoints):
    """Saves each step under a name of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def after_step(self, trainer: Any, before_validation: bool = False) -> None:
        trainer.save_checkpoint(self.folder / f"step{trainer.global_step}.ckpt")

    def after_epoch(self, trainer: Any) -> None:
        """Steps alone are of interest."""


def learner(data: Any, stages: tuple[tuple[int, float], ...] = STAGES, **options: Any) -> FaceRecognizer:
    contract = small_recognizer(data).contract
    return small_recognizer(data, sizes=SizeSchedule(contract, stages), dropout=0.2, **options)


def seen_by(recognizer: FaceRecognizer) -> list[tuple[bool, int]]:
    """Grows by whether the network learns, and the height of its images, with each batch."""
    seen: list[tuple[bool, int]] = []

    def note(module: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append((module.training, inputs[0].shape[2]))

    recognizer.backbone.register_forward_pre_hook(note)
    return seen


@pytest.mark.parametrize("accumulated", [1, 2])
def test_the_network_learns_from_small_images_and_is_judged_on_whole_ones(accumulated: int, tmp_path: Path) -> None:
    data = small_data()
    recognizer = learner(data)
    seen = seen_by(recognizer)
    trainer = small_trainer([], tmp_path, max_epochs=5, accumulate_grad_batches=accumulated)
    trainer.fit(recognizer, datamodule=data)
    heights = [height for learns, height in seen if learns]
    assert heights == [16] * 6 + [24] * 6 + [32] * 8  # 20 batches
    judged = [height for learns, height in seen if not learns]
    assert judged and set(judged) == {32}


def run(folder: Path, callbacks: list[Any], ckpt_path: Path | None = None, **options: Any) -> str:
    data = small_data()
    recognizer = learner(data, qat=options.pop("qat", False))
    trainer = small_trainer(callbacks, folder, **options)
    trainer.fit(recognizer, datamodule=data, ckpt_path=ckpt_path, weights_only=True)
    return weights_hash(recognizer.state_dict())


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"accumulate_grad_batches": 2}, {"qat": True}], ids=str)
def test_a_run_that_goes_on_in_any_stage_ends_with_the_same_weights(options: dict[str, Any], tmp_path: Path) -> None:
    whole = run(tmp_path, [LastCheckpoint(tmp_path), KeepAll(tmp_path)], **options)
    saved = sorted(tmp_path.glob("step*.ckpt"))
    assert len(saved) > 3
    for checkpoint in saved[:-1]:
        assert run(tmp_path / "again", [], checkpoint, **options) == whole, checkpoint.name


def test_another_schedule_gives_other_weights(tmp_path: Path) -> None:
    first, other = small_data(), small_data()
    ends = []
    for data, stages in ((first, ()), (other, STAGES)):
        recognizer = learner(data, stages)
        small_trainer([], tmp_path, max_epochs=1).fit(recognizer, datamodule=data)
        ends.append(weights_hash(recognizer.state_dict()))
    assert ends[0] != ends[1]


@pytest.mark.slow
def test_two_processes_change_their_size_together(tmp_path: Path) -> None:
    words = ("trainer.devices=2", "trainer.strategy=ddp", "data.size_schedule=[16:0.3,24:0.6]", "hydra.run.dir=run")
    done = run_script("train", *TINY, *words, cwd=tmp_path)
    assert "Traceback" not in done.output
    assert "16x16 to 30 %, 24x24 to 60 % of the run, then 32x32" in done.output


@pytest.mark.slow
def test_a_compiled_network_gives_the_same_at_each_size() -> None:
    data = small_data()
    plain, compiled = learner(data), learner(data)
    compiled.backbone.load_state_dict(plain.backbone.state_dict())
    compiled.backbone.compile(backend="aot_eager", dynamic=False)  # what is traced; no program is made of it
    images = data.train_dataloader().__iter__().__next__().images
    for share in (0.1, 0.4, 0.9, 0.1):
        ends = []
        for recognizer in (plain, compiled):
            torch.manual_seed(0)
            recognizer.zero_grad()
            recognizer(*recognizer.sizes.seen(images, share)).square().sum().backward()
            ends.append(recognizer.backbone.output.gdc.conv.weight.grad)
        assert torch.allclose(*ends, rtol=1e-4, atol=1e-5)
