"""Writes the files of ``files/``, by which tests know what earlier versions wrote.

``python -m tests.checkpoint.make_files NAME``

``before_format`` was written by the last code without a format number.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import torch

from mfn.checkpoint.format import CheckpointMetadata, write_atomically
from mfn.commands.export import export
from mfn.contract import InputContract
from mfn.models.mobilefacenet import MobileFaceNet
from tests.composing import composed

FILES = Path(__file__).parent / "files"
ARGUMENTS = {"embedding_dim": 8, "input_size": (32, 32), "width": 0.125}
CONTRACT = InputContract.for_size(32, 32, embedding_dim=8, threshold=0.25, threshold_far=1e-3, threshold_flip="sum")


def make(name: str) -> None:
    """A checkpoint, and its ONNX file with the JSON beside it."""
    torch.manual_seed(0)
    network = MobileFaceNet(**ARGUMENTS).eval()
    metadata = CheckpointMetadata(
        {"_target_": "mfn.models.mobilefacenet.MobileFaceNet", **ARGUMENTS}, CONTRACT.to_dict(), label_names=["a", "b"]
    )
    checkpoint = FILES / f"{name}.ckpt"
    state = {f"backbone.{key}": value for key, value in network.state_dict().items()}
    write_atomically({"state_dict": state, "mfn": metadata.to_dict()}, checkpoint)
    with tempfile.TemporaryDirectory() as folder:
        config = composed(f"model_path={checkpoint}", "target=onnx", "latency.rounds=0", config="export")
        config.paths.output = folder
        (file,) = export(config)
        for written in (file, file.with_name(file.name + ".json")):
            shutil.copy(written, FILES / written.name.replace(file.name, f"{name}.onnx"))


if __name__ == "__main__":
    make(sys.argv[1])
