"""Times of contenders from one alternating run, so that whatever else the machine does weighs on all alike."""

import time
from collections.abc import Callable, Mapping
from statistics import median

import torch

from mfn.progress import counting


def alternating_times(steps: Mapping[str, Callable[[], object]], rounds: int, threads: int) -> dict[str, list[float]]:
    """Milliseconds of each contender's rounds, after one that is not timed, with so many threads for PyTorch."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    times: dict[str, list[float]] = {name: [] for name in steps}
    try:
        with counting((1 + rounds) * len(steps), "turns") as count:
            for _ in range(1 + rounds):
                for name, step in steps.items():
                    start = time.perf_counter()
                    step()
                    times[name].append(1000 * (time.perf_counter() - start))
                    count(1)
    finally:
        torch.set_num_threads(before)
    return {name: taken[1:] for name, taken in times.items()}


def median_ratio(times: list[float], others: list[float]) -> float:
    """Median over the rounds of one contender's time as a multiple of another's."""
    return median(one / other for one, other in zip(times, others, strict=True))
