"""From a composed configuration to the objects of a run."""

import copy
import logging
import sys
from pathlib import Path
from typing import NamedTuple

import torch
from lightning import Callback, Trainer
from lightning.pytorch.callbacks import Checkpoint, LearningRateMonitor
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.strategies.launchers.multiprocessing import _MultiProcessingLauncher
from omegaconf import DictConfig, OmegaConf, open_dict

from mfn.checkpoint.backbone import admit
from mfn.checkpoint.format import CheckpointMetadata
from mfn.checkpoint.lightning_io import AtomicCheckpointIO
from mfn.config.arguments import of_type
from mfn.config.build import build, build_all
from mfn.config.request import request_of_job
from mfn.contract import InputContract
from mfn.data.datamodule import FaceDataModule
from mfn.errors import ConfigError
from mfn.heads.part import held_by
from mfn.ranks import Ranks
from mfn.training.callbacks.last_checkpoint import LastCheckpoint
from mfn.training.callbacks.progress import Bar, Throughput
from mfn.training.callbacks.source_shares import SourceShares
from mfn.training.callbacks.verification import Verification
from mfn.training.devices import place
from mfn.training.distill.teacher import CachedTeacher, open_teacher
from mfn.training.loops import without_lightnings_stop
from mfn.training.objective import Weight
from mfn.training.recognizer import FaceRecognizer
from mfn.training.schedules import Plateau
from mfn.training.size_schedule import SizeSchedule, check_sizes
from mfn.training.synced_norm import SyncedNorms
from mfn.training.together import cluster_plugins, strategy_of

log = logging.getLogger(__name__)


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


_INITIAL = {"pretrained": bool, "pretrained_path": Path | None}
"""Keys of a model that say where its first weights come from; they build nothing, and no checkpoint has them."""


class Pretrained(NamedTuple):
    """ImageNet weights to start from: timm's own, or a file of them."""

    path: Path | None


def model_alone(config: DictConfig) -> DictConfig:
    """What builds the network, without what its first weights are."""
    alone = copy.deepcopy(config)  # references may lead out of the model
    with open_dict(alone.model):
        for key in _INITIAL.keys() & alone.model.keys():
            del alone.model[key]
    return alone.model


def pretrained_of(config: DictConfig) -> Pretrained | None:
    """The weights a network is to start from, where it is one of timm's and starts from any.

    Raises:
        ConfigError: A value does not fit.
    """
    model = config.model
    values = {key: of_type(kind, model[key], f"model.{key}") for key, kind in _INITIAL.items() if key in model}
    if not values.get("pretrained") and values.get("pretrained_path") is None:
        return None
    return Pretrained(values.get("pretrained_path"))


def sizes_of(config: DictConfig, backbone: torch.nn.Module | None = None, blocks: bool = False) -> SizeSchedule:
    """The sizes of the images over the run; with a network, one that can learn from all of them."""
    stages = config.data.get("size_schedule")
    if stages and blocks:
        raise ConfigError(
            "distill=[blocks] compares the blocks of two networks at one size, and data.size_schedule makes one see "
            "smaller images: set data.size_schedule=null"
        )
    schedule = SizeSchedule(contract_of(config), tuple((height, end) for height, end in stages or ()))
    if backbone is not None:
        check_sizes(schedule, backbone)
    return schedule


def ranks_of(trainer: Trainer, strategy: str) -> Ranks:
    """Which process of a run this one is, as a head that is shared out over them has to know before they talk.

    Raises:
        ConfigError: They are no processes that each begin by themselves.
    """
    if trainer.world_size > 1:
        forked = isinstance(trainer.strategy.launcher, _MultiProcessingLauncher)
        if forked or not isinstance(trainer.strategy, DDPStrategy):
            raise ConfigError(
                f"{trainer.world_size} processes by trainer.strategy={strategy}: class centres are shared out over "
                "processes that each run the whole command: set trainer.strategy=ddp"
            )
    return Ranks(trainer.global_rank, trainer.world_size)


