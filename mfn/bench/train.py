"""Images a second of whole training steps, in every setting, beside a plain PyTorch loop and the machine's limit."""

import itertools
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

from mfn.bench.data import write_synthetic_pack
from mfn.bench.limit import Rates, least_seconds, measured_rates, work_of
from mfn.bench.our_loop import Load, OurLoop, Setting, dim_of, drawn, network_of
from mfn.bench.plain_loop import JpegFaces, in_process_of_its_own
from mfn.errors import ConfigError
from mfn.progress import counting
from mfn.sources.record_dataset import RecordDataset
from mfn.training.process import keep_freed_memory

PLAIN = "plain PyTorch loop"


def bench_train(
    device: str = "cpu",
    model: str = "mobilefacenet",
    batch: int = 32,
    size: int = 112,
    classes: int = 1458,
    rounds: int = 5,
    steps: int = 3,
    threads: int | None = None,
    compiled: bool = True,
) -> list[dict[str, Any]]:
    """Times epochs of a few steps, which take turns, so that whatever else the machine does weighs on all alike.

    A step is all of it: reading and decoding by one loader process, forward, head, backward and optimiser. The plain
    loop learns with the same network, the same JPEGs and as many loader processes.

    Args:
        device: cpu | cuda | mps.
        model: A choice of ``model=``.
        batch: Images of a step.
        size: Their height and width.
        classes: Identities.
        rounds: Epochs of each contender, after one that is not timed.
        steps: Of an epoch.
        threads: For PyTorch; None leaves its own number.
        compiled: Also compile each setting with ``torch.compile``, which takes minutes.

    Returns:
        A row for each setting: images a second (median), the median over the rounds of the plain loop's time as a
        multiple of its own, and the share of the limit that it reaches; then a row for the limit of each type.

    Raises:
        ConfigError: There is no such model or device, or a batch of one image.
    """
    if device not in devices_here():
        raise ConfigError(f"--device {device} is not here: there is {', '.join(devices_here())}")
    if batch < 2:
        raise ConfigError(f"--batch {batch} is too small: batch normalisation needs at least 2 images")
    load = Load(model, size, batch, classes, steps)
    network = network_of(load)
    settings = [
        Setting(*kind)
        for kind in itertools.product((torch.float32, torch.bfloat16), (False, True), (False, True)[: 1 + compiled])
    ]
    before = torch.get_num_threads()
    threads = threads or before
    torch.set_num_threads(threads)
    keep_freed_memory()
    try:
        rates = {dtype: measured_rates(device, dtype) for dtype in (torch.float32, torch.bfloat16)}
        times = _taking_turns(load, settings, network, device, rounds, threads)
    finally:
        torch.set_num_threads(before)
    limits = limits_of(load, network, rates)
    return [*_rows(load, settings, times, limits), *_limit_rows(load, rates, limits)]


def devices_here() -> list[str]:
    """Kinds of devices that PyTorch can use here."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return ["cpu", *(name for name, is_there in there.items() if is_there)]


def limits_of(load: Load, network: nn.Module, rates: Mapping[torch.dtype, Rates]) -> dict[torch.dtype, float]:
    """The least seconds of a step in each type."""
    centres = dim_of(network) * load.classes
    of_head = 3 * 2 * load.batch * centres / rates[torch.float32].operations
    parameters = sum(p.numel() for p in network.parameters()) + centres
    work = work_of(network, (load.size, load.size))
    return {dtype: least_seconds(work, rate, dtype, load.batch, of_head, parameters) for dtype, rate in rates.items()}


def _taking_turns(
    load: Load, settings: Sequence[Setting], network: nn.Module, device: str, rounds: int, threads: int
) -> dict[str, list[float]]:
    """Seconds of each contender's rounds."""
    with tempfile.TemporaryDirectory() as folder:
        write_synthetic_pack(Path(folder), 32, 8, size=load.size)
        source = RecordDataset(folder)
        ours = {setting.name: OurLoop(load, setting, source, device) for setting in settings}
        positions, labels = drawn(load, len(source))
        faces = JpegFaces([source.encoded(p) for p in positions.tolist()], labels.tolist(), (load.size, load.size))
        theirs = (network, dim_of(network), load.classes, faces, load.batch, device)
        with in_process_of_its_own(threads, *theirs) as plain_epoch:
            contenders = {PLAIN: plain_epoch} | {name: loop.epoch for name, loop in ours.items()}
            with counting((1 + rounds) * len(contenders), "epochs", "training steps") as count:

                def timed(epoch: Callable[[], float]) -> float:
                    seconds = epoch()
                    count(1)
                    return seconds

                turns = [{name: timed(epoch) for name, epoch in contenders.items()} for _ in range(1 + rounds)][1:]
        for loop in ours.values():
            loop.close()
    return {name: [turn[name] for turn in turns] for name in contenders}


def _rows(
    load: Load, settings: Sequence[Setting], times: Mapping[str, list[float]], limits: Mapping[torch.dtype, float]
) -> list[dict[str, Any]]:
    types = {PLAIN: torch.float32} | {setting.name: setting.dtype for setting in settings}
    return [
        {
            "setting": name,
            "images_per_second": load.steps * load.batch / median(taken),
            "times_plain": median(plain / own for plain, own in zip(times[PLAIN], taken, strict=True)),
            "share_of_limit": load.steps * limits[types[name]] / median(taken),
        }
        for name, taken in times.items()
    ]


def _limit_rows(
    load: Load, rates: Mapping[torch.dtype, Rates], limits: Mapping[torch.dtype, float]
) -> list[dict[str, Any]]:
    return [
        {
            "setting": f"limit of {'bf16' if dtype == torch.bfloat16 else 'float32'}",
            "images_per_second": load.batch / limits[dtype],
            "share_of_limit": 1.0,
            "gemm_gflops": rate.operations / 1e9,
            "copy_gb_per_second": rate.bytes / 1e9,
        }
        for dtype, rate in rates.items()
    ]
