"""A training run small enough for tests: 32x32 synthetic faces and a quarter of the network's width."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, Trainer, seed_everything
from lightning.pytorch.callbacks import Checkpoint

from mfn.checkpoint.format import CheckpointMetadata, write_atomically
from mfn.checkpoint.lightning_io import AtomicCheckpointIO
from mfn.contract import InputContract
from mfn.data.datamodule import FaceDataModule
from mfn.heads.arcface import ArcFaceHead
from mfn.models.mobilefacenet import MobileFaceNet
from mfn.synthetic.dataset import SyntheticFaces
from mfn.training.callbacks.verification import Verification
from mfn.training.recognizer import FaceRecognizer
from mfn.training.schedules import Cosine

SIZE = (32, 32)


def small_data(**options: Any) -> FaceDataModule:
    """Six identities of six images to train on, two to judge on."""
    settings = {
        "image_size": SIZE,
        "batch_size": 8,
        "num_workers": 0,
        "val_identities": 0.25,
        "val_pairs": 20,
    } | options
    data = FaceDataModule(SyntheticFaces(8, 6, image_size=SIZE), **settings)
    data.setup()
    return data


def small_recognizer(data: FaceDataModule, dropout: float = 0.0, **options: Any) -> FaceRecognizer:
    """A network that learns to tell the identities of ``data`` apart."""
    seed_everything(0, verbose=False)
    model = {"embedding_dim": 32, "input_size": SIZE, "width": 0.25, "dropout": dropout}
    metadata = CheckpointMetadata(
        {"_target_": "mfn.models.mobilefacenet.MobileFaceNet", **model},
        InputContract.for_size(*SIZE, embedding_dim=32).to_dict(),
        [int(label) for label in data.label_map],
        data=data.fingerprint,
    )
    settings = {
        "optimizer": partial(torch.optim.SGD, lr=0.05, momentum=0.9, weight_decay=4e-5),
        "schedule": Cosine(unit="run", warmup=0.1),
    }
    head = options.pop("head", None) or ArcFaceHead(32, data.num_classes, scale=16, margin=0.2)
    return FaceRecognizer(MobileFaceNet(**model), head, metadata, **(settings | options))  # type: ignore[arg-type]


def save_small_checkpoint(folder: Path) -> Path:
    """An untrained network as a checkpoint with its metadata."""
    recognizer = small_recognizer(small_data())
    content = {"state_dict": recognizer.state_dict(), "mfn": recognizer.metadata.to_dict()}
    write_atomically(content, folder / "net.ckpt")
    return folder / "net.ckpt"


def small_trainer(callbacks: list[Callback], folder: Path, **options: Any) -> Trainer:
    """A quiet trainer on the CPU; two epochs of four batches unless told otherwise."""
    settings: dict[str, Any] = {
        "accelerator": "cpu",
        "devices": 1,
        "max_epochs": 2,
        "logger": False,
        "enable_checkpointing": any(isinstance(callback, Checkpoint) for callback in callbacks),
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "use_distributed_sampler": False,
        "log_every_n_steps": 1,
        "default_root_dir": folder,
    }
    plugins = [AtomicCheckpointIO(), *options.pop("plugins", [])]
    return Trainer(callbacks=[Verification(), *callbacks], plugins=plugins, **(settings | options))
