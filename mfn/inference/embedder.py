"""FaceEmbedder: aligned faces to unit embeddings, whatever file the network comes from."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mfn.checkpoint.folder import write_folder
from mfn.checkpoint.folder_names import folder_at
from mfn.contract import InputContract, MeasuredScores
from mfn.errors import ConfigError, first_line
from mfn.inference.hub import download, upload
from mfn.inference.loading import load_network, store_contract
from mfn.inference.network import Network, TorchNetwork
from mfn.metrics.scores import combine
from mfn.published.cache import fetched, is_name, published


class FaceEmbedder:
    """A network with its input contract.

    Args:
        network: A module that takes normalised float (N, 3, H, W) and gives float (N, D), or a network behind
            another runtime.
        contract: What the network expects.
    """

    def __init__(self, network: nn.Module | Network, contract: InputContract) -> None:
        self.network: Network = TorchNetwork(network) if isinstance(network, nn.Module) else network
        self.contract = contract

    @classmethod
    def load(
        cls,
        path: Path | str,
        stated: Mapping[str, Any] | None = None,
        trust_torchscript: bool = False,
        *,
        threads: int | None = None,
        provider: str | None = None,
    ) -> "FaceEmbedder":
        """Reads a network file: a checkpoint, weights in layer order (``.npz``), or an exported file or folder.

        Args:
            path: The file, the folder of ``target=safetensors``, or a name that ``mfn fetch`` knows and has brought.
            stated: ``color``, ``mean``, ``std``, ``height``, ``width`` and ``pixels`` (the network normalises inside),
                for files that do not say what they expect.
            trust_torchscript: Run a TorchScript file (``.pt``), which is a program.
            threads: Of ONNX Runtime; None takes PyTorch's number.
            provider: Of ONNX Runtime: cpu | cuda | coreml | openvino; None is the CPU.

        Raises:
            ConfigError: A provider that is not here, or either word for a file of another kind.
            CheckpointError: The file is missing, damaged or of another kind, or what it expects is unknown.
        """
        given = {key: value for key, value in (stated or {}).items() if value is not None}
        runtime = {"threads": threads, "provider": provider}
        if not is_name(path):
            return cls(*load_network(Path(path).expanduser(), given, trust_torchscript, runtime))
        entry = published(str(path))
        network, contract = load_network(fetched(entry.name), {**entry.contract, **given}, runtime=runtime)
        if contract.threshold is None and entry.threshold is not None:
            contract = dataclasses.replace(contract, threshold=entry.threshold, threshold_flip="none")
        return cls(network, contract)

    @classmethod
    def from_pretrained(cls, name: str | Path, **options: Any) -> "FaceEmbedder":
        """Reads a network of the Hugging Face hub, or a folder that has the same files.

        Args:
            name: ``user/name``, or a folder.
            **options: Of ``huggingface_hub.snapshot_download``, as ``revision``, ``token`` and ``cache_dir``.

        Raises:
            CheckpointError: It cannot be fetched, or is no network of mfn; or the extra ``hub`` is not installed.
        """
        folder = folder_at(Path(name).expanduser())
        return cls.load(folder or download(str(name), **options))

    def push_to_hub(
        self, name: str, *, private: bool = False, token: str | None = None, message: str = "A network of mfn"
    ) -> str:
        """Puts the network on the Hugging Face hub, with its contract and a card.

        Args:
            name: ``user/name``; it is made where it is missing.
            private: Make it visible to its owner alone.
            token: Of the user; None takes the one that is logged in.
            message: Of the commit.

        Returns:
            The address.

        Raises:
            ConfigError: It was not loaded from a checkpoint, a folder or an ``.npz``.
            CheckpointError: It cannot be put there, or the extra ``hub`` is not installed.
        """
        if not isinstance(self.network, TorchNetwork) or self.network.model is None:
            raise ConfigError("only a network of a checkpoint, a safetensors folder or an .npz can go to the hub")
        with TemporaryDirectory() as folder:
            write_folder(Path(folder), self.network.module.state_dict(), self.network.model, self.contract, {})
            return upload(Path(folder), name, private=private, token=token, message=message)

    def to(self, device: torch.device | str) -> "FaceEmbedder":
        """Moves a PyTorch network to a device; other runtimes stay where they are.

        Raises:
            ConfigError: The device is not there.
        """
        if isinstance(self.network, TorchNetwork):
            try:
                self.network.module.to(device)
            except (RuntimeError, AssertionError) as error:
                raise ConfigError(f"device={device} is not available here ({first_line(error)})") from error
        return self

    def with_contract(self, contract: InputContract) -> "FaceEmbedder":
        """The same network under another contract.

        Raises:
            ConfigError: The file normalises inside, so that its mean and standard deviation cannot be changed.
        """
        if self.network.takes_pixels and (contract.mean, contract.std) != (self.contract.mean, self.contract.std):
            raise ConfigError("this file normalises its pixels inside: their mean and std cannot be changed")
        return FaceEmbedder(self.network, contract)

    @torch.inference_mode()
    def raw(self, images: np.ndarray | Tensor) -> Tensor:
        """Embeddings as the network gives them: uint8 RGB (N, H, W, 3) to float32 (N, D) on the network's device."""
        pixels = torch.as_tensor(images).to(self.network.device)
        prepare = self.contract.arrange if self.network.takes_pixels else self.contract.normalize
        return self.network(prepare(pixels))

    def __call__(self, images: np.ndarray | Tensor, flip: str | bool | None = None) -> np.ndarray:
        """Embeds aligned faces.

        Args:
            images: uint8 RGB (N, H, W, 3).
            flip: What is done with the mirrored image's embedding: ``"sum"`` (or true) adds it before scaling to unit
                length, ``"concat"`` puts it behind, ``"none"`` (false, None) does without. The contract's ``threshold``
                belongs to its ``threshold_flip``, which can be given here.

        Returns:
            float32 (N, D), or (N, 2 D) with ``"concat"``, each row of unit length.

        Raises:
            ConfigError: There is no such way.
        """
        how = flip if isinstance(flip, str) else ("sum" if flip else "none")
        pixels = torch.as_tensor(images)
        mirrored = None if how == "none" else self.raw(pixels.flip(2)).cpu().numpy()
        return combine(self.raw(pixels).cpu().numpy(), mirrored, how)

    def store_threshold(
        self,
        path: Path | str,
        threshold: float,
        far: float,
        flip: str | None = None,
        measured: MeasuredScores | None = None,
    ) -> Path:
        """Remembers the operating threshold in the contract and in the file the network came from.

        Args:
            path: The network's file; a checkpoint keeps it inside, others in a JSON beside them.
            threshold: Cosine at and above which two faces count as one person.
            far: False accept rate for which it was measured.
            flip: How the mirrored image's embedding was used then: none | sum | concat; None where it is not known.
            measured: How all scores fell, for thresholds of other rates.

        Returns:
            The file that was written.
        """
        contract = dataclasses.replace(
            self.contract, threshold=threshold, threshold_far=far, threshold_flip=flip, measured=measured
        )
        written = store_contract(Path(path).expanduser(), contract)
        self.contract = contract
        return written
