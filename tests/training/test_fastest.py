"""``trainer.precision=auto``: what is picked for a device, said, stored, and kept by a run that goes on."""

import logging
from pathlib import Path

import pytest
import torch
import yaml

from mfn.checkpoint.format import CheckpointMetadata, read_checkpoint, write_atomically
from mfn.commands.launch import train_arguments
from mfn.config.compose import composed
from mfn.training import fastest
from mfn.training.checking import check
from mfn.training.fastest import BF16, FLOAT32, cpu_bf16, fastest_sentence, pick_precision, settle_precision
from tests.scripts import TINY, run_script


def with_instructions(monkeypatch: pytest.MonkeyPatch, *names: str, speed: float = 2.0) -> None:
    monkeypatch.setattr(fastest, "bf16_speed", lambda: speed)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(names, True), raising=False)


def with_gpus(monkeypatch: pytest.MonkeyPatch, *capabilities: tuple[int, int]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(capabilities))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(capabilities))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=0: capabilities[device])


@pytest.mark.parametrize(
    ("instructions", "precision"),
    [
        ((), FLOAT32),
        (("avx2", "avx512_f"), FLOAT32),
        (("avx512_f", "avx512_bf16"), BF16),
        (("amx_bf16", "avx512_bf16"), BF16),
    ],
)
def test_a_cpu_is_asked_for_its_instructions(monkeypatch, instructions: tuple[str, ...], precision: str) -> None:
    with_instructions(monkeypatch, *instructions)
    picked = pick_precision("cpu")
    assert picked.precision == precision == pick_precision("cpu").precision
    assert precision == FLOAT32 or instructions[0] in picked.why or "avx512_bf16" in picked.why


def test_instructions_that_are_no_faster_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with_instructions(monkeypatch, "avx512_bf16", speed=0.5)
    picked = pick_precision("cpu")
    assert picked.precision == FLOAT32 and "no faster" in picked.why


def test_the_speed_of_bfloat16_is_measured() -> None:
    assert 0.001 < fastest.bf16_speed() < 1000
    assert fastest.bf16_speed() == fastest.bf16_speed()


def test_several_processes_on_a_cpu_need_not_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(monkeypatch)
    with_instructions(monkeypatch, "avx512_bf16")
    config = composed("train", ["trainer.accelerator=cpu", "trainer.devices=2", "paths.output=x"])
    settle_precision(config)
    assert config.trainer.precision == FLOAT32 and "2 processes" in config.why_precision


def test_a_pytorch_that_does_not_tell_gets_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert cpu_bf16() is None and pick_precision("cpu").precision == FLOAT32


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [([(9, 0)], BF16), ([(8, 0), (8, 6)], BF16), ([(8, 0), (7, 5)], FLOAT32), ([(6, 1)], FLOAT32)],
)
def test_of_several_gpus_the_oldest_decides(monkeypatch, capabilities: list[tuple[int, int]], precision: str) -> None:
    with_gpus(monkeypatch, *capabilities)
    assert pick_precision("cuda").precision == precision


def test_what_was_tried_with_float32_alone_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with_instructions(monkeypatch, "avx512_bf16")
    for words in (["qat=true"], ["distill=[blocks]"]):
        config = composed("train", ["trainer.accelerator=cpu", *words, "paths.output=x"])
        settle_precision(config)
        assert config.trainer.precision == FLOAT32 and words[0].split("=")[0] in config.why_precision


@pytest.mark.parametrize(
    ("words", "with_bf16", "without"),
    [
        ([], BF16, FLOAT32),
        (["trainer.precision=auto"], BF16, FLOAT32),
        (["trainer.precision=32-true"], FLOAT32, FLOAT32),
        (["trainer.precision=bf16-mixed"], BF16, BF16),
        (["trainer=cpu"], FLOAT32, FLOAT32),
        (["trainer=cpu", "trainer.precision=auto"], BF16, FLOAT32),
        (["trainer=ddp", "trainer.accelerator=cpu"], FLOAT32, FLOAT32),
    ],
)
def test_only_what_is_left_open_is_picked(monkeypatch, words: list[str], with_bf16: str, without: str) -> None:
    with_gpus(monkeypatch)
    for instructions, precision in ((["avx512_bf16"], with_bf16), ([], without)):
        with_instructions(monkeypatch, *instructions)
        config = check(composed("train", [*words, "paths.output=x"]))
        assert config.trainer.precision == precision
        left_open = not words or words[-1].endswith("auto")
        assert (config.why_precision is not None) == left_open
        assert ("trainer.precision=" in fastest_sentence(config)) == left_open
        assert f"on cpu: precision {precision}" in fastest_sentence(config)


def test_cfg_shows_what_would_be_picked(monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(monkeypatch)
    with_instructions(monkeypatch, "amx_bf16")
    for flags in (["--cfg", "job"], ["-c", "job"], ["--cfg=job"]):
        arguments = train_arguments([*flags])
        assert f"trainer.precision={BF16}" in arguments
        assert any(word.startswith("why_precision=") and "amx_bf16" in word for word in arguments)
    assert not any("precision" in word for word in train_arguments([]))
    assert train_arguments(["--cfg", "job", "trainer=cpu"])[-1] == "trainer=cpu"
    assert not any("why_precision" in word for word in train_arguments(["--cfg", "job", "trainer.precision=16-mixed"]))


@pytest.mark.slow
def test_a_run_says_and_stores_it_and_goes_on_with_it_on_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    words = [word for word in TINY if not word.startswith("trainer=")]
    done = run_script("train", *words, "trainer.accelerator=cpu", "hydra.run.dir=run", cwd=tmp_path)
    picked = pick_precision("cpu")
    assert f"on cpu: precision {picked.precision} ({picked.why}" in done.output
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    stored = yaml.safe_load(CheckpointMetadata.of(checkpoint := read_checkpoint(path), path).config)
    assert (stored["trainer"]["precision"], stored["why_precision"]) == picked
    for had in (BF16, FLOAT32):
        with caplog.at_level(logging.WARNING):
            checkpoint["mfn"]["config"] = yaml.safe_dump(stored | {"trainer": stored["trainer"] | {"precision": had}})
        write_atomically(checkpoint, path)
        for instructions in ([], ["avx512_bf16"]):
            with_instructions(monkeypatch, *instructions)
            assert f"trainer.precision={had}" in train_arguments([f"ckpt_path={path}"])
            asked = train_arguments([f"ckpt_path={path}", "trainer.precision=64-true"])
            assert [word for word in asked if word.startswith("trainer.precision=")] == ["trainer.precision=64-true"]
    checkpoint["mfn"]["config"] = yaml.safe_dump(stored | {"trainer": {"precision": "${oc.env:HOME}"}})
    write_atomically(checkpoint, path)
    assert not any("precision" in word for word in train_arguments([f"ckpt_path={path}"]))
