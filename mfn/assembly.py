"""From a composed configuration to the objects of a run."""

import sys

import torch
from hydra.utils import instantiate
from lightning import Callback, Trainer
from omegaconf import DictConfig, OmegaConf

from mfn.callbacks.progress import Bar, Throughput
from mfn.callbacks.verification import Verification
from mfn.checkpoint import Passport
from mfn.checkpoint_io import AtomicCheckpointIO
from mfn.contract import InputContract
from mfn.data.datamodule import FaceDataModule
from mfn.errors import ConfigError
from mfn.launch import require_root
from mfn.recognizer import FaceRecognizer


def check(config: DictConfig) -> None:
    """Builds everything that needs no data, at a small size, so that a wrong value ends the run before data is read.

    Raises:
        ConfigError: A value makes no sense.
    """
    require_root(config)
    if config.trainer.max_epochs == config.trainer.max_steps == -1:
        raise ConfigError("trainer.max_epochs and trainer.max_steps are both -1: a schedule needs the run to end")
    contract_of(config)
    instantiate(config.model, _convert_="all")
    instantiate(config.head, _convert_="all", embedding_dim=2, num_classes=2)
    instantiate(config.scheduler, _convert_="all")
    try:
        instantiate(config.optimizer, _convert_="all")([torch.nn.Parameter(torch.zeros(1))])
    except (TypeError, ValueError) as error:
        raise ConfigError(f"optimizer: {error}") from error


def contract_of(config: DictConfig) -> InputContract:
    """The input contract that the configuration describes."""
    height, width = config.image_size
    return InputContract.for_size(
        height,
        width,
        color=config.contract.color,
        mean=tuple(config.contract.mean),
        std=tuple(config.contract.std),
        embedding_dim=config.model.embedding_dim,
    )


def build_recognizer(config: DictConfig, data: FaceDataModule) -> FaceRecognizer:
    """Backbone, head, optimiser and passport for a data set.

    Args:
        config: The composed configuration.
        data: Set up, so that it knows its classes.
    """
    backbone = instantiate(config.model, _convert_="all")
    head = instantiate(config.head, _convert_="all", embedding_dim=backbone.embedding_dim, num_classes=data.num_classes)
    passport = Passport(
        model=OmegaConf.to_container(config.model, resolve=True),  # type: ignore[arg-type]
        contract=contract_of(config).to_dict(),
        label_map=[int(label) for label in data.label_map],
        label_names=[names[int(label)] for label in data.label_map] if (names := data.source.label_names) else [],
        config=OmegaConf.to_yaml(config, resolve=True),
    )
    return FaceRecognizer(
        backbone,
        head,
        passport,
        optimizer=instantiate(config.optimizer, _convert_="all"),
        schedule=instantiate(config.scheduler, _convert_="all"),
        last_weight_decay=config.last_weight_decay,
        head_lr_factor=config.head_lr_factor,
        norm_penalty=config.norm_penalty,
        channels_last=config.channels_last,
        compile_backbone=config.compile,
        seed=config.seed,
    )


def build_callbacks(config: DictConfig) -> list[Callback]:
    """The configured callbacks, and those every run has."""
    configured = [instantiate(callback, _convert_="all") for callback in config.callbacks.values()]
    on_terminal = sys.stderr.isatty()
    always: list[Callback] = [Verification(), Throughput(lines=not on_terminal)]
    if on_terminal:
        always.append(Bar())
    return [*always, *configured]


def build_trainer(config: DictConfig) -> Trainer:
    """Lightning's trainer with the configured callbacks and loggers."""
    return instantiate(
        config.trainer,
        _convert_="all",
        callbacks=build_callbacks(config),
        logger=[instantiate(logger, _convert_="all") for logger in config.logger.values()],
        plugins=[AtomicCheckpointIO()],
        enable_progress_bar=sys.stderr.isatty(),
    )
