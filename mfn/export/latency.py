"""How long files take for one face, all from one alternating run."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

Step = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Latency:
    """Wall-clock time of one contender.

    Attributes:
        median: Milliseconds.
        p90: Milliseconds that nine runs out of ten stay below.
        ratio: Median over the rounds of the first contender's time as a multiple of this one's: above 1 is faster.
        samples: Milliseconds of each round, in their order.
        runtime: What ran it, with its version; empty where nobody said.
    """

    median: float
    p90: float
    ratio: float
    samples: tuple[float, ...] = ()
    runtime: str = ""


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Sets PyTorch's number of threads for a while; networks loaded meanwhile take it over."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def latencies(steps: Mapping[str, Step], rounds: int, warm_up: int = 3) -> dict[str, Latency]:
    """Runs the contenders in turns, so that whatever else the machine does weighs on all alike.

    Each runs twice in its turn and the second run counts: the first finds the others' weights in the cache, and
    their idle threads still spinning.

    Args:
        steps: Each runs a network once; ratios are to the first.
        rounds: How often each is timed.
        warm_up: Rounds before that.
    """
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(warm_up + rounds):
        for name, step in steps.items():
            step()
            start = time.perf_counter()
            step()
            if turn >= warm_up:
                times[name].append(1000 * (time.perf_counter() - start))
    first = next(iter(times.values()))
    return {name: _summary(own, first) for name, own in times.items()}


def _summary(times: Sequence[float], others: Sequence[float]) -> Latency:
    ratio = float(np.median(np.divide(others, times)))
    samples = tuple(round(time, 4) for time in times)
    return Latency(float(np.median(times)), float(np.quantile(times, 0.9)), ratio, samples)
