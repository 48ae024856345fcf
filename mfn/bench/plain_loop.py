"""A training loop as most people write it, to compare with: plain PyTorch, nothing of ours but the network's layers."""

import copy
import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from mfn.errors import MfnError

SCALE, MARGIN = 64.0, 0.5


class JpegFaces(Dataset[tuple[Tensor, int]]):
    """Encoded faces, decoded by Pillow and transformed by torchvision, without resizing.

    Args:
        encoded: Each image, as the bytes of a file.
        labels: Its class.
        size: Height and width to give; others are resized.
    """

    def __init__(self, encoded: Sequence[bytes], labels: Sequence[int], size: tuple[int, int]) -> None:
        self.encoded = encoded
        self.labels = labels
        self.transform: Callable[[Image.Image], Any] = transforms.Compose(
            [
                transforms.Resize(size),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize([0.5] * 3, [0.5] * 3),
            ]
        )

    def __len__(self) -> int:
        return len(self.encoded)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = Image.open(io.BytesIO(self.encoded[index])).convert("RGB")
        return self.transform(image), self.labels[index]


class PlainArcFace(nn.Module):
    """ArcFace (Deng et al. 2019, eq. 3) over the full matrix of cosines: embeddings and labels to the mean loss."""

    def __init__(self, embedding_dim: int, num_classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_classes, embedding_dim))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """(N, D) and int64 (N,) to a scalar."""
        cosine = F.linear(F.normalize(embeddings), F.normalize(self.weight))
        target = cosine.gather(1, labels[:, None]).clamp(-1 + 1e-7, 1 - 1e-7)
        logits = cosine.scatter(1, labels[:, None], (target.acos() + MARGIN).cos())
        return F.cross_entropy(SCALE * logits, labels)


class PlainLoop:
    """Epochs of plain training: float32, NCHW, all parameters in one SGD.

    Args:
        network: Normalised float (N, 3, H, W) to embeddings (N, D); a copy of it learns.
        embedding_dim: Length of an embedding.
        num_classes: Identities.
        faces: What is learnt.
        batch: Images of a step.
        device: cpu | cuda | mps.
        workers: Processes that decode.
    """

    def __init__(
        self,
        network: nn.Module,
        embedding_dim: int,
        num_classes: int,
        faces: JpegFaces,
        batch: int,
        device: str,
        workers: int = 1,
    ) -> None:
        self.device = torch.device(device)
        self.network = plain(network).to(self.device).train()
        self.head = PlainArcFace(embedding_dim, num_classes).to(self.device)
        parameters = [*self.network.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.SGD(parameters, lr=0.01, momentum=0.9, weight_decay=5e-4)
        self.loader = DataLoader(
            faces, batch, shuffle=True, num_workers=workers, drop_last=True, persistent_workers=workers > 0
        )

    def epoch(self) -> float:
        """Learns from every face once and returns the seconds that it took."""
        start = time.perf_counter()
        for images, labels in self.loader:
            loss = self.head(self.network(images.to(self.device)), labels.to(self.device))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        if self.device.type != "cpu":
            torch.accelerator.synchronize()
        return time.perf_counter() - start


def plain(network: nn.Module) -> nn.Module:
    """A copy of a network, its PReLUs those of PyTorch and its weights laid out as PyTorch does by itself."""
    network = copy.deepcopy(network).to(memory_format=torch.contiguous_format)
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.PReLU):
                theirs = nn.PReLU(child.num_parameters)
                theirs.load_state_dict(child.state_dict())
                setattr(module, name, theirs)
    return network


@contextmanager
def in_process_of_its_own(threads: int, *arguments: Any) -> Iterator[Callable[[], float]]:
    """A function that does an epoch of a plain loop and returns its seconds.

    The loop has a process of its own, since the settings of an allocator are a process's, and ours would serve it too.

    Args:
        threads: For PyTorch.
        *arguments: Of `PlainLoop`.

    Raises:
        MfnError: The loop failed; it has told why.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, threads, arguments))  # no daemon: it has loader processes
    process.start()
    theirs.close()

    def epoch() -> float:
        try:
            ours.send(True)
            return ours.recv()
        except (EOFError, OSError):
            raise MfnError("the plain PyTorch loop failed; what it said stands above") from None

    try:
        yield epoch
    finally:
        ours.close()
        process.join(30)
        if process.is_alive():
            process.kill()


def _serve(connection: Connection, threads: int, arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(threads)
    loop = PlainLoop(*arguments)
    try:
        while connection.recv():
            connection.send(loop.epoch())
    except EOFError:
        return
