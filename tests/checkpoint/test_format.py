import os
import pickle
import resource
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from mfn.checkpoint.format import build_backbone, read_checkpoint, weights_hash, write_atomically
from mfn.errors import CheckpointError
from mfn.inference.embedder import FaceEmbedder
from tests.small_run import SIZE, save_small_checkpoint


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return save_small_checkpoint(tmp_path)


def test_embedder_gives_unit_rows_and_the_same_for_any_batch(checkpoint: Path) -> None:
    embedder = FaceEmbedder.load(checkpoint)
    faces = np.random.default_rng(0).integers(0, 256, (5, *SIZE, 3), np.uint8)
    embeddings = embedder(faces)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(embedder(faces[2:3])[0], embeddings[2], atol=1e-5)
    flipped = embedder(faces, flip=True)
    np.testing.assert_allclose(flipped, embedder(faces[:, :, ::-1].copy(), flip=True), atol=1e-5)
    assert not np.allclose(flipped, embeddings, atol=1e-3)


def test_code_in_a_checkpoint_never_runs(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return os.mkdir, (str(tmp_path / "sprung"),)

    torch.save({"state_dict": {}, "mfn": Trap()}, tmp_path / "trap.ckpt")
    (tmp_path / "plain.ckpt").write_bytes(pickle.dumps(Trap()))
    for name in ("trap.ckpt", "plain.ckpt"):
        with pytest.raises(CheckpointError, match="cannot be read"):
            read_checkpoint(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("target", ["os.system", "mfn.models_evil.Net", "subprocess.run", ""])
def test_a_checkpoint_cannot_name_other_code(checkpoint: Path, target: str) -> None:
    content = read_checkpoint(checkpoint)
    content["mfn"]["model"] = {"_target_": target, "command": "true"}
    with pytest.raises(CheckpointError, match=r"only classes of mfn\.models"):
        build_backbone(content, checkpoint)


def test_weights_that_do_not_fit_their_model_are_told(checkpoint: Path) -> None:
    content = read_checkpoint(checkpoint)
    content["mfn"]["model"]["width"] = 0.5
    with pytest.raises(CheckpointError, match="does not fit its model"):
        build_backbone(content, checkpoint)


def test_a_full_disk_leaves_the_old_file_and_no_half_one(checkpoint: Path) -> None:
    before = checkpoint.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, hard))
    try:
        with pytest.raises(CheckpointError, match=r"could not be written.*free some space"):
            write_atomically({"big": torch.zeros(10**6)}, checkpoint)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert checkpoint.read_bytes() == before
    assert list(checkpoint.parent.iterdir()) == [checkpoint]


def test_equal_weights_have_equal_hashes_and_only_they() -> None:
    state = {"b": torch.arange(6.0).view(2, 3), "a": torch.ones(2)}
    same = {
        "a": torch.ones(2),
        "b": torch.arange(6.0).view(3, 2).t().contiguous().view(2, 3) * 0 + state["b"],
    }
    assert weights_hash(state) == weights_hash(same)
    assert weights_hash(state) != weights_hash(state | {"a": torch.ones(2).mul(1 + 1e-7)})
    assert weights_hash(state) != weights_hash({"c": state["a"], "b": state["b"]})
