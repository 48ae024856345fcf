"""The benchmark of training at a size that takes no time; no claim about speed."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from mfn.bench.limit import Rates, Work, least_seconds, measured_rates, work_of
from mfn.bench.our_loop import Load, Setting, network_of
from mfn.bench.plain_loop import PlainArcFace, in_process_of_its_own, plain
from mfn.bench.train import PLAIN, bench_train
from mfn.commands import bench
from mfn.errors import ConfigError, MfnError
from mfn.files.ownership import json_at
from mfn.heads.arcface import ArcFaceHead
from mfn.models.prelu import PReLU

TINY = Load("mobilefacenet", 32, 4, 10, 1)


def test_the_plain_loop_learns_the_same_network_with_the_same_loss() -> None:
    torch.manual_seed(0)
    ours = network_of(TINY)
    theirs = plain(ours)
    assert not any(isinstance(module, PReLU) for module in theirs.modules())
    assert any(isinstance(module, PReLU) for module in ours.modules())
    images, labels = torch.randn(4, 3, 32, 32), torch.tensor([1, 3, 3, 9])
    embeddings = ours(images)
    torch.testing.assert_close(theirs(images), embeddings)
    head, plain_head = ArcFaceHead(128, 10), PlainArcFace(128, 10)
    plain_head.load_state_dict(head.state_dict())
    torch.testing.assert_close(plain_head(embeddings, labels), head(embeddings, labels).loss)


def test_what_a_step_does_is_counted_from_the_shapes() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3, 2, 1, groups=8), nn.PReLU(), nn.Conv2d(8, 4, 1)
    )
    first, last = 2 * 3 * 8 * 9 * 8 * 8, 2 * 8 * 4 * 4 * 4  # 16x16 images become 8x8 and 4x4
    norm, depthwise = 8 * (8 * 8 * 8), 3 * (8 * 8 * 8) + 2 * (8 * 4 * 4)
    assert work_of(network, (16, 16)) == Work(2 * first + 3 * last, norm + depthwise)
    assert network.training
    assert all(not module._forward_hooks for module in network.modules())


def test_the_limit_is_the_time_of_products_and_of_memory() -> None:
    work, rates = Work(1e9, 1e6), Rates(1e11, 1e10)
    assert least_seconds(work, rates, torch.float32, 10, 0.5, 0) == pytest.approx(0.1 + 4e-3 + 0.5)
    assert least_seconds(work, rates, torch.bfloat16, 10, 0.5, 0) == pytest.approx(0.1 + 2e-3 + 0.5)
    assert least_seconds(work, rates, torch.float32, 0, 0, 10**6) == pytest.approx(2e-3)


def test_rates_are_measured() -> None:
    rates = measured_rates("cpu", torch.bfloat16, side=64, rounds=1)
    assert rates.operations > 1e6 and rates.bytes > 1e6


@pytest.mark.parametrize(("seconds", "sides"), [(1.0, [256]), (1e-3, [256, 512, 1024, 2048])])
def test_what_takes_long_is_measured_on_small_matrices(
    seconds: float, sides: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def best(function: Callable[[], torch.Tensor], device: str, rounds: int) -> float:
        tried.append(function().shape[0])
        return seconds

    monkeypatch.setattr("mfn.bench.limit._best", best)
    rates = measured_rates("cpu", torch.float32, rounds=1)
    assert tried[1:] == sides  # behind the copy
    assert rates.operations == 2 * sides[-1] ** 3 / seconds


def test_settings_have_names_of_their_own() -> None:
    names = {Setting(t, c, k).name for t in (torch.float32, torch.bfloat16) for c in (0, 1) for k in (0, 1)}
    assert len(names) == 8 and "bf16, channels-last, compiled" in names and "float32" in names


def test_a_device_that_is_not_here() -> None:
    absent = "mps" if not torch.backends.mps.is_available() else "cuda"
    with pytest.raises(ConfigError, match=f"--device {absent} is not here: there is cpu"):
        bench_train(absent)
    with pytest.raises(ConfigError, match="mobilefase"):
        bench_train("cpu", "mobilefase")
    with pytest.raises(ConfigError, match="--batch 1 is too small"):
        bench_train("cpu", batch=1)


@pytest.mark.parametrize("word", ["--batch", "--rounds", "--steps", "--threads", "--size", "--classes"])
@pytest.mark.parametrize("number", ["0", "-1", "many"])
def test_numbers_that_are_none(word: str, number: str) -> None:
    with pytest.raises(SystemExit):
        bench.main(["train", word, number])


@pytest.mark.slow
def test_a_plain_loop_that_fails_is_told() -> None:
    with in_process_of_its_own(1, None, 8, 2, [], 2, "cpu", 0) as epoch, pytest.raises(MfnError, match="plain PyTorch"):
        epoch()


@pytest.mark.slow
def test_from_the_command_line(tmp_path: Path) -> None:
    words = ["--batch", "4", "--size", "32", "--classes", "10", "--rounds", "1", "--steps", "1", "--threads", "1"]
    threads = torch.get_num_threads()
    bench.main(["train", "--no-compile", *words, "--json", str(tmp_path / "rows.json")])
    assert torch.get_num_threads() == threads
    rows = json_at(tmp_path / "rows.json")
    assert [row["setting"] for row in rows] == [
        *(PLAIN, "float32", "float32, channels-last", "bf16", "bf16, channels-last"),
        *("limit of float32", "limit of bf16"),
    ]
    assert rows[0]["times_plain"] == 1
    assert all(row["images_per_second"] > 0 and row["share_of_limit"] > 0 for row in rows)
    assert all("times_plain" not in row and row["gemm_gflops"] > 0 for row in rows[5:])
