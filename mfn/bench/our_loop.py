"""Training as ours does it, in one of the settings that there are to choose from, without Lightning around it."""

import time
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from mfn.config.build import build
from mfn.config.compose import composed
from mfn.contract import InputContract
from mfn.data.augment import Augmentation
from mfn.data.flip import HorizontalFlip
from mfn.data.images import FaceImages
from mfn.data.loader import FaceLoader
from mfn.data.sampler import FaceBatchSampler
from mfn.heads.arcface import ArcFaceHead
from mfn.sources.record_dataset import RecordDataset
from mfn.training.depthwise import with_fast_depthwise


class Setting(NamedTuple):
    """How a network learns."""

    dtype: torch.dtype = torch.float32
    channels_last: bool = True
    compile: bool = False

    @property
    def name(self) -> str:
        """What tables call it."""
        words = ["bf16" if self.dtype == torch.bfloat16 else "float32"]
        words += ["channels-last"] * self.channels_last + ["compiled"] * self.compile
        return ", ".join(words)


class Load(NamedTuple):
    """What is learnt in each setting: `steps` batches of `batch` images of `size` x `size`, of `classes` people."""

    model: str
    size: int
    batch: int
    classes: int
    steps: int


class OurLoop:
    """Epochs of training by our loader, network and head, in one setting."""

    def __init__(self, load: Load, setting: Setting, source: RecordDataset, device: str) -> None:
        self.setting, self.device = setting, torch.device(device)
        self.format = torch.channels_last if setting.channels_last else torch.contiguous_format
        self.contract = InputContract.for_size(load.size, load.size, embedding_dim=1)
        self.network = network_of(load).train().to(self.device)
        self.network.to(memory_format=self.format)
        with_fast_depthwise(self.network)
        self.head = ArcFaceHead(dim_of(self.network), load.classes).to(self.device)
        parameters = [*self.network.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.SGD(parameters, lr=0.01, momentum=0.9, weight_decay=5e-4)
        positions, labels = drawn(load, len(source))
        flip = Augmentation([HorizontalFlip(p=0.5)])
        images = FaceImages(source, positions, labels, (load.size, load.size), augment=flip)
        sampler = FaceBatchSampler(len(images), load.batch, shuffle=True)
        self.loader = FaceLoader(images, sampler, num_workers=1, keep_workers=True)
        if setting.compile:
            self.network.compile()

    def epoch(self) -> float:
        """Learns from every image once and returns the seconds that it took."""
        start = time.perf_counter()
        is_bf16 = self.setting.dtype == torch.bfloat16
        for batch in self.loader:
            batch = batch.to(self.device)
            pixels = self.contract.normalize(batch.images).contiguous(memory_format=self.format)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=is_bf16):
                loss = self.head(self.network(pixels), batch.labels).loss
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        if self.device.type != "cpu":
            torch.accelerator.synchronize()
        return time.perf_counter() - start

    def close(self) -> None:
        """Ends the loader's process."""
        del self.loader


def network_of(load: Load) -> nn.Module:
    """The network, with the same first weights each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(composed("train", [f"model={load.model}", f"image_size=[{load.size},{load.size}]"]).model)


def drawn(load: Load, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of an epoch's images in a pack of so many, and a class for each."""
    count = load.steps * load.batch
    return np.arange(count) % size, np.random.default_rng(0).integers(load.classes, size=count)


def dim_of(network: nn.Module) -> int:
    """Length of the embeddings."""
    dim = network.embedding_dim
    assert isinstance(dim, int)
    return dim
