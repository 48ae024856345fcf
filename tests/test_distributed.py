import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_two_processes_train_and_go_on_together(tmp_path: Path) -> None:
    run = tmp_path / "run"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def train(*arguments: str) -> str:
        command = [sys.executable, str(ROOT / "train.py"), *arguments]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    options = [
        "image_size=[32,32]",
        "model.width=0.25",
        "data.source.num_identities=16",
        "data.batch_size=8",
        "trainer=cpu",
        "trainer.devices=2",
        "trainer.strategy=ddp",
        "logger=csv",
    ]
    output = train(*options, "trainer.max_epochs=1", f"hydra.run.dir={run}")
    assert output.count("Parameter groups") == 1
    # 12 identities train with 8 images each: 48 images, 6 batches for each of the two
    assert json.loads((run / "summary.json").read_text())["steps"] == 6
    train(f"ckpt_path={run / 'checkpoints' / 'last.ckpt'}", "trainer.max_epochs=2")
    assert json.loads((run / "summary.json").read_text())["steps"] == 12
