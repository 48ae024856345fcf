"""Any network of timm as a backbone: its features, and a neck to the embedding."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import timm
import torch
from timm.utils.model import reparameterize_model
from torch import Tensor, nn

from mfn.errors import ConfigError, first_line
from mfn.models.blocks import FlatLinear, GlobalDepthwise, check_dropout
from mfn.models.low_rank import LowRankLinear, with_low_rank

Neck = Literal["pooled", "gdc", "fc"]


class TimmBackbone(nn.Module):
    """Images to embeddings by a network of timm (https://github.com/huggingface/pytorch-image-models).

    Args:
        name: Of the network, as ``timm.list_models()`` has it; a tag of weights does not belong here.
        embedding_dim: Length of the embedding.
        input_size: Height and width of the crop.
        neck: From features to embedding: ``"pooled"``, timm's own pooling and a linear layer; ``"gdc"``, the global
            depthwise convolution of MobileFaceNet; ``"fc"``, InsightFace's BN, dropout, linear layer and BN.
        stem_stride: Step of the first convolution; None leaves timm's own, made for 224x224, 1 keeps twice the detail.
        dropout: Share of the features dropped before the embedding.
        low_rank: Replace linear layers by two of this share of their rank, as EdgeFace does; None leaves them.

    Raises:
        ConfigError: There is no such network, or a value makes no sense for it.
    """

    def __init__(
        self,
        name: str,
        embedding_dim: int = 512,
        input_size: tuple[int, int] = (112, 112),
        neck: Neck = "gdc",
        stem_stride: int | None = None,
        dropout: float = 0.0,
        low_rank: float | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(name, str) or not timm.is_model(name):
            raise ConfigError(f"model.name={name} is no network of timm {timm.__version__}{_alike(name)}")
        if embedding_dim < 1 or neck not in ("pooled", "gdc", "fc") or stem_stride not in (None, 1, 2):
            raise ConfigError(
                "model.embedding_dim must be positive, model.neck pooled, gdc or fc, model.stem_stride 1, 2 or null, "
                f"got {embedding_dim}, {neck}, {stem_stride}"
            )
        check_dropout(dropout)
        self.name = name
        self.embedding_dim = embedding_dim
        self.input_size = (int(input_size[0]), int(input_size[1]))
        try:
            self.network = _features(name, self.input_size, pooled=neck == "pooled")
            if stem_stride is not None:
                _set_stem(self.network, stem_stride)
            shape = _shape(self.network, self.input_size)
        except (AssertionError, RuntimeError, ValueError, TypeError) as error:
            reason = first_line(error)
            raise ConfigError(
                f"model.name={name} cannot take images of {input_size[0]}x{input_size[1]} ({reason})"
            ) from error
        if neck == "pooled":
            self.output: nn.Module = nn.Sequential(nn.Dropout(dropout), nn.Linear(shape[0], embedding_dim))
        elif len(shape) != 3:
            raise ConfigError(
                f"model.name={name} gives no feature map, which neck={neck} needs: choose model.neck=pooled"
            )
        else:
            neck_class = GlobalDepthwise if neck == "gdc" else FlatLinear
            self.output = neck_class(shape[0], embedding_dim, (shape[1], shape[2]), dropout)
        if low_rank is not None:
            with_low_rank(self, low_rank)
        self.last_layers = ("output.embed",) if neck == "gdc" else ("output",)

    def no_weight_decay(self) -> set[str]:
        """Names of parameters that timm says must not decay."""
        named = getattr(self.network, "no_weight_decay", set)()
        return {f"network.{name}" for name in named}

    def check_pretrained(self, mean: Sequence[float], std: Sequence[float], path: Path | None) -> None:
        """Whether this network can start from ImageNet weights, without reading them.

        Args:
            mean: Of the contract, in units of 0..255.
            std: Likewise.
            path: A file of weights; None takes timm's own.

        Raises:
            ConfigError: It cannot, or they were trained on other pixels.
        """
        name, config = self.name, timm.get_pretrained_cfg(self.name)
        if any(isinstance(module, LowRankLinear) for module in self.modules()):
            raise ConfigError("model.pretrained does not go with model.low_rank, whose layers have other shapes")
        if path is not None and not path.is_file():
            raise ConfigError(f"model.pretrained_path={path} does not exist")
        if config is None or (path is None and not config.has_weights):
            raise ConfigError(f"timm has no weights of {name}: set model.pretrained=false")
        theirs = [[round(255 * value, 3) for value in values] for values in (config.mean, config.std)]
        if not all(np.allclose(one, other, atol=0.1) for one, other in zip((mean, std), theirs, strict=True)):
            raise ConfigError(
                f"the weights of {name} were trained on other pixels: set contract.mean={_plain(theirs[0])} "
                f"contract.std={_plain(theirs[1])}"
            )

    def load_pretrained(self, path: Path | None) -> None:
        """Starts from ImageNet weights.

        Args:
            path: A file of them; None takes timm's own, which are downloaded once.

        Raises:
            ConfigError: They cannot be had, or do not fit.
        """
        overlay = {} if path is None else {"file": str(path)}
        try:
            # With its classifier, since timm then wants every tensor to fit
            source = timm.create_model(self.name, pretrained=True, pretrained_cfg_overlay=overlay)
        except Exception as error:  # of the network, the hub, the unpickler or the shapes
            reason = first_line(error)
            if path is not None:
                raise ConfigError(f"model.pretrained_path={path} holds no weights of {self.name} ({reason})") from error
            where = timm.get_pretrained_cfg(self.name)
            raise ConfigError(
                f"the weights of {self.name} cannot be downloaded ({reason}): get them elsewhere from "
                f"https://huggingface.co/{where.hf_hub_id if where else 'timm'} and set model.pretrained_path=FILE"
            ) from error
        self.network.load_state_dict(source.state_dict(), strict=False)

    def deployed(self) -> nn.Module:
        """The network as it is used: branches that only training needs are joined into one."""
        return reparameterize_model(self)

    def forward(self, images: Tensor) -> Tensor:
        """Embeds normalised images: float (N, 3, H, W) to float (N, embedding_dim), not of unit length."""
        return self.output(self.network(images))


def _features(name: str, input_size: tuple[int, int], pooled: bool) -> nn.Module:
    """A network of timm without its classifier; with ``pooled`` it gives (N, C)."""
    options = {} if pooled else {"global_pool": ""}
    config = timm.get_pretrained_cfg(name)
    if config is not None and config.fixed_input_size:
        options["img_size"] = input_size  # type: ignore[assignment]
    return timm.create_model(name, pretrained=False, num_classes=0, **options)  # type: ignore[arg-type]


def _shape(network: nn.Module, input_size: tuple[int, int]) -> tuple[int, ...]:
    """Shape of what the network gives for one image, without computing it."""
    was_training, device = network.training, next(network.parameters()).device
    with torch.no_grad():
        shape = network.eval()(torch.zeros(1, 3, *input_size, device=device)).shape[1:]
    network.train(was_training)
    return tuple(shape)


def _set_stem(network: nn.Module, stride: int) -> None:
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    first.stride = (stride, stride)


def _alike(name: object) -> str:
    found = timm.list_models(f"*{name}*")[:5] if isinstance(name, str) and name.isidentifier() else []
    return f"; there are {', '.join(found)}" if found else "; timm.list_models() names them"


def _plain(values: Sequence[float]) -> str:
    return "[" + ",".join(f"{value:g}" for value in values) + "]"
