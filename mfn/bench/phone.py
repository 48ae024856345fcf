"""How long LiteRT files take on an Android phone, by LiteRT's own ``benchmark_model`` there."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mfn.errors import ConfigError, DataError
from mfn.text import printable

PLACE = "/data/local/tmp/mfn_bench"
"""On the phone; removed at the end."""
_SECONDS = 600
_MEAN = re.compile(r"Inference \(avg\): ([\d.]+(?:e[+-]?\d+)?)")
_SPREAD = re.compile(r"count=\d+ first=\S+ .*?min=([\d.e+]+) max=([\d.e+]+)")


def bench_phone(
    files: Sequence[Path], program: Path, threads: Sequence[int], rounds: int
) -> list[dict[str, str | int | float]]:
    """Copies files and the program to the phone that ``adb`` is connected with, and runs each, one after the other.

    Args:
        files: LiteRT's, ``.tflite``.
        program: LiteRT's ``benchmark_model`` for the phone's processor; the phone runs it.
        threads: Each number is measured.
        rounds: How often each is run, after the warm-up of the program.

    Returns:
        One row for each file and number of threads: the phone, and milliseconds for one call (mean, fastest, slowest).

    Raises:
        ConfigError: ``adb`` or a file is not there, or a file is of another kind.
        DataError: The phone cannot be reached, or the program fails there; its own words are told.
    """
    if (adb := shutil.which("adb")) is None:
        raise ConfigError("--phone needs adb on PATH: install the platform-tools of Android's SDK")
    if other := [path for path in files if path.suffix.lower() != ".tflite"]:
        raise ConfigError(f"--phone runs LiteRT files (.tflite) alone, and {other[0]} is none: leave it out")
    if missing := [path for path in (program, *files) if not path.is_file()]:
        raise ConfigError(f"{missing[0]} does not exist")

    def call(*words: str) -> str:
        try:
            done = subprocess.run(
                [adb, *words], capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise DataError(f"adb {words[0]} took more than {_SECONDS} seconds") from None
        said = done.stdout + done.stderr
        if done.returncode:
            last = next((line for line in reversed(said.splitlines()) if line.strip()), "without a word")
            raise DataError(f"adb {words[0]} failed on the phone: {printable(last.strip())}")
        return said

    phone = call("shell", "getprop ro.product.model").strip()
    call("shell", f"mkdir -p {PLACE}")
    try:
        call("push", str(program), f"{PLACE}/benchmark_model")
        call("shell", f"chmod 755 {PLACE}/benchmark_model")
        rows = []
        for path in dict.fromkeys(files):
            call("push", str(path), f"{PLACE}/net.tflite")  # no name of the user's reaches the phone's shell
            for count in threads:
                words = f"--graph={PLACE}/net.tflite --num_threads={count} --num_runs={rounds}"
                said = call("shell", f"{PLACE}/benchmark_model {words}")
                rows.append({"file": str(path), "phone": printable(phone), "threads": count} | _times(said, program))
        return rows
    finally:
        subprocess.run([adb, "shell", f"rm -rf {PLACE}"], capture_output=True, timeout=_SECONDS, check=False)


def _times(said: str, program: Path) -> dict[str, float]:
    """Milliseconds from what the program says, which is microseconds.

    Raises:
        DataError: It says nothing of the kind.
    """
    if (mean := _MEAN.search(said)) is None:
        raise DataError(f"{program} said nothing of its times on the phone: is it LiteRT's benchmark_model?")
    found = {"mean ms": float(mean[1]) / 1000}
    if spread := _SPREAD.findall(said):  # the last is of the runs, those before of the warm-up
        found |= {f"{name} ms": float(value) / 1000 for name, value in zip(("min", "max"), spread[-1], strict=True)}
    return found
