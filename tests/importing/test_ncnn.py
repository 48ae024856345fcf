"""ncnn's own files, as its converter writes them, come back as the network they were made of."""

from pathlib import Path

import pytest
import torch

from mfn.checkpoint.format import write_atomically
from mfn.commands.main import main
from mfn.inference.embedder import FaceEmbedder
from tests.small_run import small_data, small_recognizer

pytest.importorskip("ncnn")
pytest.importorskip("pnnx")


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-4), ("fp16", 2e-2)])
def test_what_ncnn_writes_comes_back(precision: str, tolerance: float, tmp_path: Path) -> None:
    recognizer = small_recognizer(small_data()).train()
    images = torch.randint(0, 256, (32, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for _ in range(5):
        recognizer(images)  # statistics of their own
    content = {"state_dict": recognizer.state_dict(), "mfn": recognizer.metadata.to_dict()}
    write_atomically(content, tmp_path / "net.ckpt")
    words = ["target=ncnn", f"precision={precision}", "latency.rounds=0", f"hydra.run.dir={tmp_path}/out"]
    main(["export", f"model_path={tmp_path}/net.ckpt", *words])
    written = tmp_path / "out" / f"net_ncnn_{precision}.param"
    main(["import", str(written), "--output", str(tmp_path / "back.ckpt")])
    before, after = (FaceEmbedder.load(tmp_path / name).raw(images) for name in ("net.ckpt", "back.ckpt"))
    assert (after - before).abs().max() < tolerance * before.abs().max()
