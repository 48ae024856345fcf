"""One training run, from the configuration to the pictures."""

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from lightning import Callback, Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint, RichProgressBar
from omegaconf import DictConfig, OmegaConf

from mfn.callbacks.progress import Throughput
from mfn.callbacks.verification import Verification
from mfn.checkpoint import Passport, weights_hash
from mfn.checkpoint_io import AtomicCheckpointIO
from mfn.contract import InputContract
from mfn.data.datamodule import FaceDataModule
from mfn.errors import ConfigError
from mfn.evaluation.judge import judge
from mfn.failures import unwrapped
from mfn.inference.embedder import FaceEmbedder
from mfn.launch import require_root
from mfn.models.count import network_size
from mfn.parameter_groups import group_rows
from mfn.recognizer import FaceRecognizer
from mfn.report.history import read_history
from mfn.report.pictures import learning_curve, roc_curves
from mfn.report.tables import table, verdict_row
from mfn.runtime import keep_freed_memory
from mfn.transplant import transplant

log = logging.getLogger(__name__)


def train(config: DictConfig) -> float:
    """Trains, judges the best checkpoint and writes what a person wants to see.

    Args:
        config: The composed ``conf/train.yaml``.

    Returns:
        The metric named ``metric``, measured on the best checkpoint.

    Raises:
        MfnError: Configuration, data or checkpoint do not fit; the message says what to do.
    """
    started = time.perf_counter()
    run = readable(config.paths.output)
    if config.keep_freed_memory:
        keep_freed_memory()
    seed_everything(config.seed, workers=False, verbose=False)
    with unwrapped():
        check(config)
        data: FaceDataModule = instantiate(config.data.module, _convert_="all")
        data.setup("fit")
        recognizer = build_recognizer(config, data)
        callbacks = build_callbacks(config)
        trainer: Trainer = instantiate(
            config.trainer,
            _convert_="all",
            callbacks=callbacks,
            logger=[instantiate(logger, _convert_="all") for logger in config.logger.values()],
            plugins=[AtomicCheckpointIO()],
            enable_progress_bar=sys.stderr.isatty(),
        )
    if config.init_from is not None:
        log.info(table(f"Weights from {config.init_from}", transplant(recognizer, Path(config.init_from))))
    tell_the_plan(recognizer, data)
    trainer.fit(recognizer, datamodule=data, ckpt_path=config.ckpt_path, weights_only=True)
    if not trainer.is_global_zero:
        return float("nan")
    return finish(config, run, trainer, data, time.perf_counter() - started)


def check(config: DictConfig) -> None:
    """Builds everything that needs no data, at a small size, so that a wrong value ends the run before data is read.

    Raises:
        ConfigError: A value makes no sense.
    """
    require_root(config)
    contract_of(config)
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
        always.append(RichProgressBar())
    return [*always, *configured]


def tell_the_plan(recognizer: FaceRecognizer, data: FaceDataModule) -> None:
    """Shows the data, the network and the parameter groups before the first step."""
    contract = recognizer.contract
    size = network_size(recognizer.backbone, (contract.height, contract.width))
    log.info(table("Data", [{"what": key, "value": str(value)} for key, value in data.summary().items()]))
    log.info(
        "%s: %s parameters, %.0f M multiply-adds, %.2f MB as float32",
        type(recognizer.backbone).__name__,
        f"{size.parameters:,}",
        size.multiply_adds / 1e6,
        size.megabytes,
    )
    log.info(table("Parameter groups", group_rows(recognizer.optimizer_groups())))


def finish(config: DictConfig, run: Path, trainer: Trainer, data: FaceDataModule, seconds: float) -> float:
    """Judges the best checkpoint from its file and writes summary and pictures.

    Args:
        config: The composed configuration.
        run: The run's folder.
        trainer: Has trained.
        data: Knows the verification sets.
        seconds: How long the run took until here.

    Returns:
        The configured metric.
    """
    best = best_checkpoint(trainer, run)
    embedder = FaceEmbedder.load(best).to(trainer.strategy.root_device)
    verdicts = [judge(embedder, pairs) for pairs in data.verification_sets.values()]
    learning_curve(read_history(run), run / "learning_curve.png")
    figures: dict[str, float] = {f"val/{v.name}/{key}": value for v in verdicts for key, value in v.numbers().items()}
    logged = {key: float(value) for key, value in trainer.callback_metrics.items()}
    value = (logged | figures).get(config.metric, float("nan"))
    overrides = list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []
    summary: dict[str, Any] = {
        "metric": config.metric,
        "mode": config.mode,
        "value": value,
        "checkpoint": str(best),
        "weights": weights_hash(trainer.lightning_module.state_dict()),
        "steps": trainer.global_step,
        "seconds": seconds,
        "overrides": [override for override in overrides if not override.startswith("ckpt_path=")],
        "verification": {v.name: v.numbers() for v in verdicts},
    }
    if verdicts:
        roc_curves(verdicts, run / "roc.png")
        log.info(table(f"Verification of {best.name} on identities never seen", [verdict_row(v) for v in verdicts]))
    (run / "summary.json").write_text(json.dumps(summary, indent=2), encoding="utf-8")
    log.info(
        "%d steps in %.0f s, weights %s; pictures: %s, %s\ncheckpoint: %s\nnext:\n"
        "  python evaluate.py model_path=%s benchmark=lfw benchmark.root=DIR\n"
        "  python train.py data=folder data.root=DIR init_from=%s",
        trainer.global_step,
        seconds,
        summary["weights"],
        run / "learning_curve.png",
        run / "roc.png",
        best,
        best,
        best,
    )
    return value


def readable(path: str) -> Path:
    """The path as a person would type it: relative where it lies below the current folder."""
    absolute = Path(path).resolve()
    return absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute


def best_checkpoint(trainer: Trainer, run: Path) -> Path:
    """The best checkpoint by the monitored metric, or the last one where none was judged."""
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.best_model_path:
            return readable(callback.best_model_path)
    return run / "checkpoints" / "last.ckpt"
