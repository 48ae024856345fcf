"""The scripts as a user calls them, each in a process of its own that has everything imported already."""

import multiprocessing
import os
import runpy
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TINY = (
    "image_size=[32,32]",
    "model.width=0.125",
    "data.source.num_identities=10",
    "data.source.images_per_identity=8",
    "data.batch_size=8",
    "data.num_workers=0",
    "trainer=cpu",
    "trainer.max_epochs=2",
    "trainer.log_every_n_steps=1",
    "callbacks.last_checkpoint.every_n_steps=1",
    "logger=csv",
)
"""A training of a second: 8 identities of 8 images, two epochs of 8 steps."""

FORK = multiprocessing.get_context("forkserver")
FORK.set_forkserver_preload(
    ["mfn.commands.train_run", "mfn.commands.launch", "mfn.commands.job", "matplotlib.pyplot", "PIL.PngImagePlugin"]
)


@dataclass(frozen=True)
class Done:
    """How a script ended, and all that it wrote."""

    status: int
    output: str

    @property
    def last_line(self) -> str:
        return self.output.strip().splitlines()[-1]


def run_script(name: str, *words: str, cwd: Path, status: int | None = 0, **environment: str) -> Done:
    """Runs ``train.py`` or another script in a folder.

    Args:
        name: Of the script, without ``.py``.
        *words: As typed after it.
        cwd: Where it is called.
        status: The exit status that it must have; None takes any.
        **environment: Further variables.
    """
    with tempfile.NamedTemporaryFile("r", errors="replace") as output:
        process = FORK.Process(target=_run, args=(name, words, str(cwd), output.name, environment))
        process.start()
        process.join(300)
        if process.is_alive():
            process.kill()
            process.join()
        done = Done(process.exitcode or 0, output.read())
    assert status is None or done.status == status, done.output
    return done


def _run(name: str, words: tuple[str, ...], cwd: str, output: str, environment: dict[str, str]) -> None:
    file = os.open(output, os.O_WRONLY | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    os.chdir(cwd)
    os.environ.update({"OMP_NUM_THREADS": "1"} | environment)
    sys.path[:0] = environment.get("PYTHONPATH", "").split()
    script = str(ROOT / f"{name}.py")
    sys.argv = [script, *words]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit:
        raise
    except BaseException:
        traceback.print_exc()
        sys.exit(70)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
