"""Whether a configuration makes sense, found out before data is read."""

import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from mfn.config.build import build, build_all, check_values
from mfn.config.settings import checked
from mfn.config.several import check_several
from mfn.config.train import TrainSettings
from mfn.data.device_decode import check_mirrors_alone, decoder
from mfn.data.mixture import check_weights
from mfn.errors import ConfigError
from mfn.training.assembly import contract_of, model_alone, pretrained_of, sizes_of
from mfn.training.callbacks.advance_head import AdvanceHead
from mfn.training.callbacks.mean_centres import MeanCentres
from mfn.training.devices import place
from mfn.training.distill.blocks import BlockTerm
from mfn.training.fastest import settle_precision
from mfn.training.fused import settle_fused, trains_on
from mfn.training.objective import checked_weight
from mfn.training.recognizer import smallest_batch
from mfn.training.recompute import recompute_blocks
from mfn.training.rounding import Int8Rounding

GIVEN = ("callbacks", "enable_checkpointing", "enable_progress_bar", "logger", "plugins", "sync_batchnorm")
"""What the trainer gets besides its configuration."""


def check(config: DictConfig) -> DictConfig:
    """Builds everything that needs no data, at a small size, so that a wrong value ends the run before data is read.

    Returns:
        The configuration with its values as their own types.

    Raises:
        ConfigError: A value makes no sense.
    """
    config = settled(checked(config, TrainSettings))
    trainer = config.trainer
    if trainer.max_steps == -1 and trainer.max_epochs in (-1, None):
        raise ConfigError("trainer.max_epochs and trainer.max_steps are both -1: a schedule needs the run to end")
    place(config.trainer)
    check_values(config.trainer, *GIVEN)
    _check_data(config)
    contract_of(config)
    callbacks = list(build_all(config.callbacks).values())
    backbone = _checked_backbone(config, callbacks)
    head = _checked_head(config)
    _check_learning(config, backbone, head)
    build(config.scheduler)
    try:
        build(config.optimizer)([nn.Parameter(torch.zeros(1))])
    except (TypeError, ValueError) as error:
        raise ConfigError(f"optimizer: {error}") from error
    if hasattr(head, "advance") and not any(isinstance(callback, AdvanceHead) for callback in callbacks):
        raise ConfigError(
            f"head {type(head).__name__} has two stages and nothing leads to the second: add advance_head to "
            "callbacks=[default,advance_head]"
        )
    return config


def settled(config: DictConfig) -> DictConfig:
    """What one value says about another: empty groups, validations counted in batches, what is fastest on a device."""
    for group in ("callbacks", "distill", "logger"):
        if config.get(group) is None:
            OmegaConf.update(config, group, {}, force_add=True)
    if isinstance(config.trainer.val_check_interval, int):
        # Lightning would count them within each epoch, and refuse more than an epoch has
        config.trainer.check_val_every_n_epoch = None
    elif config.trainer.check_val_every_n_epoch is None:
        raise ConfigError(
            f"trainer.val_check_interval={config.trainer.val_check_interval} is a share of an epoch, which needs "
            "trainer.check_val_every_n_epoch: give a number of batches, or say after how many epochs"
        )
    if "benchmark" in config.trainer and config.trainer.benchmark is None:
        config.trainer.benchmark = not config.trainer.get("deterministic")
    settle_precision(config)
    settle_fused(config)
    return config


def _check_data(config: DictConfig) -> None:
    if check_several(config.data):
        check_weights(list(config.data.sources), config.data.weights)
    augment = build(config.augment)
    if config.data.get("decode") == "device":
        check_mirrors_alone(augment)
        decoder(trains_on(config))
    for node in (config.data.source, config.benchmark, config.data.module, *config.logger.values()):
        check_values(node)


def _checked_backbone(config: DictConfig, callbacks: list[object]) -> nn.Module:
    backbone = build(model_alone(config))
    if pretrained := pretrained_of(config):
        if not hasattr(backbone, "check_pretrained"):
            raise ConfigError(
                f"model.pretrained: {type(backbone).__name__} has no weights to start from; see model_path"
            )
        backbone.check_pretrained(config.contract.mean, config.contract.std, pretrained.path)
    if config.model_path is None and config.ckpt_path is None:
        means = any(isinstance(callback, MeanCentres) for callback in callbacks)
        if config.qat or means:
            what = "qat=true" if config.qat else "callbacks.mean_centres"
            raise ConfigError(f"{what} starts from a network that knows faces: set model_path=FILE")
    if config.qat:
        Int8Rounding(backbone)
    if (size := config.data.batch_size) < (least := smallest_batch(backbone)):
        raise ConfigError(f"data.batch_size={size} is too small: batch normalisation needs at least {least} images")
    return backbone


def _checked_head(config: DictConfig) -> nn.Module:
    head = build(config.head, embedding_dim=2, num_classes=2)
    if getattr(head, "learns_from_pairs", False) and config.data.per_identity == 1:
        raise ConfigError(
            f"head {type(head).__name__} learns from several images of a person in a batch: set data.per_identity=4"
        )
    checked_weight("head_weight and head_weight_end", config.head_weight, config.head_weight_end)
    return head


def _check_learning(config: DictConfig, backbone: nn.Module, head: nn.Module) -> None:
    """What is learnt of whom, and which ways of computing go with it."""
    if config.distill and config.teacher is None:
        raise ConfigError(f"distill=[{','.join(config.distill)}] learns from a teacher: set teacher=FILE, or a name")
    if config.teacher is None and (config.teacher_cache is not None or getattr(head, "needs_teacher", False)):
        raise ConfigError(f"{'head=none' if config.teacher_cache is None else 'teacher_cache'} needs teacher=FILE")
    if config.teacher is not None and not config.distill:
        raise ConfigError(f"teacher={config.teacher} teaches nothing: set distill=[embedding]")
    terms = build_all(config.distill, embedding_dim=2, teacher_dim=2, num_classes=2).values()
    blocks = any(isinstance(term, BlockTerm) for term in terms)
    if blocks and config.teacher_cache is not None:
        raise ConfigError("distill=[blocks] looks into the teacher, which teacher_cache keeps out: leave one out")
    if config.compile and (config.qat or blocks):
        what = "qat=true" if config.qat else "distill=[blocks]"
        raise ConfigError(f"{what} looks between the layers, which compile=true melts together: leave one out")
    if config.grad_checkpointing:
        for key, wanted in {"qat=true": config.qat, "distill=[blocks]": blocks, "compile": config.compile}.items():
            if wanted:
                raise ConfigError(f"grad_checkpointing=true goes through the layers twice, {key} once: leave one out")
        recompute_blocks(backbone)
    sizes_of(config, backbone, blocks)
