"""How often the host waits for its device in a training step, and where."""

from collections import Counter
from collections.abc import Iterator

from mfn.bench.gpu.runs import Again, batches, configured, fitted, recognizer_of
from mfn.bench.gpu.setting import Row, Setting, row
from mfn.bench.waits import WaitsOfSteps, host_waits

WORDS = {
    "float32": ("trainer.precision=32-true",),
    "bf16": ("trainer.precision=bf16-mixed",),
    "fp16": ("trainer.precision=16-mixed",),
    "bf16, a tenth of the classes": ("trainer.precision=bf16-mixed", "head.sample_rate=0.1"),
}


def waiting_rows(setting: Setting) -> Iterator[Row]:
    """Waits of the steps between two looks, which should be none, with the lines that wait most often."""
    every, steps = (3, 8) if setting.quick else (20, 45)
    for name, words in WORDS.items():
        looks = (f"look_every_n_steps={every}", f"trainer.log_every_n_steps={every}", f"trainer.max_steps={steps}")
        config = configured(setting, *words, *looks)
        data = Again(batches(setting, 4), steps, setting.classes)
        recognizer = recognizer_of(config, data).to(setting.device)
        with host_waits(recognizer) as places:
            counted = WaitsOfSteps(places)
            fitted(config, recognizer, data, counted)
        found = counted.of_steps
        # The first steps allocate, time algorithms and draw up plans
        between = [places for number, places in enumerate(found, 1) if number % every and number > every]
        yield row(
            f"{name}: waits between two looks", sum(map(len, between)), f"in {len(between)} steps", _most(between)
        )


def _most(found: list[list[str]]) -> str:
    places = Counter(place for places in found for place in places)
    return "; ".join(f"{count} x {place}" for place, count in places.most_common(2))