def build_recognizer(config: DictConfig, data: FaceDataModule, ranks: Ranks = Ranks()) -> FaceRecognizer:  # noqa: B008
    """Backbone, head, optimiser and metadata for a data set.

    Args:
        config: The composed configuration.
        data: Set up, so that it knows its classes.
        ranks: Which process this is; the head holds its share of the classes.
    """
    backbone = build(model := model_alone(config))
    if (pretrained := pretrained_of(config)) and config.ckpt_path is None:
        backbone.load_pretrained(pretrained.path)
    admit([config.model._target_])  # its own checkpoints are read again at the end of the run
    with held_by(*ranks):
        head = build(config.head, embedding_dim=backbone.embedding_dim, num_classes=data.num_classes)
    metadata = CheckpointMetadata(
        model=OmegaConf.to_container(model, resolve=True),  # type: ignore[arg-type]
        contract=contract_of(config).to_dict(),
        label_map=[int(label) for label in data.label_map],
        label_names=[names[int(label)] for label in data.label_map] if (names := data.source.label_names) else [],
        data=data.fingerprint,
        request=request_of_job(),
        config=OmegaConf.to_yaml(config, resolve=True),
    )
    teacher, terms = None, {}
    if config.teacher is not None:
        teacher = open_teacher(config.teacher, config.teacher_cache, tuple(config.image_size))
        if isinstance(teacher, CachedTeacher):
            teacher.prepare(data)
        dims = {"embedding_dim": backbone.embedding_dim, "teacher_dim": teacher.dim, "num_classes": data.num_classes}
        terms = build_all(config.distill, **dims)
        for term in terms.values():
            term.attach(backbone, contract_of(config), teacher)
    return FaceRecognizer(
        backbone,
        head,
        metadata,
        optimizer=build(config.optimizer),
        schedule=build(config.scheduler),
        last_weight_decay=config.last_weight_decay,
        head_lr_factor=config.head_lr_factor,
        norm_lr_factor=config.norm_lr_factor,
        qat=config.qat,
        sizes=sizes_of(config),
        norm_penalty=config.norm_penalty,
        channels_last=config.channels_last,
        compile_backbone=config.compile,
        recompute=config.grad_checkpointing,
        seed=config.seed,
        head_weight=Weight(config.head_weight, config.head_weight_end),
        terms=terms,
        teacher=teacher,
    )


def build_callbacks(config: DictConfig) -> list[Callback]:
    """The configured callbacks, and those every run has."""
    configured = list(build_all(config.callbacks).values())
    if not config.logger:
        configured = [callback for callback in configured if not isinstance(callback, LearningRateMonitor)]
    on_terminal = sys.stderr.isatty()
    always: list[Callback] = [Verification(), Throughput(lines=not on_terminal), SourceShares()]
    if on_terminal:
        always.append(Bar())
    # What is kept for going on is saved when all others have done their part
    return [*always, *sorted(configured, key=lambda callback: isinstance(callback, LastCheckpoint))]


def build_trainer(config: DictConfig) -> Trainer:
    """Lightning's trainer with the configured callbacks and loggers."""
    callbacks = build_callbacks(config)
    norms = [SyncedNorms()] if config.trainer.get("sync_batchnorm") else []
    trainer: Trainer = build(
        config.trainer,
        strategy=strategy_of(config.trainer.get("strategy", "auto"), place(config.trainer)),
        sync_batchnorm=False,  # Lightning's own, which knows GPUs alone
        callbacks=callbacks,
        enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks),
        logger=list(build_all(config.logger).values()),
        plugins=[AtomicCheckpointIO(), *norms, *cluster_plugins()],
        enable_progress_bar=sys.stderr.isatty(),
    )
    without_lightnings_stop(trainer)
    return trainer


def monitors(config: DictConfig) -> dict[str, str]:
    """The metric that each key names."""
    callbacks = {f"callbacks.{name}.monitor": node.get("monitor") for name, node in config.callbacks.items()}
    named = {key: metric for key, metric in callbacks.items() if metric is not None}
    if isinstance(build(config.scheduler), Plateau):
        named["scheduler.monitor"] = config.scheduler.monitor
    return {"metric": config.metric} | named
